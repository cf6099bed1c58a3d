"""Accept golden files: copy them from ../shared/golden into tests/golden, on purpose.

`make accept` lists which of the kept goldens differ from the shared ones;
`make accept GOLDENS="hrnet_w32_256x192/golden.npz ..."` copies the named ones.
"""

import filecmp
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent / "golden"
SHARED = Path(__file__).parents[2] / "shared" / "golden"


def main(names):
    if not SHARED.is_dir():
        sys.exit(f"{SHARED}: not here, so there is nothing to accept from")
    if not names:
        for path in sorted(p for p in HERE.rglob("*") if p.is_file()):
            name = path.relative_to(HERE)
            same = filecmp.cmp(path, SHARED / name, shallow=False)
            print(f"{'same   ' if same else 'DIFFERS'} {name}")
    for name in names:
        if not (SHARED / name).is_file():
            sys.exit(f"{SHARED / name}: no such golden file")
        (HERE / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SHARED / name, HERE / name)
        print(f"accepted {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
