"""Work that shows what a CPU can attain: matrix products, convolutions, long arrays.

Products of square matrices alone are no upper bound for networks. On two cores of a Xeon with
AMX, a product in bf16 reached 1,120 GMAC/s, as its right side is brought into the unit's order
each time; a 3x3 convolution whose maps stay in the caches reached 1,380. In int8 it was 1,100 to
2,000 against 3,400. In fp32 both reached 170. So both are here, in several sizes, and the fastest
counts. Such convolutions in OpenVINO were no faster at any precision (170, 1,350 and 2,200).
"""

from collections.abc import Callable, Iterator

from posemark.machine.fixed_work import Work

PRECISIONS = ("fp32", "bf16", "fp16", "int8")

SIDES = (256, 512, 1024, 2048)
CHANNELS = 256
MAPS_HW = ((64, 48), (128, 96))

_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def use_threads(threads: int) -> None:
    """Compute with so many from now on, in this process."""
    import torch

    torch.set_num_threads(threads)


def sums(precision: str) -> Iterator[Work]:
    """Work in multiply-accumulates at a precision, from little to much.

    Each is made when it is asked for: on a slow machine the large ones never need to be. What
    this build of torch cannot do is left out.
    """
    kinds = _int8() if precision == "int8" else _floats(precision)
    for what, macs, make in kinds:
        try:
            do = make()
            do()
        except (RuntimeError, AttributeError):  # no such kernel on this processor
            continue
        yield Work(what, macs, do)


Kind = tuple[str, float, Callable[[], Callable[[], object]]]


def _kinds(
    product: Callable[[int], Callable[[], object]],
    convolution: Callable[[tuple[int, int]], Callable[[], object]],
) -> list[Kind]:
    products = [(f"product, {n}x{n}", float(n**3), lambda n=n: product(n)) for n in SIDES]
    convolutions = [
        (f"3x3 convolution, {CHANNELS}x{h}x{w}", _macs(h, w), lambda hw=(h, w): convolution(hw))
        for h, w in MAPS_HW
    ]
    return sorted([*products, *convolutions], key=lambda kind: kind[1])


def _macs(height: int, width: int) -> float:
    return 9.0 * CHANNELS**2 * height * width


def _floats(precision: str) -> list[Kind]:
    import torch

    dtype = getattr(torch, _DTYPES[precision])

    def product(side: int) -> Callable[[], object]:
        left, right = torch.rand(side, side).to(dtype), torch.rand(side, side).to(dtype)
        out = torch.empty(side, side, dtype=dtype)
        return lambda: torch.mm(left, right, out=out)

    def convolution(map_hw: tuple[int, int]) -> Callable[[], object]:
        like = {"dtype": dtype, "memory_format": torch.channels_last}
        maps = torch.rand(1, CHANNELS, *map_hw).to(**like)
        weight = torch.rand(CHANNELS, CHANNELS, 3, 3).to(**like)
        return lambda: torch.conv2d(maps, weight, padding=1)

    return _kinds(product, convolution)


def _int8() -> list[Kind]:
    import torch

    def product(side: int) -> Callable[[], object]:
        left, right = (torch.randint(-127, 127, (side, side), dtype=torch.int8) for _ in range(2))
        # Columns in a row: faster than rows in a row by up to a half.
        return lambda: torch._int_mm(left, right.t())

    def convolution(map_hw: tuple[int, int]) -> Callable[[], object]:
        maps = torch.randint(0, 255, (1, CHANNELS, *map_hw), dtype=torch.uint8)
        maps = maps.to(memory_format=torch.channels_last)
        weight = torch.randint(-127, 127, (CHANNELS, CHANNELS, 3, 3), dtype=torch.int8)
        scales, zeros = torch.full((CHANNELS,), 0.01), torch.zeros(CHANNELS, dtype=torch.int32)
        around = ([1, 1], [1, 1], [1, 1], 1)  # stride, padding, dilation, groups
        kernels = torch.ops.onednn
        packed = kernels.qconv_prepack(weight, scales, 0.01, 0, *around, list(maps.shape))
        given = (maps, 0.01, 0, packed, scales, zeros, None, *around)
        wanted = (1.0, 0, torch.uint8, "none", [], "")
        return lambda: kernels.qconv2d_pointwise(*given, *wanted)

    return _kinds(product, convolution)


def stream(array_bytes: int) -> Work:
    """Two float32 arrays of so many bytes each, a += s * b: both are read, one is written.

    In place, since a write to memory that was not read first makes most processors read it all
    the same, which would be moved but not counted.
    """
    import torch

    count = array_bytes // 4
    total, more = torch.full((count,), 1.0), torch.full((count,), 1e-9)  # filled: really there
    what = f"a += s b, {count * 4 / 1e6:,.0f} MB each"
    return Work(what, 12.0 * count, lambda: total.add_(more, alpha=0.5))
