"""Deformable 3x3 convolution, version 1 (arXiv 1703.06211), in plain torch operators.

It is the form that DEKR uses: no mask, one group of offsets, stride 1, padding 1, no bias. The
result equals that of torchvision.ops.DeformConv2d, which needs a compiled operator and runs on
one thread. In an ONNX file it is one DeformConv node, for which runtimes have faster kernels
than for the separate operators. Operator sets before OPSET have no such node; there it is a
gathering of the four pixels around each place, and one matrix product.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

CELLS = 9
"""Number of kernel cells, counted row by row."""

OPSET = 19
"""The first version of ONNX's operator set that has DeformConv."""


def deform_conv(x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    """Convolve with a 3x3 kernel whose cells are moved by the offsets.

    Values between pixels are interpolated bilinearly; values outside the map are 0.

    Args:
        x: (N, C, H, W) maps.
        offsets: (N, 18, H, W), for each kernel cell by how many rows and how many columns it
            moves from its regular place.
        weight: (O, C, 3, 3) kernel.

    Returns:
        (N, O, H, W) maps.
    """
    if torch.onnx.is_in_onnx_export():
        return _operator(x, offsets, weight)
    return _sampled(x, offsets, weight)


class _Operator(torch.autograd.Function):
    """One node in an exported file, https://onnx.ai/onnx/operators/onnx__DeformConv.html.

    The exporter's graph and values have private types of torch, hence Any.
    """

    @staticmethod
    def forward(_: Any, x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
        return _sampled(x, offsets, weight)

    @staticmethod
    def symbolic(graph: Any, x: Any, offsets: Any, weight: Any) -> Any:
        outputs, channels = weight.type().sizes()[:2]
        if graph.opset < OPSET:
            maps = _Gathered(graph, x, offsets, channels).convolved(weight, outputs)
        else:
            attributes = {"kernel_shape_i": [3, 3], "pads_i": [1, 1, 1, 1]}
            maps = graph.op("DeformConv", x, weight, offsets, **attributes)
        return maps.setType(x.type().with_sizes([None, outputs, None, None]))


class _Gathered:
    """The convolution in operators of ONNX's set 11, as nodes of a graph.

    The maps get a border of zeros, into which every place outside of them is moved. Places are
    counted in pixels of the maps with this border. The arrays of places have the axes
    (N, H, W, CELLS), so that what is gathered there is already the matrix of the product.

    Args:
        graph: the exporter's graph.
        x: (N, C, H, W) maps.
        offsets: (N, 18, H, W) as in deform_conv.
        channels: the number C.
    """

    def __init__(self, graph: Any, x: Any, offsets: Any, channels: int) -> None:
        self._graph, self._channels = graph, channels
        self._size = graph.op("Shape", x)
        self._height, self._width = self._length(2), self._length(3)
        border = graph.op("Pad", x, self._ints(0, 0, 1, 1, 0, 0, 1, 1), mode_s="constant")
        lying = graph.op("Transpose", border, perm_i=[0, 2, 3, 1])
        self._pixels = graph.op("Reshape", lying, self._ints(-1, channels))
        moves = graph.op("Transpose", offsets, perm_i=[0, 2, 3, 1])
        shape = self._joined(self._length(0), self._height, self._width, self._ints(CELLS, 2))
        self._moves = graph.op("Reshape", moves, shape)

    def convolved(self, weight: Any, outputs: int) -> Any:
        """Return the maps (N, O, H, W) for a kernel (O, C, 3, 3) with that many outputs."""
        op, taps = self._graph.op, CELLS * self._channels
        kernel = op("Transpose", weight, perm_i=[2, 3, 1, 0])
        kernel = op("Reshape", kernel, self._ints(taps, outputs))
        matrix = op("Reshape", self._sampled(), self._ints(-1, taps))
        product = op("MatMul", matrix, kernel)
        shape = self._joined(self._length(0), self._height, self._width, self._ints(outputs))
        return op("Transpose", op("Reshape", product, shape), perm_i=[0, 3, 1, 2])

    def _sampled(self) -> Any:
        """Return the interpolated pixels (N H W CELLS, C)."""
        op = self._graph.op
        rows = self._places(0, [-1, -1, -1, 0, 0, 0, 1, 1, 1], [1, -1, 1, 1])
        columns = self._places(1, [-1, 0, 1] * 3, [1, 1, -1, 1])
        corners = [
            op("Mul", self._pixels_at(row, column), op("Mul", share, part))
            for row, share in rows
            for column, part in columns
        ]
        return op("Sum", *corners)

    def _places(self, axis: int, steps: list[int], shape: list[int]) -> list[tuple[Any, Any]]:
        """Return the two pixels around every place along an axis, with their shares (-1, 1).

        Args:
            axis: 0 for rows, 1 for columns.
            steps: distance of each kernel cell from the middle of the kernel, in pixels.
            shape: shape that the numbers of rows or columns need for broadcasting.
        """
        op = self._graph.op
        last = op("Cast", op("Add", self._length(2 + axis), self._ints(1)), to_i=_FLOAT)
        regular = op(
            "Cast", op("Reshape", self._numbers(2 + axis), self._ints(*shape)), to_i=_FLOAT
        )
        cells = op("Constant", value_t=torch.tensor(steps, dtype=torch.float32) + 1)
        moves = op("Gather", self._moves, self._int(axis), axis_i=4)
        place = op("Add", moves, op("Add", regular, cells))
        place = op("Min", op("Max", place, self._float(0)), last)
        first = op("Floor", place)
        second = op("Min", op("Add", first, self._float(1)), last)
        part = op("Reshape", op("Sub", place, first), self._ints(-1, 1))
        return [(first, op("Sub", self._float(1), part)), (second, part)]

    def _pixels_at(self, row: Any, column: Any) -> Any:
        """Return the pixels (N H W CELLS, C) in a row and a column of the maps with border."""
        op, border = self._graph.op, self._ints(2)
        width = op("Add", self._width, border)
        row_begin = op("Mul", row, op("Cast", width, to_i=_FLOAT))
        place = op("Cast", op("Add", row_begin, column), to_i=_INT64)
        pixels = op("Mul", op("Add", self._height, border), width)
        begin = op("Reshape", op("Mul", self._numbers(0), pixels), self._ints(-1, 1, 1, 1))
        index = op("Reshape", op("Add", place, begin), self._ints(-1))
        return op("Gather", self._pixels, index, axis_i=0)

    def _length(self, axis: int) -> Any:
        """Return the length (1,) of an axis of the maps."""
        return self._graph.op("Gather", self._size, self._ints(axis), axis_i=0)

    def _numbers(self, axis: int) -> Any:
        """Return 0, 1, 2, ... (L,) for an axis of length L of the maps."""
        length = self._graph.op("Gather", self._size, self._int(axis), axis_i=0)
        return self._graph.op("Range", self._int(0), length, self._int(1))

    def _joined(self, *lengths: Any) -> Any:
        return self._graph.op("Concat", *lengths, axis_i=0)

    def _ints(self, *values: int) -> Any:
        return self._graph.op("Constant", value_t=torch.tensor(values, dtype=torch.int64))

    def _int(self, value: int) -> Any:
        return self._graph.op("Constant", value_t=torch.tensor(value, dtype=torch.int64))

    def _float(self, value: float) -> Any:
        return self._graph.op("Constant", value_t=torch.tensor(value, dtype=torch.float32))


_FLOAT, _INT64 = 1, 7
"""ONNX's numbers of two types."""


_operator = cast(
    "Callable[[Tensor, Tensor, Tensor], Tensor]",
    _Operator.apply,  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
)


def _sampled(x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    # grid_sample expects (x, y). In the transposed image that is (row, column), the order of the
    # offsets, so that they need not be copied to swap them. The 9 cells become 9 images (a view
    # for N = 1), because CPU kernels distribute images over threads, not rows.
    # Positions need float32: bfloat16 has 8 significant bits, which among 176 columns give a
    # precision of half a pixel only.
    images = x.mT[:, None].expand(-1, CELLS, -1, -1, -1).flatten(0, 1).float()
    grid = _positions(offsets.float()).flatten(0, 1).permute(0, 2, 3, 1)
    sampled = F.grid_sample(images, grid, "bilinear", "zeros", align_corners=False)
    columns = torch.unflatten(sampled, 0, (-1, CELLS)).flatten(1, 2).to(weight.dtype)
    return F.conv2d(columns, weight.permute(0, 2, 3, 1).flatten(1)[..., None, None])


def _positions(offsets: Tensor) -> Tensor:
    """The (N, 9, 2, H, W) rows and columns in grid_sample's units: -1 and 1 are the borders.

    They are the borders, not the centres of the outermost pixels (align_corners), so that a map
    of one row or column needs no special case.
    """
    device, dtype = offsets.device, offsets.dtype
    height, width = offsets.shape[2:]
    unit = torch.tensor([2 / height, 2 / width], device=device, dtype=dtype).view(2, 1, 1)
    row_numbers = torch.arange(height, device=device, dtype=dtype)
    column_numbers = torch.arange(width, device=device, dtype=dtype)
    rows = ((row_numbers + 0.5) * (2 / height) - 1)[:, None]
    columns = (column_numbers + 0.5) * (2 / width) - 1
    centres = torch.stack([rows.expand(height, width), columns.expand(height, width)])
    step = torch.arange(-1, 2, device=device, dtype=dtype)
    cells = torch.stack([step.repeat_interleave(3), step.repeat(3)], 1)[..., None, None]
    moves = torch.unflatten(offsets, 1, (CELLS, 2))
    return torch.addcmul(centres + cells * unit, moves, unit)
