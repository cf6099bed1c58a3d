"""Accept golden files: take them from ../shared/golden into tests/golden, on purpose.

`make accept` lists which of the kept goldens differ from the shared ones;
`make accept GOLDENS="hrnet_w32_256x192/golden.npz ..."` takes over the named ones, byte by byte,
but for the outputs of the networks in SAMPLED, which are thinned out by `sampled`.
`make accept GOLDENS=sampled` makes all of these anew. What a golden holds depends on the shared
file alone, so anybody who has that gets the same arrays.
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
"""Networks of which a sibling's golden is kept whole: samples of theirs are enough."""

MOST_VALUES = 30_000
"""Of an output, in a sampled golden: 120 kB."""


def sampled(arrays):
    """The arrays of a golden, every output (N, C, H, W) of it with MOST_VALUES values at most.

    Every second cell of rows and columns is kept, or every third, and so on. NAME_stride says
    which, of the official output; NAME_shape is the shape of that. Its NAME_stats stay: mean,
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
    """The arrays that a sampled golden must hold."""
    with np.load(SHARED / name) as archive:
        return sampled(dict(archive))


def is_same(name):
    """Whether a kept golden is what would be accepted now."""
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
