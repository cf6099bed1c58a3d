"""Overlapped runs end to end: the same poses as one frame after the other, and no hanging."""

import json
import threading
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
import pytest

import goldens
from posemark.core.errors import FrameError, UsageError
from posemark.datasets.coco import Coco
from posemark.datasets.sample import Sample
from posemark.measure.clock import STAGES
from posemark.pipelines.overlapped import Streams
from posemark.pipelines.people import GivenBoxes
from posemark.records import files
from posemark.report.measured_speed import speed_of
from posemark.run import build, measurement
from posemark.run.build import build_estimator
from posemark.run.header import make_header
from posemark.run.interleave import groups, memory_need, take_turns
from posemark.run.measurement import ALONE, Circumstances, Measurement
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.runtimes.registry import installed
from runs import Heard, run_all
from runs import run_one as run

MODEL = "naive-litehrnet-18-256x192"
OPTIONS = Options(data="sample", threads=2, mode="overlapped", limit=20)
QUICK = [name for name in installed() if name in ("torch", "onnxruntime", "openvino")]
"""Runtimes that open a small network within seconds, and have several streams."""


def prepared(dataset=None, name=f"{MODEL}@gt", **changes):
    dataset = dataset or Sample(20)
    (job,) = plan([name], replace(OPTIONS, **changes))
    return prepare_job(job, dataset, dataset.frames())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path, _ = run(prepared(), tmp_path_factory.mktemp("finished"))
    return path


@pytest.fixture(autouse=True)
def no_stream_stays():
    yield
    assert not [each for each in threading.enumerate() if each.name.startswith("stream")]


# --- poses --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    """The options of TinyPose on photographs, and the data."""
    weights = goldens.shared("weights/tinypose_256x192_wider_naive_litehrnet18.safetensors")
    coco = Coco(goldens.shared("coco"))
    changes = {"data": f"coco:{coco.folder}", "weights": str(weights), "limit": None}
    return {"dataset": coco, "name": "wider-naive-litehrnet-18-256x192", **changes}


def found(job, frames, streams):
    """Return the unrounded poses of frames, from as many streams."""
    pipeline = build_estimator(job).pipeline
    works = [pipeline.prepare(frame, job.boxes.of(frame)) for frame in frames]
    with Streams(streams, lambda _, work: pipeline.process(work, lambda _: None).poses) as threads:
        return list(threads.run(works))


@pytest.mark.parametrize("runtime", QUICK)
def test_poses_are_byte_equal_to_those_of_one_frame_after_the_other(runtime, trained):
    overlapped = prepared(**trained, runtime=runtime)
    serial = prepared(**trained, runtime=runtime, mode="burst", threads=1)
    frames = overlapped.frames[:12]
    expected = found(serial, frames, 1)
    assert sum(map(len, expected)) > 10
    for one, other in zip(expected, found(overlapped, frames, 2), strict=True):
        assert one.keypoints_xy.tobytes() == other.keypoints_xy.tobytes()
        assert one.keypoint_scores.tobytes() == other.keypoint_scores.tobytes()
        assert one.scores.tobytes() == other.scores.tobytes()


def test_the_record_has_the_poses_of_every_frame_in_their_order(trained, tmp_path):
    changes = trained | {"runtime": "torch", "limit": 10}
    overlapped = files.read(run(prepared(**changes), tmp_path / "overlapped")[0])
    serial = run(prepared(**changes | {"mode": "burst", "threads": 1}), tmp_path / "serial")[0]
    assert [f.image_id for f in overlapped.frames] == [
        f.image_id for f in files.read(serial).frames
    ]
    assert [f.poses for f in overlapped.frames] == [f.poses for f in files.read(serial).frames]


# --- the record ---------------------------------------------------------------------------------


def test_every_frame_has_its_ledger_its_stream_and_its_start(finished):
    record = files.read(finished)
    assert [f.image_id for f in record.good] == [*range(1, 21)]
    assert {f.stream for f in record.good} == {0, 1}
    for block in record.blocks:
        for frame in block.frames:
            assert sum(frame.stages[stage] for stage in STAGES) <= frame.frame_ns
            assert frame.began_ns >= block.readings.began_ns
            assert frame.began_ns + frame.frame_ns <= block.readings.began_ns + (
                block.readings.wall_ns + 50_000_000
            )


