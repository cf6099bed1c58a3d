"""Makes small exported person detectors and their cards."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import made_cards

CARD = """
name = "tiny-detector"
family = "Tiny"
origin = "tests"

[file]
name = "detector.onnx"
trained_on = "nothing"
precision = "fp32"

[input]
size = [64, 64]
order = "bgr"
divisor = 255
mean = [0, 0, 0]
std = [1, 1, 1]

[letterbox]
rounding = "nearest"
multiple = 32

[codec]
kind = "boxes"
rows = "corners"

[outputs]
sources = ["dets"]
"""

ROWS = [[8, 4, 40, 60, 0.9], [30, 8, 60, 60, 0.4], [2, 2, 20, 30, 0.05], [0, 0, 0, 0, 0]]
"""x1, y1, x2, y2 in pixels of the input, and score: three boxes and one that fills up."""


def card(folder, replace=None, add=""):
    """Write such a card and return its path."""
    path = folder / "detector.toml"
    path.write_text(made_cards.text(replace, add, CARD), encoding="utf-8")
    return path


def save(folder, rows=ROWS, labels=None, size=(None, None)):
    """Save a network whose output is these rows for any image, whatever its size.

    Args:
        folder: the folder.
        rows: the rows of the output "dets".
        labels: the values of a further output, one per row.
        size: height and width that the file declares.
    """
    fixed = [numpy_helper.from_array(np.array(rows, np.float32)[None], "rows")]
    fixed.append(numpy_helper.from_array(np.float32(0), "zero"))
    fixed.append(numpy_helper.from_array(np.ones((4, 3, 2, 2), np.float32), "weights"))
    nodes = [
        helper.make_node("Conv", ["images", "weights"], ["maps"]),
        helper.make_node("ReduceMin", ["maps"], ["least"], keepdims=0),
        helper.make_node("Mul", ["least", "zero"], ["nothing"]),
        helper.make_node("Add", ["rows", "nothing"], ["dets"]),
    ]
    outputs = [helper.make_tensor_value_info("dets", TensorProto.FLOAT, [1, *np.shape(rows)])]
    if labels is not None:
        fixed.append(numpy_helper.from_array(np.array([labels], np.int64), "classes"))
        nodes.append(helper.make_node("Identity", ["classes"], ["labels"]))
        outputs.append(helper.make_tensor_value_info("labels", TensorProto.INT64, [1, len(labels)]))
    sides = [side or name for side, name in zip(size, "hw", strict=True)]
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *sides])]
    made = helper.make_graph(nodes, "detector", inputs, outputs, fixed)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, folder / "detector.onnx")


def here(folder, **changes):
    """Save the network with its card; return the path of the card."""
    save(folder, **changes)
    return card(folder)
