"""Running jobs end to end, with the smallest network: records, resuming, broken images."""

import json
import shutil
from dataclasses import dataclass, replace
from unittest import mock

import numpy as np
import pytest
import torch

import goldens
from posemark.core.errors import CheckpointError, DataError, FrameError, RecordError, UsageError
from posemark.core.frame import Frame
from posemark.datasets.coco import Coco
from posemark.datasets.sample import Sample
from posemark.measure import loop
from posemark.measure.clock import STAGES
from posemark.models import spec_of
from posemark.records import files
from posemark.report.result_row import POSE_STAGES
from posemark.report.results import load_rows
from posemark.run import measurement
from posemark.run.measurement import NothingMeasuredError
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.runtimes.registry import installed
from runs import run_all
from runs import run_one as run

MODEL = "naive-litehrnet-18-256x192"
OPTIONS = Options(data="sample", threads=1, limit=3)
IDS = [1, 2, 3]
"""The people in the first sample scenes: one, none, three."""


def prepared(dataset=None, name=f"{MODEL}@gt", **changes):
    dataset = dataset or Sample(4)
    (job,) = plan([name], replace(OPTIONS, **changes))
    return prepare_job(job, dataset, dataset.frames())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(prepared(), tmp_path_factory.mktemp("finished"))


@pytest.fixture
def path(finished, tmp_path):
    """A copy of the finished run, for a test to damage."""
    shutil.copytree(finished[0].parent, tmp_path / "run")
    return tmp_path / "run" / finished[0].name