def test_frames_of_one_stream_never_overlap_and_those_of_two_do(finished):
    frames = files.read(finished).good
    for stream in (0, 1):
        own = sorted((f.began_ns, f.began_ns + f.frame_ns) for f in frames if f.stream == stream)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(own))
    zero, one = ([f for f in frames if f.stream == stream] for stream in (0, 1))
    assert any(
        a.began_ns < b.began_ns + b.frame_ns and b.began_ns < a.began_ns + a.frame_ns
        for a in zero
        for b in one
    )


def test_frames_that_ran_one_by_one_before_it_predict_the_gain(finished):
    record = files.read(finished)
    assert [line.image_id for line in record.trial] == [*range(1, len(record.trial) + 1)]
    for line in record.trial:
        assert set(line.serial) == set(line.stream) == set(STAGES)
    row = speed_of(record)
    assert row.predicted_gain > 0
    assert row.overlap_gain > 0


def test_during_the_run_opencv_has_the_threads_of_one_frame(tmp_path, monkeypatch):
    seen = []

    class Watch(measurement.Watch):
        def start(self):
            seen.append(cv2.getNumThreads())
            super().start()

    monkeypatch.setattr(measurement, "Watch", Watch)
    run(prepared(limit=4), tmp_path)
    assert set(seen) == {1}


@pytest.mark.parametrize(
    ("changes", "circumstances"), [({"streams": 1}, ALONE), ({}, Circumstances(trial=False))]
)
def test_nothing_is_predicted_without_other_streams_or_time_for_it(
    tmp_path, changes, circumstances
):
    job = prepared(limit=3, **changes)
    lane = Measurement(job, tmp_path, False, lambda _: None, circumstances)
    take_turns([lane], 0, Heard())
    assert files.read(lane.path).trial == ()


def test_the_number_of_streams_is_part_of_the_name_and_of_the_header(finished):
    assert finished.name == f"{MODEL}@gt+overlapped2.jsonl"
    settings = files.read(finished).header.settings
    assert (settings.mode, settings.streams, settings.threads) == ("overlapped", 2, 2)


def test_a_stopped_run_is_continued_with_the_same_streams_only(tmp_path):
    path, _ = run(prepared(limit=6), tmp_path)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    last = next(at for at, line in enumerate(lines) if json.loads(line)["kind"] == "frame") + 2
    path.write_bytes(b"".join(lines[:last]))
    run(prepared(limit=6), tmp_path, resume=True)
    record = files.read(path)
    assert record.complete
    assert len({line.image_id for line in record.trial}) == len(record.trial), "not measured again"
    assert sorted(f.image_id for f in record.good) == [*range(1, 7)]
    assert len(record.resumed) == 1
    other = make_header(prepared(limit=6, streams=1), own_process=True, turns=1)
    assert record.header.identity() != other.identity()


def test_frames_of_a_burst_have_no_stream(tmp_path):
    path, _ = run(prepared(mode="burst", limit=2), tmp_path)
    frames = [
        line for line in map(json.loads, path.read_bytes().splitlines()) if line["kind"] == "frame"
    ]
    assert len(frames) == 2
    assert not {"stream", "began_ns"} & frames[0].keys()


def test_a_budget_ends_an_overlapped_run(tmp_path):
    path, _ = run(prepared(limit=None, budget=0.2, repeat=50), tmp_path)
    record = files.read(path)
    assert record.complete
    assert 3 <= len(record.good) < 50 * 20


def test_entries_take_turns_each_in_a_process_of_its_own(tmp_path):
    jobs = [prepared(limit=8), prepared(limit=8, streams=1)]
    run_all(jobs, tmp_path, isolate=True)
    for path in tmp_path.glob("*.jsonl"):
        record = files.read(path)
        assert (record.complete, len(record.good)) == (True, 8)
        assert record.header.turns == 2


