"""What engines read of ONNX files, and that every network of the blog post is exported so."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import posemark
from posemark import export
from posemark.bundle.operators import operator_list, problems
from posemark.bundle.targets import TARGETS, target_named
from posemark.core.errors import UsageError
from posemark.core.target import Target
from posemark.models import spec_of
from posemark.nn import formula
from posemark.run.plan import SEED
from posemark.runtimes.onnx_runtime import OnnxRuntimeSession

NANO = operator_list("tensorrt-8.2")


def model(*nodes, opset=11, constants=()):
    """Return a file of these nodes, which nobody runs."""
    values = [numpy_helper.from_array(np.ones(1, np.int64), name) for name in constants]
    kinds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph(list(nodes), "g", kinds[:1], kinds[1:], values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=6)


def test_the_lists_are_of_known_operators():
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    # The parser's page names operators of other frameworks, too.
    others = {"ImageScaler", "ParametricSoftplus", "ScaledTanh"}
    for name in ("tensorrt-8.2", "tensorrt-8.6"):
        found = operator_list(name)
        assert found.operators - others - {"Scatter", "Upsample"} <= known
        assert {*found.constant_inputs, *found.outputs, *found.attributes} <= found.operators
    assert NANO.operators < operator_list("tensorrt-8.6").operators
    assert not {"DeformConv", "GridSample", "LayerNormalization"} & NANO.operators


def test_what_is_not_read_is_named_once():
    node = helper.make_node
    assert list(problems(model(node("Relu", ["x"], ["y"])), NANO)) == []
    deform = node("DeformConv", ["x", "x", "x"], ["y"])
    assert list(problems(model(deform, deform, opset=19), NANO)) == [
        "its operator set is 19, and the latest that is read is 13",
        "the operator DeformConv is not read",
    ]
    own = node("Relu", ["x"], ["y"], domain="com.microsoft")
    assert list(problems(model(own), NANO)) == ["the operator com.microsoft.Relu is not read"]
    cubic = node("Resize", ["x", "", "", "x"], ["y"], mode="cubic")
    assert list(problems(model(cubic), NANO)) == ["Resize with mode = cubic is not read"]
    nearest = node("Resize", ["x", "", "", "x"], ["y"], mode="nearest", nearest_mode="floor")
    assert list(problems(model(nearest), NANO)) == []
    pooled = node("MaxPool", ["x"], ["y", "z"], kernel_shape=[2, 2])
    assert list(problems(model(pooled), NANO)) == ["MaxPool has more outputs than 1"]
    cut = node("Slice", ["x", "a", "a", "x"], ["y"])
    computed = "input 3 of Slice is computed, and must be a constant"
    assert list(problems(model(cut, constants="a"), NANO)) == [computed]
    fixed = node("Slice", ["x", "x", "x", "a"], ["y"])
    assert list(problems(model(fixed, constants="a"), NANO)) == []


def test_a_target_is_found_by_its_name():
    assert target_named("jetson-nano").reads == NANO
    assert target_named("raspberry-pi").reads is None
    with pytest.raises(UsageError, match=r"expected jetson-nano, .* Did you mean jetson-nano"):
        target_named("jetson-nanno")
    assert all(target.reads is None or target.opset <= target.reads.opset for target in TARGETS)


MODELS = {spec_of(entry.model).network: entry.model for entry in SEED}
"""One model for each network, since some share one."""


CASES = [
    *((name, "jetson-nano") for name in MODELS.values()),
    ("transpose-r-a3-256x192", "jetson-orin"),
    ("naive-litehrnet-18-256x192", "jetson-orin"),
]


@pytest.mark.parametrize(("name", "device"), CASES, ids=str)
def test_every_network_of_the_post_is_exported_for_a_jetson(name, device, tmp_path):
    target = target_named(device)
    spec, network, form = spec_of(name), posemark.network(name), export.Form(target.opset, batch=1)
    formula.initialise(network)
    facts = export.facts(spec, formula.VERSION, posemark.__version__, "fp32", form)
    export.write(network, spec, tmp_path, facts, form)
    found = onnx.load(tmp_path / export.MODEL)
    assert [(each.domain, each.version) for each in found.opset_import] == [("", target.opset)]
    assert found.ir_version <= 8
    assert device != "jetson-nano" or found.ir_version <= 6
    assert list(problems(found, target.reads)) == []
    session = OnnxRuntimeSession(tmp_path / export.MODEL, 1, Target("onnxruntime"))
    export.require_parity(name, session.infer, spec, tmp_path, form)