def raw(path):
    """Return the lines as any JSON reader sees them, without run, line number and checksum."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("run", "line", "crc32")} for line in lines]


def timed_lines(path):
    return [line for line in raw(path) if line["kind"] == "frame"]


def the_row(path):
    (row,) = load_rows([path])
    return row


# --- the record ---------------------------------------------------------------------------------


def test_a_record_is_a_header_every_frame_and_an_end(finished):
    header, *middle, end = raw(finished[0])
    perfect, rest = middle[:2], middle[2:]
    frames = [line for line in rest if line["kind"] == "frame"]
    assert {line["kind"] for line in rest} == {"frame", "block"}
    assert rest[-1]["kind"] == "block"
    assert [(p["kind"], p["image_id"]) for p in perfect] == [("perfect", 1), ("perfect", 3)]
    assert finished[0].name == f"{MODEL}@gt.jsonl"
    assert header["kind"] == "header"
    assert [(f["kind"], f["image_id"]) for f in frames] == [("frame", i) for i in IDS]
    assert end == {"kind": "end", "reason": "limit"}
    assert files.read(finished[0]).complete


def test_the_header_says_what_was_run(finished):
    header, spec = files.read(finished[0]).header, spec_of(MODEL)
    assert (header.entry, header.letter, header.model) == (f"{MODEL}@gt", "p", MODEL)
    assert (header.parameters, header.macs) == (spec.parameters, spec.macs)
    assert (header.weights.name, header.weights.sha256) == ("none", "formula-1")
    assert (header.data.name, header.data.sha256) == ("sample", Sample(4).fingerprint)
    assert (header.boxes.name, header.box_kind) == ("gt", "gt")
    assert header.settings.convention == spec.convention.name
    assert header.settings.codec == spec.codec.name
    assert (header.settings.runtime, header.settings.precision) == ("torch", "fp32")
    assert (header.settings.threads, header.settings.persons) == (1, "serial")


def test_every_frame_is_timed_by_stage_and_stages_do_not_exceed_the_frame(finished):
    for frame in timed_lines(finished[0]):
        assert tuple(frame["stages"]) == STAGES
        assert all(isinstance(ns, int) for ns in frame["stages"].values())
        assert 0 < sum(frame["stages"].values()) <= frame["frame_ns"]
        assert (frame["stages"]["infer"] > 0) == (frame.get("boxes", 0) > 0)


def test_without_trained_weights_there_are_perfect_poses_and_no_measured_ones(finished):
    record = files.read(finished[0])
    assert [f.boxes for f in record.frames] == [1, 0, 3]
    assert [f.poses for f in record.frames] == [None] * 3
    assert [(p.image_id, len(p.people.scores)) for p in record.perfect] == [(1, 1), (3, 3)]
    assert {len(k) for p in record.perfect for k in p.people.keypoints} == {17 * 3}


def test_the_codec_ceiling_covers_all_frames_whatever_the_budget_and_the_boxes(tmp_path):
    job = prepared(Sample(5), limit=None, budget=1e-9, name=f"{MODEL}@detected")
    path, _ = run(job, tmp_path)
    record = files.read(path)
    assert len(record.frames) == 3
    annotated = [(f.image_id, len(f.truth)) for f in Sample(5).frames() if len(f.truth)]
    assert [(p.image_id, len(p.people.scores)) for p in record.perfect] == annotated
    assert the_row(path).codec_ceiling > 0.8


def test_the_annotations_are_beside_the_record_with_all_their_images(finished):
    header = files.read(finished[0]).header
    truth = json.loads((finished[0].parent / header.truth).read_bytes())
    assert [image["id"] for image in truth["images"]] == [1, 2, 3, 4], "not those run alone"
    assert sorted(p.name for p in finished[0].parent.iterdir()) == sorted(
        [finished[0].name, header.truth]
    )


def test_progress_is_reported_after_every_frame(finished):
    path, steps = finished
    assert [(s.done, s.share) for s in steps] == [(1, 1 / 3), (2, 2 / 3), (3, 1)]
    assert [s.line for s in steps] == files.read(path).frames


# --- the row ------------------------------------------------------------------------------------


def test_the_row_has_a_ceiling_and_no_ap(finished):
    row = the_row(finished[0])
    assert row.ap is None
    assert row.ap_published is None, "nobody published this entry on annotated boxes"
    assert 0.8 < row.codec_ceiling <= 1
    assert (row.frames, row.persons, row.failed_frames) == (3, 4, 0)
    assert (row.weights, row.letter, row.complete, row.notes) == ("none", "p", True, ())


def test_frames_per_second_are_frames_over_the_raw_nanoseconds(finished):
    frames, row = timed_lines(finished[0]), the_row(finished[0])
    total = {stage: sum(f["stages"][stage] for f in frames) for stage in STAGES}
    pose_ns = sum(total[stage] for stage in ("preprocess", "infer", "postprocess"))
    assert row.fps_pose == pytest.approx(3e9 / pose_ns, rel=1e-12)
    assert row.fps_pipeline == pytest.approx(3e9 / sum(total.values()), rel=1e-12)
    assert row.stage_ms == pytest.approx({s: total[s] / 3e6 for s in STAGES}, rel=1e-12)
    assert set(POSE_STAGES) < set(STAGES)
    assert row.fps_pipeline < row.fps_pose


# --- stopping and going on ----------------------------------------------------------------------


def after(path, frames):
    """Return the byte offset at which a record contains this many frames."""
    size = 0
    for line in path.read_bytes().splitlines(keepends=True):
        size += len(line)
        frames -= json.loads(line)["kind"] == "frame"
        if frames == 0:
            return size
    raise AssertionError("the record has fewer frames")


def without_blocks(path):
    return [line for line in raw(path) if line["kind"] != "block"]


def kinds(path):
    """Return the kinds of a record's lines, in order, without perfect poses and blocks."""
    return [line["kind"] for line in without_blocks(path) if line["kind"] != "perfect"]


@pytest.mark.parametrize("torn_bytes", [0, 1, 40])
def test_a_killed_run_resumes_where_it_stopped(path, torn_bytes):
    whole = after(path, 1)
    kept = path.read_bytes()[:whole]
    path.write_bytes(path.read_bytes()[: whole + torn_bytes])
    assert not files.read(path).complete
    assert "--resume" in " ".join(the_row(path).notes)
    _, steps = run(prepared(), path.parent, resume=True)
    assert path.read_bytes().startswith(kept)
    assert kinds(path) == ["header", "frame", "resumed", "frame", "frame", "end"]
    assert [p.image_id for p in files.read(path).perfect] == [1, 3], "each once"
    assert [f.image_id for f in files.read(path).frames] == IDS
    assert [(s.done, s.share) for s in steps] == [(2, 2 / 3), (3, 1)]
    assert the_row(path).complete