def test_every_stream_needs_memory_of_its_own():
    one, two = prepared(streams=1), prepared(streams=2)
    assert memory_need([two], isolate=True) > memory_need([one], isolate=True)
    assert groups([one, two], None, True, 10**12) == [[one, two]], "they may take turns"


# --- errors -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Failing:
    """A session that fails at one of its calls in a stream."""

    error: Exception
    at: int
    calls: list[int]
    runtime: str = "fake"
    precision: str = "fp32"
    device: str = "cpu"

    def prepare(self, shape):
        pass

    def infer(self, batch):
        if threading.current_thread().name.startswith("stream"):
            self.calls.append(len(batch))
        if len(self.calls) >= self.at:
            raise self.error
        return {"heatmaps": np.zeros((len(batch), 17, 64, 48), np.float32)}


def failing(monkeypatch, error, at):
    session = Failing(error, at, [])
    monkeypatch.setattr(build, "open_session", lambda target, source: session)


def test_an_error_of_a_session_ends_the_run_with_its_message(tmp_path, monkeypatch):
    failing(monkeypatch, RuntimeError("the session is lost"), at=9)
    with pytest.raises(RuntimeError, match="the session is lost"):
        run(prepared(), tmp_path)
    (path,) = tmp_path.glob("*.jsonl")
    record = files.read(path)
    assert not record.complete
    assert record.good, "frames that were finished before it are kept"


def test_an_error_of_poses_that_cannot_be_used_costs_that_frame_only(tmp_path, monkeypatch):
    session = Failing(FrameError("the output is not finite"), 10**9, [])

    def infer(batch):
        session.calls.append(1)
        if len(session.calls) % 5 == 0:
            raise session.error
        return {"heatmaps": np.zeros((len(batch), 17, 64, 48), np.float32)}

    monkeypatch.setattr(build, "open_session", lambda target, source: session)
    monkeypatch.setattr(Failing, "infer", lambda self, batch: infer(batch))
    path, _ = run(prepared(), tmp_path)
    record = files.read(path)
    assert record.complete
    assert 0 < len(record.failed) < 20
    assert len(record.good) + len(record.failed) == 20


def test_an_interruption_keeps_the_finished_frames(tmp_path, monkeypatch):
    class Interrupted(measurement.Watch):
        samples = 0

        def sample(self):
            self.samples += 1
            if self.samples == 5:
                raise KeyboardInterrupt

    monkeypatch.setattr(measurement, "Watch", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(prepared(), tmp_path)
    (path,) = tmp_path.glob("*.jsonl")
    record = files.read(path)
    assert not record.complete
    assert [f.image_id for f in record.good] == [1, 2, 3, 4, 5]
    monkeypatch.undo()
    run(prepared(), tmp_path, resume=True)
    assert sorted(f.image_id for f in files.read(path).good) == [*range(1, 21)]


def test_people_who_are_followed_are_refused_before_the_first_frame(tmp_path, monkeypatch):
    def following(job):
        estimator = build_estimator(job)
        pipeline = replace(estimator.pipeline, people=GivenBoxes(remembers=True))
        return replace(estimator, pipeline=pipeline)

    monkeypatch.setattr(measurement, "build_estimator", following)
    with pytest.raises(UsageError, match="each frame needs the poses of the one before"):
        run(prepared(), tmp_path)


def test_the_pictures_of_a_video_are_refused(tmp_path):
    class Video(Sample):
        def frames(self):
            def in_turn(read):
                return lambda: partial(cv2.imdecode, np.frombuffer(read(), np.uint8), 1)

            return [replace(frame, read=in_turn(frame.read)) for frame in super().frames()]

    with pytest.raises(UsageError, match="the pictures of a video are decoded one after the other"):
        run(prepared(Video(4)), tmp_path)


def test_compiled_torch_is_refused_before_the_first_frame():
    with pytest.raises(UsageError, match="torch-compile on cpu cannot process 2 frames"):
        prepared(runtime="torch-compile")
