"""Reading ONNX files that the package onnx wrote."""

from importlib.util import find_spec

import numpy as np
import pytest

if not find_spec("onnx"):
    pytest.skip("onnx is not installed", allow_module_level=True)

import onnx
from onnx import TensorProto, helper, numpy_helper

import exported
from posemark.core.errors import CheckpointError, UsageError
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


def deep(levels):
    """Return a model whose graphs contain each other, which takes a moment to build."""
    inner = b""
    for _ in range(levels):
        for field in (6, 5, 1):  # AttributeProto.g, NodeProto.attribute, GraphProto.node
            inner = field_of(field, inner)
    return field_of(7, inner)


def field_of(number, content):
    """Return a field of bytes in protobuf's wire format."""
    size, length = len(content), []
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


HOSTILE = {
    "a number without end": lambda: b"\xff" * 5_000_000,
    "zeros": lambda: bytes(5_000_000),
    "graphs in graphs": lambda: deep(1000),
    "empty": lambda: b"",
    "no graph": lambda: onnx.ModelProto(ir_version=9).SerializeToString(),
    "a text that is not UTF-8": lambda: field_of(7, field_of(1, field_of(4, b"\xff"))),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_is_no_onnx_file_is_refused_quickly(kind, tmp_path):
    path = tmp_path / "made.onnx"
    path.write_bytes(HOSTILE[kind]())
    with pytest.raises(CheckpointError, match=r"made\.onnx: PoseMark cannot read it"):
        onnx_file.precision(path)


@pytest.mark.timeout(20)
def test_a_tensor_of_absurdly_many_dimensions_takes_no_time(tmp_path):
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[2**62] * 1_000_000)
    path = tmp_path / "made.onnx"
    path.write_bytes(with_nodes(values=[tensor]).SerializeToString())
    assert onnx_file.precision(path) == "fp32"


def test_the_nodes_of_all_graphs_are_limited(tmp_path, monkeypatch):
    path = tmp_path / "made.onnx"
    branch = helper.make_graph([helper.make_node("Add", ["a", "b"], ["c"])] * 2, "inner", [], [])
    node = helper.make_node("If", ["a"], ["b"], then_branch=branch, else_branch=branch)
    path.write_bytes(with_nodes(node).SerializeToString())
    monkeypatch.setattr(onnx_file, "_MOST_NODES", 5)
    assert onnx_file.precision(path) == "fp32"
    monkeypatch.setattr(onnx_file, "_MOST_NODES", 4)
    with pytest.raises(CheckpointError, match="it has more than 4 nodes"):
        onnx_file.precision(path)


def test_a_file_longer_than_protobuf_allows_is_not_read(tmp_path):
    path = tmp_path / "made.onnx"
    with path.open("wb") as file:
        file.truncate(onnx_file.LARGEST + 1)
    with pytest.raises(CheckpointError, match="it has more than 2,147,483,647 bytes"):
        onnx_file.precision(path)


def test_without_the_package_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs onnx, .*pip install 'posemark\[onnx\]'"):
        onnx_file.require_whole(tmp_path / "made.onnx")


def test_a_file_cut_short_is_no_file(tmp_path):
    exported.save(exported.graph(), tmp_path)
    path = tmp_path / "tiny.onnx"
    whole = path.read_bytes()
    for size in (0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="PoseMark cannot read it"):
            onnx_file.precision(path)