def test_a_run_killed_between_its_last_frame_and_its_end_gets_its_end(path):
    path.write_bytes(path.read_bytes()[: after(path, 3)])
    _, steps = run(prepared(), path.parent, resume=True)
    assert steps == []
    assert [f.image_id for f in files.read(path).frames] == IDS
    assert files.read(path).complete


def test_nothing_is_written_into_a_finished_record(path):
    before = path.read_bytes()
    _, steps = run(prepared(), path.parent, resume=True)
    assert path.read_bytes() == before
    assert steps == []


def test_a_finished_run_can_be_made_longer(path):
    run(prepared(limit=None), path.parent, resume=True)
    assert [f.image_id for f in files.read(path).frames] == [*IDS, 4]
    assert raw(path)[-1] == {"kind": "end", "reason": "all frames"}


def test_resuming_where_nothing_was_begun_is_a_run(tmp_path):
    path, _ = run(prepared(limit=1), tmp_path / "new", resume=True)
    assert kinds(path) == ["header", "frame", "end"]


def test_a_record_is_not_begun_again(path):
    before = path.read_bytes()
    with pytest.raises(RecordError, match=r"exists already.*--resume"):
        run(prepared(), path.parent)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("settings.threads was 1, is 2", {"threads": 2}),
        ("data.sha256 was", {"dataset": Sample(5)}),
    ],
)
def test_another_run_is_not_resumed_and_the_difference_is_named(path, field, changes):
    before = path.read_bytes()
    with pytest.raises(RecordError, match=rf"another run: .*{field}.*another --out"):
        run(prepared(**changes), path.parent, resume=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("key", "changes"),
    [(f"{MODEL}@gt+flip", {"flip": True}), (f"{MODEL}@gt+dark3", {"codec": "dark:3"})],
)
def test_another_setting_of_the_key_is_another_record_in_the_same_folder(path, key, changes):
    other, _ = run(prepared(limit=1, **changes), path.parent)
    assert other.name == f"{key}.jsonl"
    assert len(load_rows([path.parent])) == 2


def test_a_used_up_budget_ends_the_run_after_three_frames_and_says_so(tmp_path):
    path, _ = run(prepared(limit=None, budget=1e-9), tmp_path)
    assert kinds(path) == ["header", "frame", "frame", "frame", "end"]
    assert raw(path)[-1]["reason"] == "budget"


def test_all_people_at_once_and_mirrored_is_recorded_as_such(tmp_path):
    path, _ = run(prepared(flip=True, persons="batched", limit=3, codec="argmax"), tmp_path)
    settings = files.read(path).header.settings
    assert (settings.flip, settings.persons, settings.codec) == (True, "batched", "argmax")
    assert [len(p.people.scores) for p in files.read(path).perfect] == [1, 3]


# --- blocks and modes ---------------------------------------------------------------------------


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(measurement, "BLOCK_SECONDS", 1e-9)


def test_every_block_says_what_the_machine_did(tmp_path, small_blocks):
    path, _ = run(prepared(), tmp_path)
    blocks = files.read(path).blocks
    assert [[f.image_id for f in block.frames] for block in blocks] == [[1], [2], [3]]
    for block in blocks:
        readings = block.readings
        assert readings.frames == 1
        assert readings.sentinel_ns > 10_000
        assert readings.wall_ns >= block.frames[0].frame_ns
        assert readings.own_cpu_ns >= 0
    assert [b.readings.began_ns for b in blocks] == sorted(b.readings.began_ns for b in blocks)


