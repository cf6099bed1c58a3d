"""Every network as an ONNX file gives the outputs of torch, at every size that it accepts."""

from importlib.util import find_spec

import numpy as np
import pytest

import posemark
from posemark import export
from posemark.core.errors import ExportError
from posemark.models import all_models, spec_of
from posemark.nn import formula

NAMES = list(all_models()) if find_spec("onnxruntime") else []


@pytest.mark.parametrize("name", NAMES)
def test_every_network_exports_and_agrees_with_torch(name, tmp_path):
    import onnx
    import onnxruntime

    spec, network = spec_of(name), posemark.network(name)
    formula.initialise(network)
    facts = export.facts(spec, formula.VERSION, posemark.__version__, "fp32")
    export.write(network, spec, tmp_path, facts)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(tmp_path / export.MODEL, options)
    outputs = [output.name for output in session.get_outputs()]

    def infer(batch):
        return dict(zip(outputs, session.run(outputs, {export.INPUT: batch}), strict=True))

    export.require_parity(name, infer, spec, tmp_path)
    model = onnx.load(tmp_path / export.MODEL, load_external_data=False)
    assert {p.key: p.value for p in model.metadata_props} == facts
    (images,) = model.graph.input
    batch, channels, height, width = images.type.tensor_type.shape.dim
    assert batch.dim_param == "batch"
    assert channels.dim_value == 3
    fixed = (height.dim_value, width.dim_value)
    assert fixed == (spec.input_hw if spec.method.fixed_size else (0, 0))


def test_a_deformable_convolution_is_one_node(tmp_path):
    pytest.importorskip("onnx")
    import onnx
    import torch

    from posemark.nn.deform import deform_conv

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.randn(17, 3, 3, 3))

        def forward(self, x):
            return {"heatmaps": deform_conv(x, x.repeat(1, 6, 1, 1), self.weight)}

    spec = spec_of("dekr-w32-512")
    export.to_onnx(Network().eval(), spec, tmp_path / "a.onnx", {"model": "a"})
    model = onnx.load(tmp_path / "a.onnx")
    assert sum(node.op_type == "DeformConv" for node in model.graph.node) == 1
    assert not any(node.op_type == "GridSample" for node in model.graph.node)


def test_a_deformable_convolution_has_a_form_for_older_operator_sets(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    import torch

    from posemark.nn.deform import deform_conv

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.randn(5, 3, 3, 3))

        def forward(self, x):
            # The offsets reach far beyond the border, and to places between its pixels.
            return {"heatmaps": deform_conv(x, 3 * x.repeat(1, 6, 1, 1), self.weight)}

    spec, network, path = spec_of("dekr-w32-512"), Network().eval(), tmp_path / "a.onnx"
    for form in (export.Form(11), export.Form(11, batch=1), export.Form(17, batch=1)):
        export.to_onnx(network, spec, path, {}, form)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        sizes = [(1, 3, 9, 14), (1, 3, 1, 6)] + ([] if form.batch else [(2, 3, 8, 5)])
        for size in sizes:
            batch = torch.randn(size)
            with torch.inference_mode():
                expected = network(batch)["heatmaps"].numpy()
            (found,) = session.run(None, {export.INPUT: batch.numpy()})
            np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_file_for_one_image_at_a_time_computes_no_sizes(tmp_path):
    onnx, name = pytest.importorskip("onnx"), "naive-litehrnet-18-256x192"
    spec, network, form = spec_of(name), posemark.network(name), export.Form(11, batch=1)
    formula.initialise(network)
    facts = export.facts(spec, formula.VERSION, posemark.__version__, "fp32", form)
    export.write(network, spec, tmp_path, facts, form)
    model = onnx.load(tmp_path / export.MODEL)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 11)]
    assert model.ir_version <= 6
    assert not {"Shape", "Gather", "Constant"} & {node.op_type for node in model.graph.node}
    assert [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim] == [
        *(1, 3, *spec.input_hw)
    ]
    assert {p.key: p.value for p in model.metadata_props}["batch"] == "1"


def test_parity_names_what_is_wrong():
    reference = {"maps": np.ones((1, 2), np.float32)}
    export.require_close("net", {"maps": np.full((1, 2), 1.00005, np.float32)}, reference)
    for wrong, message in (
        ({}, "got nothing"),
        ({"maps": np.ones((2, 2), np.float32)}, r"expected 'maps' of shape \(1, 2\)"),
        ({"maps": np.full((1, 2), 1.01, np.float32)}, "differs from torch's output by 1.0e-02"),
        ({"maps": np.full((1, 2), np.nan, np.float32)}, "differs from torch's output by nan"),
    ):
        with pytest.raises(ExportError, match=message):
            export.require_close("net", wrong, reference)


def test_facts_differ_for_other_weights_versions_and_precisions():
    spec = spec_of("hrnet-w32-256x192")
    first = export.facts(spec, "aa", "1", "fp32")
    assert first["input"] == "256x192"
    for other in (("bb", "1", "fp32"), ("aa", "2", "fp32"), ("aa", "1", "fp16")):
        assert export.facts(spec, *other) != first
    for form in (export.Form(11), export.Form(batch=1)):
        assert export.facts(spec, "aa", "1", "fp32", form) != first
