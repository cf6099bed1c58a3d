"""The deformable convolution of ONNX files in OpenVINO's operators: it has none that agrees.

Its own DeformableConvolution samples otherwise at borders, and slower than GridSample.
"""

from itertools import count
from typing import Any

import numpy as np

NAME = "posemark_deform_"
"""How the names of the operators begin that compute where to look, and look there."""

PRODUCT = "posemark_product_"
"""How the names of the products with the weights begin."""

_numbers = count()

CELLS = 9
ROW_STEPS = (-1, -1, -1, 0, 0, 0, 1, 1, 1)
COLUMN_STEPS = (-1, 0, 1, -1, 0, 1, -1, 0, 1)


def deform_conv(node: Any) -> Any:
    """nn.deform.deform_conv from an ONNX node DeformConv (images, weight, offsets).

    The 9 cells stand below one another in one grid of 9 H rows: one sampling, whose output is
    already the matrix that a product with the weights needs.
    """
    images, weight, offsets = (node.get_input(index) for index in range(3))
    outputs, inputs = (weight.get_partial_shape()[axis].get_length() for axis in (0, 1))
    height, width = _size(offsets)
    moved = _op("reshape", offsets, _op("concat", [_ints(0, CELLS, 2), height, width], 0), True)
    rows, columns = _op("split", moved, _constant(np.int64(2)), 2).outputs()
    x = _positions(columns, width, COLUMN_STEPS, (1, 1, 1, -1))
    y = _positions(rows, height, ROW_STEPS, (1, 1, -1, 1))
    grid = _op("transpose", _op("concat", [x, y], 2), _ints(0, 1, 3, 4, 2))
    grid = _op("reshape", grid, _op("concat", [_ints(0, -1), width, _ints(2)], 0), True)
    how = {"mode": "bilinear", "padding_mode": "zeros", "align_corners": False}
    seen = _op("grid_sample", images, grid, how)
    seen = _op("reshape", seen, _ints(0, inputs * CELLS, -1), True)
    kernel = _opset().reshape(weight, _ints(outputs, inputs * CELLS), False)
    summed = _opset().matmul(kernel, seen, False, False)
    summed.set_friendly_name(f"{PRODUCT}{next(_numbers)}")
    shape = _op("concat", [_ints(0, outputs), height, width], 0)
    return _opset().reshape(summed, shape, True).outputs()


def _size(offsets: Any) -> tuple[Any, Any]:
    """(1,) height and width of maps (N, C, H, W), as operators."""
    shape = _op("shape_of", offsets, "i64")
    return tuple(_op("gather", shape, _ints(axis), _ints(0)) for axis in (2, 3))


def _positions(offsets: Any, size: Any, steps: tuple[int, ...], view: tuple[int, ...]) -> Any:
    """(N, 9, 1, H, W) where each cell looks along one axis; -1 and 1 are the borders.

    offsets: (N, 9, 1, H, W) in pixels. size: (1,) of that axis. steps: of the cells from the
    middle. view: the shape in which pixels along the axis stand.
    """
    length = _op("convert", _op("squeeze", size, _ints(0)), "f32")
    half = _float(0.5)
    centres = _op("range", half, _op("add", length, half), _float(1), "f32")
    centres = _op("reshape", centres, _ints(*view), False)
    regular = _op("add", centres, _constant(np.array(steps, np.float32).reshape(CELLS, 1, 1, 1)))
    unit = _op("divide", _float(2), length)
    base = _op("subtract", _op("multiply", regular, unit), _float(1))
    return _op("add", _op("multiply", offsets, unit), base)


def _opset() -> Any:
    import openvino.opset12 as opset

    return opset


def _op(kind: str, *arguments: Any) -> Any:
    return _named(getattr(_opset(), kind)(*arguments))


def _named(node: Any) -> Any:
    node.set_friendly_name(f"{NAME}{next(_numbers)}")
    return node


def _constant(values: Any) -> Any:
    return _named(_opset().constant(values))


def _ints(*values: int) -> Any:
    return _constant(np.array(values, np.int64))


def _float(value: float) -> Any:
    return _constant(np.float32(value))