def test_the_sentinel_is_outside_the_block_and_its_time_is_no_budget(
    tmp_path, small_blocks, monkeypatch
):
    """The clock of this test is advanced only by the sentinel and the frames."""
    now = [0]

    class Sentinel:
        def __init__(self, threads):
            assert threads == 1

        def __call__(self):
            now[0] += 300_000_000

    class Watch(measurement.Watch):
        def __init__(self):
            super().__init__(now=lambda: now[0])

        def sample(self):  # after each frame
            now[0] += 50_000_000

    monkeypatch.setattr(loop, "now_ns", lambda: now[0])
    monkeypatch.setattr(measurement, "Sentinel", Sentinel)
    monkeypatch.setattr(measurement, "Watch", Watch)
    path, _ = run(prepared(limit=None, budget=0.18), tmp_path)
    record = files.read(path)
    assert [f.image_id for f in record.frames] == [*IDS, 4], "all four: 0.2 s of their own"
    assert [b.readings.sentinel_ns for b in record.blocks] == [300_000_000] * 4
    assert [b.readings.wall_ns for b in record.blocks] == [50_000_000] * 4


@pytest.fixture
def products(monkeypatch):
    """The number of threads that torch had for each matrix product of the sentinel."""
    usual, seen = torch.get_num_threads(), []

    def watched(*arguments, product=torch.mm, **named):
        seen.append(torch.get_num_threads())
        return product(*arguments, **named)

    monkeypatch.setattr(torch, "mm", watched)
    yield seen
    torch.set_num_threads(usual)


QUICK = {"torch", "onnxruntime", "openvino"}
"""Runtimes that open a small network within seconds."""


@pytest.mark.parametrize("runtime", [name for name in installed() if name in QUICK])
def test_the_sentinel_runs_on_the_threads_of_the_run_in_every_runtime(tmp_path, runtime, products):
    torch.set_num_threads(1)
    run(prepared(runtime=runtime, threads=2, limit=1), tmp_path)
    assert set(products) == {2}


def test_entries_of_one_process_keep_their_own_threads(tmp_path, products):
    """The session that is opened last sets the threads of torch for the whole process."""
    one, two = prepared(limit=1), prepared(threads=2, persons="batched", limit=1)
    assert one.key != two.key
    run_all([one, two], tmp_path)
    assert products.count(1) == products.count(2) == 4, "once to warm up, once before the block"


def test_a_sustained_run_repeats_its_frames_until_the_budget_ends_it(tmp_path):
    job = prepared(mode="sustained", limit=2, budget=0.5)
    path, steps = run(job, tmp_path)
    record = files.read(path)
    assert path.stem == f"{MODEL}@gt+sustained"
    assert len(record.good) > 2
    assert [f.image_id for f in record.good] == [1 + i % 2 for i in range(len(record.good))]
    assert [f.image_id for f in record.frames] == [1, 2]
    assert raw(path)[-1]["reason"] == "budget"
    assert 0.9 < steps[-1].share <= 1
    assert (the_row(path).frames, the_row(path).mode) == (len(record.good), "sustained")


def test_a_paced_run_takes_what_the_camera_gives_and_counts_what_it_loses(
    tmp_path, small_blocks, monkeypatch
):
    """The clocks of this test are advanced only by frames, so a busy machine has no effect."""

    class Ticking(measurement.Watch):
        def stop(self):
            return replace(super().stop(), wall_ns=50_000_000)  # one frame each

    class Slow(measurement.Camera):
        def __init__(self, fps):
            super().__init__(fps, rest=lambda _: None)

        def handled(self, frame_ns):
            super().handled(round(1e9 / 30 / 0.6))  # 60 % of the camera's rate

    monkeypatch.setattr(measurement, "Watch", Ticking)
    monkeypatch.setattr(measurement, "Camera", Slow)
    job = prepared(mode="paced", camera_fps=30.0, limit=None, budget=1.5)
    path, _ = run(job, tmp_path)
    record = files.read(path)
    assert path.stem == f"{MODEL}@gt+paced30"
    handled, skipped = len(record.good), sum(f.skipped for f in record.good)
    assert handled == 30, "1.5 s of frames of 50 ms"
    assert skipped == 19, "40% of 49 that the camera took up to the last one"
    assert all(f.wait_ns < 1e9 / 30 for f in record.good), "the newest frame is never old"


