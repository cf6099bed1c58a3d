"""A network runs exactly as the user asked, and the record says so."""

from dataclasses import replace

import numpy as np
import pytest

from posemark.core.errors import DataError, UsageError
from posemark.core.spec import Entry
from posemark.datasets.sample import Sample
from posemark.geometry.crop import image_of
from posemark.models import spec_of
from posemark.pipelines.build import network_inputs
from posemark.records import files
from posemark.run import calibration
from posemark.run.build import build_estimator
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from runs import run_one

MODEL = "naive-litehrnet-18-256x192"
OPTIONS = Options(data="sample", threads=1, limit=2)


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEMARK_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def prepared(**changes):
    dataset = Sample(4)
    (job,) = plan([MODEL], replace(OPTIONS, **changes))
    return prepare_job(job, dataset, dataset.frames())


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"runtime": "openvino"}, f"{MODEL}@gt+openvino"),
        ({"runtime": "onnxruntime"}, f"{MODEL}@gt+onnxruntime"),
        ({"precision": "bf16"}, f"{MODEL}@gt+bf16"),
        ({"layout": "channels-last"}, f"{MODEL}@gt+channels-last"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_record_says_what_ran(asked, name, tmp_path):
    path, _ = run_one(prepared(**asked), tmp_path)
    assert path.stem == name
    header = files.read(path).header
    wanted = {"runtime": "torch", "precision": "fp32", "device": "cpu", "layout": None} | asked
    assert {field: getattr(header.settings, field) for field in wanted} == wanted
    assert header.environment["ran_on"] == "cpu"
    if "runtime" in asked:
        assert header.environment["libraries"][asked["runtime"]]


def test_maps_are_those_of_eager_torch_on_every_crop():
    frame = next(f for f in Sample(4).frames() if len(f.truth) == 3)
    maps = []
    for asked in ({}, {"runtime": "openvino"}, {"layout": "channels-last"}):
        job = prepared(**asked)
        line = build_estimator(job).pipeline
        (batch,) = network_inputs(line.spec, picture(frame), job.boxes.of(frame))
        maps.append(line.session.infer(batch)["heatmaps"])
    scale = np.abs(maps[0]).max()
    for ours in maps[1:]:
        np.testing.assert_allclose(ours / scale, maps[0] / scale, atol=1e-5)


def picture(frame):
    return image_of(frame)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"runtime": "caffe"}, "no runtime is called 'caffe'"),
        ({"precision": "fp16"}, "torch on cpu cannot run fp16; here it can run fp32, bf16"),
        ({"runtime": "onnxruntime", "precision": "bf16"}, "onnxruntime on cpu cannot run bf16"),
        ({"runtime": "onnxruntime", "device": "tpu"}, "onnxruntime finds no device 'tpu' here"),
        ({"runtime": "openvino", "precision": "int8"}, "give a data set to calibrate with"),
        (
            {"runtime": "openvino", "layout": "channels-last"},
            "openvino in fp32 on cpu has no layout",
        ),
        ({"precision": "bf16", "layout": "channels-last"}, "torch in bf16 on cpu has no layout"),
        ({"layout": "nchw"}, "torch in fp32 on cpu has no layout 'nchw'"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_built(asked, message):
    with pytest.raises(UsageError, match=message):
        prepared(**asked)


def test_int8_is_calibrated_on_the_data_that_the_user_names(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "FRAMES", 2)
    asked = {"runtime": "openvino", "precision": "int8", "calibrate": "sample"}
    path, _ = run_one(prepared(**asked), tmp_path)
    header = files.read(path).header
    assert header.settings.precision == "int8"
    assert header.settings.calibrated_on.startswith(f"sample:{Sample().fingerprint}:2")
    assert path.stem == f"{MODEL}@gt+openvino+int8"


def test_what_was_left_out_of_the_data_to_calibrate_with_is_noted(tmp_path, monkeypatch):
    note = "3 people have no area: taken as 0.53 of the box's"
    monkeypatch.setattr(calibration, "FRAMES", 2)
    monkeypatch.setattr(Sample, "notes", (note,))
    asked = {"runtime": "openvino", "precision": "int8", "calibrate": "sample"}
    found = prepared(**asked)
    assert found.data_notes == (note, f"calibration: {note}")
    path, _ = run_one(found, tmp_path)
    assert files.read(path).header.data_notes == found.data_notes
    assert prepared().data_notes == (note,)
    assert calibration.notes(None) == ()


def test_data_to_calibrate_with_that_cannot_be_read_is_refused_before_anything_is_built(tmp_path):
    asked = {"runtime": "openvino", "precision": "int8", "calibrate": f"coco:{tmp_path}"}
    with pytest.raises(DataError, match="the annotations cannot be read"):
        prepared(**asked)


@pytest.mark.parametrize("model", [MODEL, "openpose-body25"])
def test_calibration_shows_the_network_what_a_run_would(model, monkeypatch):
    monkeypatch.setattr(calibration, "FRAMES", 3)
    spec, scales = spec_of(model), (1.0,)
    entry = Entry(model, "gt" if spec.convention else "none", None, scales)
    chosen = calibration.calibration(spec, entry, "sample")
    batches = list(chosen.batches())
    assert chosen.name.startswith("sample:")
    assert {batch.shape[:2] for batch in batches} == {(1, 3)}
    if spec.method.fixed_size:
        assert {batch.shape[2:] for batch in batches} == {spec.input_hw}
        assert len(batches) >= 3
    else:
        assert len(batches) == 3
    assert all(np.ptp(batch) > 0.5 for batch in batches)


def test_calibration_frames_are_spread_over_the_whole_set():
    assert calibration.spread(list(range(10)), 4) == [0, 2, 5, 7]
    assert calibration.spread([1, 2], 4) == [1, 2]
