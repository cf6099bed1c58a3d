"""Workloads that reach a CPU's peak rates: matrix products, convolutions, long arrays.

Products of square matrices alone are no upper bound for networks. On two cores of a Xeon with
AMX, a product in bf16 reached 1,120 GMAC/s, because the library reorders the right-hand matrix
for the matrix unit in every call; a 3x3 convolution whose maps stay in the caches reached 1,380.
In int8, products reached 1,100 to 2,000 and convolutions 3,400. In fp32 both reached 170.
Therefore this module has both, in several sizes, and the fastest one counts. The same
convolutions in OpenVINO were no faster at any precision (170, 1,350 and 2,200).
"""

from collections.abc import Callable, Iterator
from functools import partial

from posemark.machine.fixed_work import Work

PRECISIONS = ("fp32", "bf16", "fp16", "int8")

SIDES = (256, 512, 1024, 2048)
"""Numbers of rows and columns of the square matrices."""

CHANNELS = 256
"""Input and output channels of the convolutions."""

MAPS_HW = ((64, 48), (128, 96))
"""Heights and widths of the maps of the convolutions."""

_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def use_threads(threads: int) -> None:
    """Set the number of threads that torch uses in this process from now on."""
    import torch

    torch.set_num_threads(threads)


def sums(precision: str) -> Iterator[Work]:
    """Yield the arithmetic workloads of one precision, in order of increasing amount.

    Each is built only when the caller asks for it, so that a slow machine never builds the large
    ones. Workloads for which this build of torch has no kernel are left out.

    Args:
        precision: One of PRECISIONS.
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
"""Description, multiply-accumulates, and a function that builds the work."""


def _kinds(
    product: Callable[[int], Callable[[], object]],
    convolution: Callable[[tuple[int, int]], Callable[[], object]],
) -> list[Kind]:
    products = [(f"product, {n}x{n}", float(n**3), partial(product, n)) for n in SIDES]
    convolutions = [
        (f"3x3 convolution, {CHANNELS}x{h}x{w}", _macs(h, w), partial(convolution, (h, w)))
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
        nhwc = torch.channels_last
        maps = torch.rand(1, CHANNELS, *map_hw).to(dtype=dtype, memory_format=nhwc)
        weight = torch.rand(CHANNELS, CHANNELS, 3, 3).to(dtype=dtype, memory_format=nhwc)
        return lambda: torch.conv2d(maps, weight, padding=1)

    return _kinds(product, convolution)


def _int8() -> list[Kind]:
    import torch

    def product(side: int) -> Callable[[], object]:
        left, right = (torch.randint(-127, 127, (side, side), dtype=torch.int8) for _ in range(2))
        # The only int8 matrix product that torch has for the CPU; it has no public name.
        multiply = torch._int_mm  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        # A right-hand matrix stored by columns is up to 1.5 times as fast as one stored by rows.
        return lambda: multiply(left, right.t())

    def convolution(map_hw: tuple[int, int]) -> Callable[[], object]:
        maps = torch.randint(0, 255, (1, CHANNELS, *map_hw), dtype=torch.uint8)
        maps = maps.to(memory_format=torch.channels_last)
        weight = torch.randint(-127, 127, (CHANNELS, CHANNELS, 3, 3), dtype=torch.int8)
        scales, zeros = torch.full((CHANNELS,), 0.01), torch.zeros(CHANNELS, dtype=torch.int32)
        geometry = ([1, 1], [1, 1], [1, 1], 1)  # stride, padding, dilation, groups
        kernels = torch.ops.onednn
        packed = kernels.qconv_prepack(weight, scales, 0.01, 0, *geometry, list(maps.shape))
        inputs = (maps, 0.01, 0, packed, scales, zeros, None, *geometry)
        no_scalars: list[float] = []
        outputs = (1.0, 0, torch.uint8, "none", no_scalars, "")
        return lambda: kernels.qconv2d_pointwise(*inputs, *outputs)

    return _kinds(product, convolution)


def stream(array_bytes: int) -> Work:
    """The workload for memory bandwidth: a += s * b on two long float32 arrays.

    Each call reads both arrays and writes one. The sum is stored in place, because most
    processors read memory before they write it: with a third array, bytes would be moved that
    are not counted.

    Args:
        array_bytes: Size of each array in bytes.
    """
    import torch

    count = array_bytes // 4
    total, more = (
        torch.full((count,), 1.0),
        torch.full((count,), 1e-9),
    )  # filled, so that the pages exist
    what = f"a += s b, {count * 4 / 1e6:,.0f} MB each"
    return Work(what, 12.0 * count, lambda: total.add_(more, alpha=0.5))