def test_a_run_ends_when_its_interval_is_as_narrow_as_asked(tmp_path, small_blocks, monkeypatch):
    asked = []

    def interval(blocks):
        asked.append(len(blocks))
        return mock.Mock(half_width=0.05 if len(blocks) < 12 else 0.01)

    monkeypatch.setattr(measurement, "pose_interval", interval)
    path, _ = run(prepared(Sample(30), limit=None, until=0.02), tmp_path)
    assert raw(path)[-1]["reason"] == "precision"
    assert asked == [10, 11, 12], "never with fewer than ten blocks"
    assert len(files.read(path).blocks) == 12


# --- a data set that is gone through several times ----------------------------------------------


def test_a_small_data_set_is_gone_through_several_times(tmp_path):
    path, steps = run(prepared(limit=2, repeat=3), tmp_path)
    record = files.read(path)
    assert [f.image_id for f in record.good] == [1, 2] * 3
    assert [f.image_id for f in record.frames] == [1, 2], "the last measurement of each"
    assert record.header.settings.repeat == 3
    assert [step.share for step in steps] == pytest.approx([n / 6 for n in range(1, 7)])
    assert steps[-1].seconds_left == 0
    row = the_row(path)
    assert (row.frames, row.complete, row.notes) == (6, True, ())


@pytest.mark.parametrize("kept", range(1, 6))
def test_a_repeated_run_resumes_in_the_round_where_it_stopped(tmp_path, small_blocks, kept):
    path, _ = run(prepared(limit=2, repeat=3), tmp_path)
    path.write_bytes(path.read_bytes()[: after(path, kept)])
    _, steps = run(prepared(limit=2, repeat=3), tmp_path, resume=True)
    assert [f.image_id for f in files.read(path).good] == [1, 2] * 3
    assert len(steps) == 6 - kept


def test_more_rounds_are_another_run(tmp_path):
    run(prepared(limit=1, repeat=2), tmp_path)
    with pytest.raises(RecordError, match=r"settings.repeat was 2, is 3"):
        run(prepared(limit=1, repeat=3), tmp_path, resume=True)


# --- sharing a time -----------------------------------------------------------------------------


def lane(out, resume=False, perfect_seconds=None, **changes):
    circumstances = measurement.Circumstances(perfect_seconds=perfect_seconds)
    job = prepared(Sample(12), limit=None, **changes)
    made = measurement.Measurement(job, out, resume, lambda _: None, circumstances)
    made.open()
    return made


def test_a_measurement_reports_its_standing(tmp_path, small_blocks):
    own = lane(tmp_path)
    before = own.standing
    assert (before.blocks, before.frames, before.over, before.perfect_seconds) == (0, 0, False, 0)
    assert before.frame_seconds > 0
    assert before.seconds_left == pytest.approx(12 * before.frame_seconds)
    assert own.half_width() is None
    for _ in range(5):
        own.block()
    after = own.standing
    assert (after.blocks, after.frames) == (5, 5)
    assert after.seconds_left == pytest.approx(7 * after.frame_seconds)
    assert own.half_width() > 0
    own.end("within")
    own.close()
    record = files.read(own.path)
    assert record.complete
    assert raw(own.path)[-1]["reason"] == "within"
    again = lane(tmp_path, resume=True)
    assert (again.standing.blocks, again.standing.frames) == (5, 5), "what was measured counts"
    while again.block():
        pass
    assert again.standing.over
    again.close()
    assert [f.image_id for f in files.read(own.path).good] == list(range(1, 13))


def test_the_budget_is_an_end_too(tmp_path):
    own = lane(tmp_path, budget=0.25)
    assert own.standing.seconds_left <= 0.25
    own.close()
    own = lane(tmp_path / "endless", mode="paced", camera_fps=1.0)
    assert own.standing.seconds_left is None
    own.close()


def test_perfect_outputs_come_in_slices_and_are_written_when_all_are_there(tmp_path, monkeypatch):
    # A quick machine would measure all frames in a usual block, which would end the run.
    monkeypatch.setattr("posemark.run.measurement.BLOCK_SECONDS", 1e-9)
    own = lane(tmp_path, perfect_seconds=1e-9)
    assert own.standing.perfect_seconds > 0
    assert files.read(own.path).perfect == [], "a ceiling of some images is worth nothing"
    own.block()
    while own.standing.perfect_seconds:
        own.perfect(1e-9)
    own.end("within")
    own.close()
    whole, _ = run(prepared(Sample(12), limit=None), tmp_path / "whole")
    assert files.read(own.path).perfect == files.read(whole).perfect


