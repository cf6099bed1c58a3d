"""Makes small exported networks."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def graph(joints=17, size=(64, 48), scale=1.0, layout="nchw", kind=TensorProto.FLOAT, extra=False):
    """Maps (1, joints, h/4, w/4) of a colour image: the sigmoid of a convolution, times scale.

    Args:
        layout: the layout of the input and of the maps.
        kind: the type of the input.
        extra: whether there is a second output.
    """
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.1, (joints, 3, 4, 4)).astype(np.float32)
    values = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.float32(scale), "scale"),
    ]
    nhwc = layout == "nhwc"
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["turned"], perm=[0, 3, 1, 2])
        if nhwc
        else helper.make_node("Identity", ["floats"], ["turned"]),
        helper.make_node("Conv", ["turned", "weights"], ["raw"], strides=[4, 4]),
        helper.make_node("Sigmoid", ["raw"], ["shares"]),
        helper.make_node("Mul", ["shares", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["maps"], perm=[0, 2, 3, 1])
        if nhwc
        else helper.make_node("Identity", ["scaled"], ["maps"]),
    ]
    cells = [size[0] // 4, size[1] // 4]
    shape = [1, *size, 3] if nhwc else [1, 3, *size]
    maps = [1, *cells, joints] if nhwc else [1, joints, *cells]
    outputs = [helper.make_tensor_value_info("maps", TensorProto.FLOAT, maps)]
    if extra:
        outputs.append(helper.make_tensor_value_info("raw", TensorProto.FLOAT, [1, joints, *cells]))
    inputs = [helper.make_tensor_value_info("images", kind, shape)]
    made = helper.make_graph(nodes, "tiny", inputs, outputs, values)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def rows(values):
    """Return a network whose output is these (17, 3) numbers for any input."""
    return constant(values[None, None], (64, 48))


def people(table):
    """Return a network of whole images whose output is this table (P, C) for any input."""
    return constant(table[None], (None, None))


def constant(values, size):
    """Return a network with an input of this height and width, and one output: the values."""
    fixed = numpy_helper.from_array(values.astype(np.float32), "values")
    nodes = [
        helper.make_node("ReduceMin", ["images"], ["least"], keepdims=0),
        helper.make_node("Mul", ["least", "zero"], ["nothing"]),
        helper.make_node("Add", ["values", "nothing"], ["points"]),
    ]
    zero = numpy_helper.from_array(np.float32(0), "zero")
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *size])]
    outputs = [helper.make_tensor_value_info("points", TensorProto.FLOAT, values.shape)]
    made = helper.make_graph(nodes, "constant", inputs, outputs, [fixed, zero])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def in_bytes():
    """Return `graph` with its pixels rounded to bytes and back, as in quantised networks."""
    model = graph()
    values = [numpy_helper.from_array(np.float32(1 / 64), "step")]
    values.append(numpy_helper.from_array(np.uint8(128), "middle"))
    model.graph.initializer.extend(values)
    rounding = [
        helper.make_node("QuantizeLinear", ["floats", "step", "middle"], ["bytes"]),
        helper.make_node("DequantizeLinear", ["bytes", "step", "middle"], ["rounded"]),
    ]
    nodes = [*model.graph.node]
    nodes[1].input[0] = "rounded"
    del model.graph.node[:]
    model.graph.node.extend([nodes[0], *rounding, *nodes[1:]])
    return model


def save(model, folder):
    onnx.checker.check_model(model)
    onnx.save(model, folder / "tiny.onnx")
