"""What every runtime must fulfil: the same maps, really so, and quickly the second time.

On a small network that has what is hard to convert: a deformable convolution, transposed
convolutions with as many inputs as outputs, free sizes, two outputs. Runtimes that are not
installed are not tested.
"""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from posemark.artefacts import Store
from posemark.core.errors import ExportError, UsageError
from posemark.models import spec_of
from posemark.nn import formula
from posemark.nn.deform import deform_conv
from posemark.runtimes import Calibration, Source, Target, registry
from posemark.runtimes.registry import open_session, require, runtimes


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, 2, 1)
        self.body = nn.Sequential(*(nn.Conv2d(16, 16, 3, 1, 1) for _ in range(6)))
        self.steer = nn.Conv2d(16, 18, 1)
        self.bent = nn.Conv2d(16, 16, 3, bias=False)
        self.up = nn.Sequential(
            nn.ConvTranspose2d(16, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        )
        self.heatmaps, self.offsets = nn.Conv2d(16, 17, 3, 2, 1), nn.Conv2d(16, 2, 1)

    def forward(self, x):
        x = self.conv(x).relu()
        x = self.body(deform_conv(x, self.steer(x), self.bent.weight))
        return {"heatmaps": self.heatmaps(self.up(x)), "offsets": self.offsets(x)}


SPEC = replace(spec_of("dekr-w32-512"), name="toy", build=Network)


def build():
    network = Network().eval()
    formula.initialise(network)
    return network


def installed():
    """Names of the runtimes whose packages are all here."""
    return [name for name in runtimes() if here(name)]


def here(name):
    try:
        require(Target(name))
    except UsageError:
        return False
    return True


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("artefacts"))


def batches():
    rng = np.random.default_rng(1)
    return [rng.standard_normal((1, 3, 64, 96), np.float32) for _ in range(3)]


def source(store, build=build):
    calibration = Calibration("three", batches)
    return Source(SPEC, build, formula.VERSION, "0", store, 1, calibration)


def never():
    raise AssertionError("the artefact is here: nothing has to be built")


def expected(batch):
    with torch.inference_mode():
        return {name: t.numpy() for name, t in build()(torch.from_numpy(batch)).items()}


def errors(session, batch):
    ours = session.infer(batch)
    theirs = expected(batch)
    assert list(ours) == list(theirs)
    assert all(maps.dtype == np.float32 for maps in ours.values())
    return [float(np.abs(ours[n] - theirs[n]).max() / np.abs(theirs[n]).max()) for n in ours]


@pytest.mark.parametrize("runtime", installed())
def test_float32_is_what_torch_gives_for_any_size_and_again_from_the_store(runtime, store):
    session = open_session(Target(runtime), source(store))
    assert (session.runtime, session.precision, session.device) == (runtime, "fp32", "cpu")
    small = batches()[0]
    sizes = [small, small[:, :, :32]] if runtime in ("torch-compile", "tflite") else None
    for batch in sizes or [small, small[:, :, :32], small.repeat(3, 0)]:
        session.prepare(batch.shape)
        assert max(errors(session, np.ascontiguousarray(batch))) < 1e-4
    first = session.infer(small)
    session.infer(small * 2)
    np.testing.assert_array_equal(first["heatmaps"], session.infer(small)["heatmaps"])
    if runtime != "torch":
        again = open_session(Target(runtime), source(store, never))
        assert max(errors(again, small)) < 1e-4


LOWER = [
    (name, precision)
    for name in installed()
    for precision in registry.supported(name, "cpu")
    if precision != "fp32" and (precision != "int8" or name != "openvino" or find_spec("nncf"))
]


@pytest.mark.parametrize(("runtime", "precision"), LOWER)
def test_lower_precisions_run_and_are_near(runtime, precision, store):
    session = open_session(Target(runtime, precision), source(store))
    assert session.precision == precision
    found = errors(session, batches()[0])
    assert 1e-5 < max(found) < 0.2, "as exact as float32, or far off"


@pytest.mark.parametrize("runtime", installed())
def test_what_a_runtime_cannot_do_is_refused_and_what_it_can_is_named(runtime, store):
    with pytest.raises(UsageError, match=r"cannot run fp8; here it can run fp32"):
        require(Target(runtime, "fp8"))
    with pytest.raises(UsageError, match=r"finds no device 'abacus' here; it finds .*cpu"):
        open_session(Target(runtime, device="abacus"), source(store))
    if "int8" in registry.supported(runtime, "cpu"):
        with pytest.raises(UsageError, match="data set to calibrate with"):
            require(Target(runtime, "int8"))


def test_unknown_runtimes_and_absent_packages_are_named(monkeypatch):
    with pytest.raises(UsageError, match="no runtime is called 'caffe'; there are torch, "):
        require(Target("caffe"))
    monkeypatch.setattr(registry, "find_spec", lambda _: None)
    for runtime, extra in (("onnxruntime", "onnx"), ("openvino", "openvino"), ("tflite", "tflite")):
        with pytest.raises(UsageError, match=rf"pip install 'posemark\[{extra}\]'"):
            require(Target(runtime))
    require(Target("torch"))


def test_a_wrong_rendering_is_refused(store, monkeypatch):
    monkeypatch.setattr("posemark.export.TOLERANCE", -1.0)
    for runtime in set(installed()) - {"torch", "torch-compile", "tflite"}:
        empty = Store(store.folder / f"wrong-{runtime}")
        with pytest.raises(ExportError, match="differs from torch's output"):
            open_session(Target(runtime), source(empty))
        assert not any(empty.folder.glob(f"toy-{runtime}*"))


@pytest.mark.skipif(not find_spec("openvino"), reason="needs openvino")
@pytest.mark.skipif(("openvino", "bf16") not in LOWER, reason="this CPU does not compute in bf16")
def test_positions_of_deformable_convolutions_stay_float_in_bf16(store):
    """In bfloat16 columns beyond 256 differ by two, and the maps would be noise."""
    session = open_session(Target("openvino", "bf16"), source(store))
    wide = np.random.default_rng(2).standard_normal((1, 3, 32, 2048), np.float32)
    assert max(errors(session, wide)) < 0.05


@pytest.mark.parametrize(
    "runtime", [name for name in installed() if name in ("openvino", "tflite")]
)
def test_a_network_that_a_runtime_cannot_convert_is_one_error(runtime, store):
    def broken():
        raise TypeError("operator 'roll' is not known\nand more lines")

    empty = Store(store.folder / "broken")
    message = f"toy cannot be converted for {runtime} at fp32 on cpu: TypeError, operator 'roll'"
    with pytest.raises(ExportError, match=message):
        open_session(Target(runtime), source(empty, broken)).prepare((1, 3, 64, 96))