def test_an_interrupted_ceiling_is_made_when_the_run_is_resumed(tmp_path):
    own = lane(tmp_path, perfect_seconds=1e-9)
    own.end("within")
    own.close()
    own = lane(tmp_path, resume=True)
    own.close()
    images = [line.image_id for line in files.read(own.path).perfect]
    assert len(images) == len(set(images)) > 2


# --- broken images ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Damaged:
    """Return sample scenes of which some cannot be read (raises) and some are no image (empty)."""

    raises: tuple[int, ...] = ()
    empty: tuple[int, ...] = ()
    name = "sample"
    fingerprint = "damaged"
    notes = ()
    photographs = False

    def frames(self):
        return [self._frame(frame) for frame in Sample(3).frames()]

    def _frame(self, frame: Frame):
        def refuse():
            raise FrameError(f"{frame.name}: gone")

        if frame.image_id in self.raises:
            return replace(frame, read=refuse)
        return replace(frame, read=bytes) if frame.image_id in self.empty else frame


@pytest.mark.parametrize("damage", ["raises", "empty"])
@pytest.mark.parametrize("which", [1, 3])
def test_a_broken_image_is_recorded_and_counted_and_the_run_continues(tmp_path, damage, which):
    path, steps = run(prepared(Damaged(**{damage: (which,)})), tmp_path)
    frames = files.read(path).frames
    assert [f.image_id for f in frames] == IDS
    assert len(steps) == 3
    (failed,) = (f for f in frames if f.error)
    assert failed.image_id == which
    assert f"sample-{which:06d}.jpg" in failed.error
    assert (failed.stages, failed.poses, failed.boxes) == ({}, None, 0)
    row = the_row(path)
    assert (row.frames, row.failed_frames, row.complete) == (2, 1, True)
    assert failed.error in " ".join(row.notes)


def test_a_mended_image_is_tried_again_and_counts_once(tmp_path):
    path, _ = run(prepared(Damaged(raises=(3,))), tmp_path)
    _, steps = run(prepared(Damaged()), tmp_path, resume=True)
    assert [s.line.image_id for s in steps] == [3]
    row = the_row(path)
    assert (row.frames, row.failed_frames, row.complete) == (3, 0, True)


def test_a_record_killed_within_its_header_is_started_again(tmp_path):
    path, _ = run(prepared(), tmp_path / "a")
    torn = tmp_path / "b" / path.name
    torn.parent.mkdir()
    torn.write_bytes(path.read_bytes()[:100])
    run(prepared(), tmp_path / "b", resume=True)
    assert the_row(torn).frames == 3


def test_where_every_image_is_broken_the_run_fails_with_the_reason(tmp_path):
    with pytest.raises(DataError, match=r"every one of 3 frames failed.*sample-000003\.jpg"):
        run(prepared(Damaged(raises=(1, 2), empty=(3,))), tmp_path)


def test_where_only_frames_without_people_succeed_nothing_was_measured(tmp_path):
    """The second scene has no people: its frame takes next to nothing, and is no speed."""
    broken, job = prepared(Damaged(raises=(1, 3))), prepared(Damaged())
    for resume in (False, True):
        with pytest.raises(NothingMeasuredError, match=r"2 of 3 frames failed, .* ran on none"):
            run(broken, tmp_path, resume=resume)
    row = the_row(measurement.record_path(broken, tmp_path))
    assert (row.frames, row.failed_frames, row.complete) == (1, 2, False)
    assert (row.fps_pose, row.fps_pipeline, row.histogram) == (None, None, ())
    path, _ = run(job, tmp_path, resume=True)
    assert the_row(path).fps_pose > 0


def test_a_run_that_ends_early_has_measured_something_or_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(measurement, "BLOCK_SECONDS", 1e-9)  # a block of one frame
    job = prepared(Damaged(raises=(1,)))
    lane = measurement.Measurement(job, tmp_path, False, lambda step: None)
    lane.open()
    assert lane.block()
    assert lane.block()
    with pytest.raises(NothingMeasuredError, match=r"1 of 2 frames failed, .* ran on none"):
        lane.end("within")
    assert lane.block() is False
    lane.close()
    assert the_row(lane.path).fps_pose > 0


