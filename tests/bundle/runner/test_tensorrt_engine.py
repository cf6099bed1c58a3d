"""TensorRT's engine, with stand-ins for its module and for CUDA's library, of both generations."""

import shutil
import subprocess
import sys
from ctypes import CDLL
from pathlib import Path

import numpy as np
import pytest

from fake_tensorrt import FakeTensorRt
from posemark.bundle.runner.engines import cuda_library
from posemark.bundle.runner.engines.engine import Wanted
from posemark.bundle.runner.engines.tensorrt_engine import TensorRtEngine, available_memory
from posemark.bundle.runner.named_session import NamedSession
from posemark.core.errors import CheckpointError, RunError, UsageError
from posemark.runtimes import Tensor

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")

OLD, NEW = "8.2.1.8", "10.3.0"
SHAPES = tuple((n, 3, 256, 192) for n in (1, 2, 3))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("cuda") / "libcudart.so"
    source = Path(__file__).with_name("fake_cudart.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, source], check=True)
    return path


@pytest.fixture(params=[OLD, NEW])
def trt(request, monkeypatch, library):
    fake = FakeTensorRt(request.param)
    monkeypatch.setitem(sys.modules, "tensorrt", fake)
    monkeypatch.setattr(cuda_library, "_loaded", lambda: CDLL(str(library)))
    return fake


@pytest.fixture
def wanted(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"a network")
    return lambda precision="fp32", device="cuda", shapes=SHAPES: Wanted(
        path, "5" * 64, precision, 2, device, shapes, tmp_path / "engines", said.append
    )


said: list[str] = []


@pytest.fixture(autouse=True)
def nothing_said():
    said.clear()


def images(batch):
    return np.random.default_rng(batch).normal(size=(batch, 3, 256, 192)).astype(np.float32)


def means(batch):
    return batch.reshape(len(batch), 3, 64, 4, 48, 4).mean((3, 5))


# --- running ------------------------------------------------------------------------------------


def test_outputs_come_back_for_batches_of_every_size(trt, wanted):
    trt.outputs = ["heatmaps", "tags"]
    session = TensorRtEngine().open(wanted())
    for count in (1, 3, 2, 3):
        batch = images(count)
        found = session.infer(batch)
        assert list(found) == ["heatmaps", "tags"]
        np.testing.assert_allclose(found["heatmaps"], means(batch), atol=1e-6)
        np.testing.assert_allclose(found["tags"], means(batch) + 1, atol=1e-6)
        assert {maps.dtype for maps in found.values()} == {np.dtype(np.float32)}


def test_results_are_arrays_of_their_own(trt, wanted):
    session = TensorRtEngine().open(wanted())
    first = session.infer(images(1))["heatmaps"]
    before = first.copy()
    session.infer(images(2))
    assert (first == before).all()


def test_it_says_what_runs(trt, wanted):
    session = TensorRtEngine().open(wanted())
    assert (session.runtime, session.precision, session.device) == ("tensorrt", "fp32", "cuda")
    inputs, outputs = session.tensors()
    assert inputs == [Tensor("images", (None, 3, 256, 192), "float32")]
    assert outputs == [Tensor("heatmaps", (None, 3, None, None), "float32")]
    assert TensorRtEngine().version() == trt.__version__


def test_a_batch_beyond_the_profile_is_refused(trt, wanted):
    session = TensorRtEngine().open(wanted())
    with pytest.raises(UsageError, match=r"does not accept an input of the shape \(4, "):
        session.infer(images(4))


def test_a_run_that_fails_is_an_error(trt, wanted):
    session = TensorRtEngine().open(wanted())
    trt.broken = "run"
    with pytest.raises(UsageError, match="could not run the network"):
        session.infer(images(1))


# --- building -----------------------------------------------------------------------------------


def test_an_engine_is_built_for_the_shapes_of_the_run(trt, wanted):
    TensorRtEngine().open(wanted())
    ((_, config),) = trt.built
    low, usual, high = config.profiles[0].shapes["images"]
    assert (low, usual, high) == (SHAPES[0], SHAPES[0], SHAPES[2])
    assert config.flags == set(), "neither TF32 nor FP16"
    assert config.profiling_verbosity == "DETAILED"
    size = config.max_workspace if trt.named else config.max_workspace_size
    assert 1 << 20 < size <= 1 << 30


def test_a_file_with_a_fixed_shape_has_no_profile(trt, wanted):
    trt.input_shape = (1, 3, 256, 192)
    TensorRtEngine().open(wanted(shapes=SHAPES[:1]))
    assert trt.built[0][1].profiles == []


def test_shapes_of_whole_images_span_the_profile(trt, wanted):
    shapes = ((1, 3, 512, 704), (1, 3, 640, 512), (1, 3, 512, 704))
    trt.input_shape = (-1, 3, -1, -1)
    TensorRtEngine().open(wanted(shapes=shapes))
    low, usual, high = trt.built[0][1].profiles[0].shapes["images"]
    assert (low, usual, high) == ((1, 3, 512, 512), shapes[0], (1, 3, 640, 704))


def test_an_engine_is_built_once_and_kept(trt, wanted, tmp_path):
    TensorRtEngine().open(wanted())
    assert "takes minutes" in said[0]
    (plan,) = (tmp_path / "engines").iterdir()
    assert plan.name.startswith(f"net-fp32-trt{trt.__version__}-sm53-1x3x256x192-3x3x256x192-5555")
    session = TensorRtEngine().open(wanted())
    assert len(trt.built) == 1
    assert said[-1] == f"TensorRT engine {plan.name} from before"
    np.testing.assert_allclose(session.infer(images(2))["heatmaps"], means(images(2)), atol=1e-6)
    TensorRtEngine().open(wanted("fp16"))
    TensorRtEngine().open(wanted(shapes=SHAPES[:1]))
    assert len(trt.built) == 3, "another precision or shape is another engine"


def test_a_damaged_engine_is_built_again(trt, wanted, tmp_path):
    TensorRtEngine().open(wanted())
    (plan,) = (tmp_path / "engines").iterdir()
    plan.write_bytes(b"damaged")
    TensorRtEngine().open(wanted())
    assert len(trt.built) == 2
    assert plan.read_bytes() != b"damaged"


def test_an_engine_that_cannot_be_kept_runs_nevertheless(trt, wanted, tmp_path):
    (tmp_path / "engines").write_text("in the way")
    session = TensorRtEngine().open(wanted())
    assert "cannot be kept for the next run" in said[-1]
    assert session.infer(images(1))


@pytest.mark.parametrize(
    ("broken", "error", "message"),
    [
        ("parse", CheckpointError, r"cannot read net.onnx \(In node 3 \(DeformConv\): "),
        ("build", UsageError, "in fp32: it could not build the engine; its log is above"),
    ],
)
def test_what_cannot_be_built_is_an_error_with_the_ways_out(trt, wanted, broken, error, message):
    trt.broken = broken
    with pytest.raises(error, match=message) as caught:
        TensorRtEngine().open(wanted())
    assert "--engine" in str(caught.value)


# --- fp16 ---------------------------------------------------------------------------------------


def test_fp16_is_read_back_from_the_layers(trt, wanted):
    session = TensorRtEngine().open(wanted("fp16"))
    assert trt.built[0][1].flags == {"FP16"}
    named = NamedSession(session, ("heatmaps",))
    named.prepare(SHAPES[0])
    assert (named.precision, named.device) == ("fp16", "cuda, 1 of 2 layers in fp16")


def test_fp16_that_no_layer_has_is_refused(trt, wanted):
    trt.layers = ["Row major linear FP32", "Float"]
    session = TensorRtEngine().open(wanted("fp16"))
    with pytest.raises(UsageError, match="asked for fp16, but each of the 2 layers"):
        session.infer(images(1))


@pytest.mark.parametrize("layers", [[], ["name only"], [""]])
def test_layers_without_types_say_nothing(trt, wanted, layers):
    trt.layers = layers
    session = TensorRtEngine().open(wanted("fp16"))
    session.infer(images(1))
    assert session.device == "cuda"


def test_fp16_needs_a_gpu_with_fast_fp16(trt, wanted, monkeypatch):
    monkeypatch.setattr(trt.Builder, "platform_has_fast_fp16", False)
    with pytest.raises(UsageError, match="this GPU has no fast arithmetic in fp16"):
        TensorRtEngine().open(wanted("fp16"))


def test_a_version_without_the_flag_is_refused(trt, wanted):
    del trt.BuilderFlag.FP16
    with pytest.raises(UsageError, match="no longer chooses the precision of layers"):
        TensorRtEngine().open(wanted("fp16"))


# --- types, devices and CUDA --------------------------------------------------------------------


def test_a_type_that_is_not_known_is_refused(trt, wanted):
    trt.dtype = "FP8"
    session = TensorRtEngine().open(wanted())
    with pytest.raises(UsageError, match="type FP8 of an input or output is not known"):
        session.infer(images(1))


def test_other_devices_are_refused(trt, wanted):
    with pytest.raises(UsageError, match="runs on the device cuda only, got dla"):
        TensorRtEngine().open(wanted(device="dla"))


@pytest.mark.parametrize("function", ["cudaStreamCreate", "cudaMalloc"])
def test_an_error_of_cuda_is_in_its_words(trt, wanted, monkeypatch, function):
    monkeypatch.setenv("FAKE_CUDA_FAILS", function)
    with pytest.raises(RunError, match=f"{function} says out of memory"):
        TensorRtEngine().open(wanted()).infer(images(1))


def test_without_the_library_the_ways_out_are_named(monkeypatch):
    monkeypatch.setattr(cuda_library, "find_library", lambda name: None)
    monkeypatch.setattr(cuda_library, "_NAMES", ("libno-such.so",))
    with pytest.raises(UsageError, match=r"libno-such\.so\. Install the package cuda-cudart"):
        cuda_library.CudaLibrary()


def test_memory_is_what_the_kernel_says(tmp_path):
    meminfo = tmp_path / "meminfo"
    assert available_memory(meminfo) == 1 << 32
    meminfo.write_text("MemTotal: 4059712 kB\nMemAvailable:    2000000 kB\n")
    assert available_memory(meminfo) == 2_048_000_000
