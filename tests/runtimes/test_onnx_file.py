"""What our reader finds in ONNX files that the package onnx wrote."""

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
    """A file of these nodes and initialisers; it need not run."""
    graph = helper.make_graph(nodes, "made", [], [], values)
    path = folder / "made.onnx"
    onnx.save(helper.make_model(graph), path)
    return path


def array(kind, count, name="weights"):
    return numpy_helper.from_array(np.ones((2, count), kind), name)


def branch(nodes, values):
    """A node with a graph inside."""
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
    with pytest.raises(CheckpointError, match=r"its weights lie in far\.data"):
        onnx_file.require_whole(path)


def test_a_file_cut_short_is_no_file(tmp_path):
    exported.save(exported.graph(), tmp_path)
    path = tmp_path / "tiny.onnx"
    whole = path.read_bytes()
    for size in (0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="PoseMark cannot read it"):
            onnx_file.precision(path)