def test_resuming_with_only_a_broken_image_left_finishes_the_run(tmp_path):
    job = prepared(Damaged(raises=(3,)))
    path, _ = run(job, tmp_path)
    complete = without_blocks(path)
    path.write_bytes(path.read_bytes()[: after(path, 2)])
    run(job, tmp_path, resume=True)
    assert without_blocks(path)[-2:] == complete[-2:]
    assert the_row(path).failed_frames == 1


# --- what is checked before ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (UsageError, {"codec": "nonsense"}),
        (UsageError, {"boxes": "yolo", "name": f"{MODEL}@detected"}),
        (DataError, {"boxes": "file:absent.json", "name": f"{MODEL}@detected"}),
        (CheckpointError, {"weights": "absent.pth"}),
        (CheckpointError, {"weights": "official"}),
    ],
)
def test_mistakes_are_found_before_anything_is_measured(error, changes, tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path))
    with pytest.raises(error):
        prepared(**changes)


def test_openpose_takes_either_of_its_own_builds_and_no_heatmap_decoder():
    own = prepared(name="openpose-body25")
    cpu = prepared(name="openpose-body25", codec="paf:cpu")
    assert (own.decoder, own.spec.codec.build) == ("paf:gpu", "gpu")
    assert (cpu.decoder, cpu.spec.codec.build) == ("paf:cpu", "cpu")
    assert cpu.key == "openpose-body25@single+pafcpu"
    with pytest.raises(UsageError, match=r"openpose-body25.*Expected paf:gpu or paf:cpu"):
        prepared(name="openpose-body25", codec="quarter")
    with pytest.raises(UsageError, match=r"dekr-w32-512.*Leave --codec out"):
        prepared(name="dekr-w32-512", codec="paf:cpu")


# --- trained weights ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    weights = goldens.shared("weights/tinypose_256x192_wider_naive_litehrnet18.safetensors")
    coco = Coco(goldens.shared("coco"))
    changes = {"data": f"coco:{coco.folder}", "weights": str(weights), "limit": 6}
    job = prepared(coco, "wider-naive-litehrnet-18-256x192", **changes)
    return run(job, tmp_path_factory.mktemp("trained"))[0]


def test_trained_weights_are_measured_and_named(trained):
    row = the_row(trained)
    assert row.entry == "wider-naive-litehrnet-18-256x192.tinypose@gt"
    assert (row.weights, row.weights_licence) == (
        "tinypose",
        "Apache-2.0 (upstream PaddleDetection)",
    )
    assert set(row.ap) == {"AP", "AP50", "AP75", "APM", "APL", "AR"}
    assert 0.4 < row.ap["AP"] < row.codec_ceiling <= 1


def test_poses_of_trained_weights_are_kept_beside_the_perfect_ones(trained):
    for frame in files.read(trained).frames:
        assert len(frame.poses.scores) <= frame.boxes
        points = np.array(frame.poses.keypoints).reshape(-1, 17, 3)
        assert np.isfinite(points).all()
        np.testing.assert_array_equal(points[..., :2], points[..., :2].round(3))
        assert frame.poses.scores == sorted(frame.poses.scores, reverse=True)


def test_a_record_is_synchronised_between_blocks_and_never_within_one(tmp_path, monkeypatch):
    """The line of a block, with its wall time, is in the file before it is synchronised."""
    last = []

    def synced(file):
        (path,) = tmp_path.glob("*.jsonl")
        last.append(json.loads(path.read_bytes().splitlines()[-1])["kind"])

    monkeypatch.setattr(files, "sync", synced)
    monkeypatch.setattr(measurement, "BLOCK_SECONDS", 0.01)
    path, _ = run(prepared(limit=4), tmp_path)
    blocks = len(files.read(path).blocks)
    assert blocks > 1
    assert last.count("block") == blocks - 1
    assert last[0] == "header"
    assert last[-1] == "end"
    assert "frame" not in last
