"""Copy golden files from ../shared/golden into tests/golden, when asked to by name.

`make accept` lists which of the kept goldens differ from the shared ones;
`make accept GOLDENS="hrnet_w32_256x192/golden.npz ..."` copies the named ones byte by byte. The
outputs of the networks in SAMPLED are thinned out by `sampled`; `make accept GOLDENS=sampled` makes
all of these again. A golden depends only on the shared file, so everybody who has that file gets
the same arrays.
"""

import filecmp
import shutil
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent / "golden"
SHARED = Path(__file__).parents[2] / "shared" / "golden"

SAMPLED = (
    "darkpose_w48_384x288",
    "dekr_w48_640",
    "hrnet_w48_384x288",
    "litehrnet_30_256x192",
    "naive_litehrnet_18_256x192",
    "openpose_body25",
    "transpose_h_a4_256x192",
    "transpose_h_a6_256x192",
    "transpose_r_a4_256x192",
)
"""Networks of which samples are enough, because a related network's golden is kept whole."""

MOST_VALUES = 30_000
"""Most values of one output in a sampled golden (120 kB)."""


def sampled(arrays):
    """Return the arrays of a golden, each output (N, C, H, W) with at most MOST_VALUES values.

    Every second cell of rows and columns is kept, or every third, and so on: NAME_stride is the
    step and NAME_shape the shape of the official output. NAME_stats are kept unchanged: mean,
    deviation and largest absolute value of all cells.
    """
    found = dict(arrays)
    for name, values in arrays.items():
        if values.ndim == 4 and values.size > MOST_VALUES:
            step = next(s for s in range(2, 99) if values[..., ::s, ::s].size <= MOST_VALUES)
            found[name] = np.ascontiguousarray(values[..., ::step, ::step])
            found[f"{name}_stride"] = step * arrays.get(f"{name}_stride", np.int64(1))
            found.setdefault(f"{name}_shape", np.array(values.shape))
    return found


def is_sampled(name):
    return Path(name).name == "golden.npz" and Path(name).parent.name in SAMPLED


def expected(name):
    """Return the arrays that a sampled golden must contain."""
    with np.load(SHARED / name) as archive:
        return sampled(dict(archive))


def is_same(name):
    """Return whether a kept golden equals the one that would be accepted now."""
    if not is_sampled(name):
        return filecmp.cmp(HERE / name, SHARED / name, shallow=False)
    with np.load(HERE / name) as archive:
        kept, wanted = dict(archive), expected(name)
    same = kept.keys() == wanted.keys()
    return same and all(np.array_equal(kept[each], wanted[each]) for each in wanted)


def accept(name):
    if not (SHARED / name).is_file():
        sys.exit(f"{SHARED / name}: no such golden file")
    (HERE / name).parent.mkdir(parents=True, exist_ok=True)
    if is_sampled(name):
        np.savez_compressed(HERE / name, **expected(name))
    else:
        shutil.copyfile(SHARED / name, HERE / name)
        (HERE / name).chmod(0o644)
    print(f"accepted {name}")


def main(names):
    if not SHARED.is_dir():
        sys.exit(f"{SHARED}: not here, so there is nothing to accept from")
    if not names:
        for path in sorted(p for p in HERE.rglob("*") if p.is_file()):
            name = path.relative_to(HERE)
            print(f"{'same   ' if is_same(name) else 'DIFFERS'} {name}")
    if names == ["sampled"]:
        names = [f"{each}/{file}" for each in SAMPLED for file in ("keys.json", "golden.npz")]
    for name in names:
        accept(name)


if __name__ == "__main__":
    main(sys.argv[1:])
