"""The deformable convolution of ONNX files, composed of other OpenVINO operators.

OpenVINO's own DeformableConvolution samples differently at the borders, and is slower than
GridSample.
"""

from itertools import count
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from openvino import Node, Output
    from openvino.frontend import NodeContext

NAME = "posemark_deform_"
"""Prefix of the names of the operators that compute positions and sample there."""

PRODUCT = "posemark_product_"
"""Prefix of the names of the products with the weights."""

_numbers = count()  # makes the names unique

CELLS = 9  # of the kernel, row by row
ROW_STEPS = (-1, -1, -1, 0, 0, 0, 1, 1, 1)
COLUMN_STEPS = (-1, 0, 1, -1, 0, 1, -1, 0, 1)


def deform_conv(node: "NodeContext") -> "list[Output]":
    """Build nn.deform.deform_conv from an ONNX node DeformConv (images, weight, offsets).

    The 9 kernel cells are stacked in one grid of 9 H rows, so that one GridSample returns the
    matrix that is multiplied by the weights.

    Args:
        node: the ONNX node.

    Returns:
        The outputs of the new operators: one of maps (N, O, H, W).
    """
    images, weight, offsets = (node.get_input(index) for index in range(3))
    outputs, inputs = (weight.get_partial_shape()[axis].get_length() for axis in (0, 1))
    height, width = _size(offsets)
    moved = _op("reshape", offsets, _op("concat", [_ints(0, CELLS, 2), height, width], 0), True)
    rows, columns = _op("split", moved, _constant(np.int64(2)), 2).outputs()
    x = _positions(columns, width, COLUMN_STEPS, axis_shape=(1, 1, 1, -1))
    y = _positions(rows, height, ROW_STEPS, axis_shape=(1, 1, -1, 1))
    grid = _op("transpose", _op("concat", [x, y], 2), _ints(0, 1, 3, 4, 2))
    grid = _op("reshape", grid, _op("concat", [_ints(0, -1), width, _ints(2)], 0), True)
    settings = {"mode": "bilinear", "padding_mode": "zeros", "align_corners": False}
    sampled = _op("grid_sample", images, grid, settings)
    sampled = _op("reshape", sampled, _ints(0, inputs * CELLS, -1), True)
    kernel = _opset().reshape(weight, _ints(outputs, inputs * CELLS), False)
    product = _opset().matmul(kernel, sampled, False, False)
    product.set_friendly_name(f"{PRODUCT}{next(_numbers)}")
    shape = _op("concat", [_ints(0, outputs), height, width], 0)
    return _opset().reshape(product, shape, True).outputs()


def _size(offsets: "Output") -> "tuple[Node, Node]":
    """Height and width, (1,) each, of maps (N, C, H, W), as operators."""
    shape = _op("shape_of", offsets, "i64")
    height, width = (_op("gather", shape, _ints(axis), _ints(0)) for axis in (2, 3))
    return height, width


def _positions(
    offsets: "Output", size: "Node", steps: tuple[int, ...], axis_shape: tuple[int, ...]
) -> "Node":
    """Where each kernel cell samples along one axis, (N, 9, 1, H, W); -1 and 1 are the borders.

    Args:
        offsets: (N, 9, 1, H, W) in pixels.
        size: (1,) length of the axis.
        steps: distance of each cell from the middle of the kernel, in pixels.
        axis_shape: shape that the positions along the axis need for broadcasting.
    """
    length = _op("convert", _op("squeeze", size, _ints(0)), "f32")
    half = _float(0.5)
    centres = _op("range", half, _op("add", length, half), _float(1), "f32")
    centres = _op("reshape", centres, _ints(*axis_shape), False)
    regular = _op("add", centres, _constant(np.array(steps, np.float32).reshape(CELLS, 1, 1, 1)))
    unit = _op("divide", _float(2), length)
    base = _op("subtract", _op("multiply", regular, unit), _float(1))
    return _op("add", _op("multiply", offsets, unit), base)


def _opset() -> ModuleType:
    import openvino.opset12 as opset

    return opset


def _op(kind: str, *arguments: Any) -> "Node":
    """Make an operator of this kind, named with NAME; its arguments depend on the kind."""
    return _named(getattr(_opset(), kind)(*arguments))


def _named(node: "Node") -> "Node":
    node.set_friendly_name(f"{NAME}{next(_numbers)}")
    return node


def _constant(values: NDArray[np.generic] | np.generic) -> "Node":
    return _named(_opset().constant(values))


def _ints(*values: int) -> "Node":
    return _constant(np.array(values, np.int64))


def _float(value: float) -> "Node":
    return _constant(np.float32(value))
