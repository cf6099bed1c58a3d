"""Reading ONNX files that the package onnx wrote."""

from importlib.util import find_spec

import numpy as np
import pytest

if not find_spec("onnx"):
    pytest.skip("onnx is not installed", allow_module_level=True)

import onnx
from onnx import TensorProto, helper, numpy_helper

import exported
from posemark.core.errors import CheckpointError
from posemark.runtimes import onnx_file


def saved(folder, nodes, values):
    """Write a file of these nodes and initialisers; it need not run."""
    graph = helper.make_graph(nodes, "made", [], [], values)
    path = folder / "made.onnx"
    onnx.save(helper.make_model(graph), path)
    return path


def array(kind, count, name="weights"):
    return numpy_helper.from_array(np.ones((2, count), kind), name)


def branch(nodes, values):
    """Return a node that contains a graph."""
    inner = helper.make_graph(nodes, "inner", [], [], values)
    return helper.make_node("If", ["which"], ["out"], then_branch=inner)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: ([], []), "fp32"),
        (lambda: ([], [array("float32", 9)]), "fp32"),
        (lambda: ([], [array("float16", 9), array("float32", 3), array("int64", 99)]), "fp16"),
        (lambda: ([], [array("float16", 3), array("float32", 9)]), "fp32"),
        (lambda: ([], [helper.make_tensor("w", TensorProto.BFLOAT16, [4], np.ones(4))]), "bf16"),
        (
            lambda: ([helper.make_node("Constant", [], ["c"], value=array("float16", 9))], []),
            "fp16",
        ),
        (lambda: ([branch([], [array("float16", 9)])], [array("float32", 3)]), "fp16"),
        (lambda: ([helper.make_node("QLinearConv", ["x"], ["y"])], []), "int8"),
        (lambda: ([branch([helper.make_node("ConvInteger", ["x"], ["y"])], [])], []), "int8"),
    ],
)
def test_the_precision_is_that_of_operators_and_most_weights(made, expected, tmp_path):
    assert onnx_file.precision(saved(tmp_path, *made())) == expected


def test_a_constant_elsewhere_is_found_as_an_initialiser_is(tmp_path):
    value = array("float32", 9)
    path = saved(tmp_path, [helper.make_node("Constant", [], ["c"], value=value)], [])
    onnx_file.require_whole(path)
    model = onnx.load(path)
    place = {"location": "far.data", "size_threshold": 0, "convert_attribute": True}
    onnx.save(model, path, save_as_external_data=True, **place)
    with pytest.raises(CheckpointError, match=r"its weights are stored in far\.data"):
        onnx_file.require_whole(path)


def far_array():
    tensor = array("float32", 9)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="far.data")
    return tensor


def constant(**attribute):
    return helper.make_node("Constant", [], ["c"], **attribute)


def sparse():
    indices = numpy_helper.from_array(np.arange(9), "indices")
    return helper.make_sparse_tensor(far_array(), indices, [99])


def in_a_function(node):
    opset = [helper.make_opsetid("", 17)]
    function = helper.make_function("ours", "F", [], ["c"], [node], opset)
    return helper.make_model(helper.make_graph([], "made", [], []), functions=[function])


def with_nodes(*nodes, values=(), sparse_values=()):
    graph = helper.make_graph(nodes, "made", [], [], values, sparse_initializer=sparse_values)
    return helper.make_model(graph)


ELSEWHERE = {
    "an initialiser": lambda: with_nodes(values=[far_array()]),
    "a branch's initialiser": lambda: with_nodes(branch([], [far_array()])),
    "a constant": lambda: with_nodes(constant(value=far_array())),
    "a constant of a branch": lambda: with_nodes(branch([constant(value=far_array())], [])),
    "a function": lambda: in_a_function(constant(value=far_array())),
    "a branch of a function": lambda: in_a_function(branch([], [far_array()])),
    "a sparse initialiser": lambda: with_nodes(sparse_values=[sparse()]),
    "a sparse constant": lambda: with_nodes(constant(sparse_value=sparse())),
    "one of several tensors": lambda: with_nodes(constant(values=[far_array(), far_array()])),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_weights_elsewhere_are_found_wherever_they_may_stand(kind, tmp_path):
    path = tmp_path / "made.onnx"
    path.write_bytes(ELSEWHERE[kind]().SerializeToString())
    with pytest.raises(CheckpointError, match=r"its weights are stored in far\.data"):
        onnx_file.require_whole(path)


def test_integer_operators_of_a_function_make_a_network_int8(tmp_path):
    path = tmp_path / "made.onnx"
    model = in_a_function(helper.make_node("ConvInteger", ["x", "w"], ["c"]))
    path.write_bytes(model.SerializeToString())
    assert onnx_file.precision(path) == "int8"


def test_a_number_without_end_is_refused_where_it_is_too_long(tmp_path):
    path = tmp_path / "made.onnx"
    path.write_bytes(b"\xff" * 5_000_000)  # reading it to the end would take hours
    with pytest.raises(CheckpointError, match="a number is longer than 10 bytes"):
        onnx_file.require_whole(path)


def test_a_file_cut_short_is_no_file(tmp_path):
    exported.save(exported.graph(), tmp_path)
    path = tmp_path / "tiny.onnx"
    whole = path.read_bytes()
    for size in (0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="PoseMark cannot read it"):
            onnx_file.precision(path)
