"""Rows from records: every figure is computed again by hand from the raw JSON lines."""

import json
import shutil
from statistics import median

import numpy as np
import pytest
from msgspec.structs import replace

import made_records
from posemark.core.errors import RecordError
from posemark.core.skeleton import COCO_17
from posemark.measure.speed_interval import pose_interval
from posemark.records import files
from posemark.records.schema import (
    BlockLine,
    End,
    FrameLine,
    PerfectLine,
    Published,
    Resumed,
    Source,
)
from posemark.report.result_row import STAGES
from posemark.report.results import load_rows, row_of


def frame(image_id, people, pose_ms, **changes):
    """Return a frame whose decoding is slow, which must not affect the line over people."""
    stages = dict.fromkeys(STAGES, 0) | {"decode": image_id * 10**9, "detect": 77 * 10**6}
    stages |= {"preprocess": 10**6, "infer": (pose_ms - 3) * 10**6, "postprocess": 2 * 10**6}
    fields = {"boxes": people, "stages": stages, "frame_ns": sum(stages.values())}
    return FrameLine(image_id, **fields | changes)


def path_of(folder, lines, **changes):
    """Write a record of these lines, with changes to its header, and return its path."""
    return made_records.with_truth(folder, made_records.header(**changes), list(counted(lines)))


def counted(lines):
    """Yield the lines; each block has the number of frames before it."""
    frames = 0
    for line in lines:
        yield replace(line, frames=frames) if isinstance(line, BlockLine) else line
        frames = frames + 1 if isinstance(line, FrameLine) else 0


def row(folder, lines, **changes):
    return row_of(files.read(path_of(folder, lines, **changes)), {})


def block(at=0, **readings):
    fields = {"frames": 0, "began_ns": at * 10**9, "wall_ns": 10**9, "sentinel_ns": 9 * 10**6}
    return BlockLine(**fields | readings)


def uneven(blocks=12, frames=3, seed=0):
    """Return blocks of noisy frames with 0 to 5 people; one frame is ten times as slow."""
    chance, lines = np.random.default_rng(seed), []
    for at in range(blocks):
        for image in range(at * frames, (at + 1) * frames):
            people = int(chance.integers(0, 6))
            pose_ms = 10 + 40 * people + int(chance.integers(0, 20))
            lines.append(frame(image, people, pose_ms * (10 if image == 7 else 1)))
        lines.append(block(at))
    return [*lines, End("all frames")]


# --- speed --------------------------------------------------------------------------------------


def raw_frames(path):
    """Return the measured frames as any JSON reader sees them."""
    lines = (json.loads(text) for text in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line["kind"] == "frame" and not line.get("error")]


def test_fps_is_frames_over_the_raw_nanoseconds_slow_ones_included(tmp_path):
    path = path_of(tmp_path, uneven())
    (made,) = load_rows([path])
    pose = [sum(f["stages"][s] for s in ("preprocess", "infer", "postprocess"))
            for f in raw_frames(path)]  # fmt: skip
    everything = [sum(f["stages"].values()) for f in raw_frames(path)]
    assert len(pose) == made.frames == 36
    assert made.fps_pose == pytest.approx(len(pose) * 1e9 / sum(pose), rel=1e-12)
    assert made.fps_pipeline == pytest.approx(len(pose) * 1e9 / sum(everything), rel=1e-12)
    # Other ways of averaging give other results for these frames.
    for other in (1e9 / median(pose), np.mean(1e9 / np.array(pose)), 35e9 / sum(sorted(pose)[:-1])):
        assert abs(made.fps_pose - other) > 0.05 * made.fps_pose


def test_the_interval_is_around_the_very_fps(tmp_path):
    lines = uneven()
    made = row(tmp_path, lines)
    blocks = [[]]
    for line in lines[:-1]:
        if isinstance(line, FrameLine):
            blocks[-1].append((line.boxes, sum(line.stages[s] for s in STAGES[2:])))
        else:
            blocks.append([])
    interval = pose_interval(blocks)
    assert made.blocks == 12
    assert made.fps_interval == pytest.approx(
        (made.fps_pose * interval.low, made.fps_pose * interval.high)
    )
    assert made.fps_interval[0] < made.fps_pose < made.fps_interval[1]


def test_few_blocks_give_fps_without_an_interval(tmp_path):
    made = row(tmp_path, uneven(blocks=4))
    assert made.fps_pose > 0
    assert (made.fps_interval, made.blocks, made.verdict.kind) == (None, 4, "noisy")


def test_every_repetition_counts_for_speed_and_each_image_once_for_failures(tmp_path):
    lines = [frame(1, 2, 100), frame(1, 2, 300), FrameLine(2, error="broken"), block()]
    lines += [FrameLine(2, error="broken"), frame(1, 2, 200, dropped=1), block(1)]
    made = row(tmp_path, lines)
    assert (made.frames, made.persons, made.failed_frames, made.dropped_boxes) == (3, 6, 1, 1)
    assert made.fps_pose == pytest.approx(3 / 0.6)
    assert "1 frame failed, not counted; the first: broken" in made.notes
    assert "dropped 1 box without size or area, or outside the image" in made.notes


def test_a_record_without_any_measured_frame_is_a_row_without_figures(tmp_path):
    made = row(tmp_path, [FrameLine(2, error="broken"), block()])
    assert (made.frames, made.fps_pose, made.fps_interval, made.blocks) == (0, None, None, 0)
    assert (made.latency_ms, made.histogram, made.timeline) == ({}, (), ())
    assert (made.sustainable_fps, made.intercept_ms, made.most_people) == (None, None, 0)


def test_the_line_of_a_record_is_of_its_pose_stages_and_frames_without_people_count(tmp_path):
    frames = [frame(1, 0, 100), frame(2, 4, 140), frame(3, 2, 120), FrameLine(4, error="broken")]
    made = row(tmp_path, frames, settings={"scales": (0.5, 1.0, 2.0)})
    assert made.intercept_ms == pytest.approx(100)
    assert made.ms_per_person == pytest.approx(10)
    assert (made.scales, made.most_people) == ((0.5, 1.0, 2.0), 4)


def test_bottom_up_only_post_processing_can_depend_on_people(tmp_path):
    """For a bottom-up model, time varies with the image and not with the people in it."""
    frames = [frame(1, 0, 100), frame(2, 4, 140), frame(3, 2, 120)]
    made = row(tmp_path, frames, approach="bottom-up")
    assert made.intercept_ms == pytest.approx(120)
    assert made.ms_per_person == pytest.approx(0, abs=1e-9)


def test_a_record_of_two_frames_has_no_line(tmp_path):
    made = row(tmp_path, [frame(1, 0, 100), frame(2, 4, 140)])
    assert (made.intercept_ms, made.ms_per_person, made.scales) == (None, None, (1.0,))


# --- latency and camera -------------------------------------------------------------------------


def test_latency_is_of_the_whole_frame_and_from_the_camera_on(tmp_path):
    frames = [frame(at, 1, 100, frame_ns=at * 10**6, wait_ns=5 * 10**5) for at in range(1, 101)]
    settings = {"mode": "paced", "camera_fps": 10.0}
    made = row(tmp_path, frames, settings=settings)
    assert made.latency_ms == {"p50": 50.5, "p90": 90.5, "p95": 95.5, "p99": 99.5}
    assert sum(count for _, count in made.histogram) == 100
    assert made.sustainable_fps < 1e3 / 50.5, "a camera's own waiting is no work of the entry"
    assert (made.mode, made.camera_fps) == ("paced", 10.0)


def test_the_share_of_dropped_frames_is_of_all_that_the_camera_took(tmp_path):
    lines = [frame(1, 1, 100), FrameLine(2, error="broken", skipped=2), frame(3, 1, 100, skipped=3)]
    paced = row(tmp_path, lines, settings={"mode": "paced", "camera_fps": 30.0})
    assert paced.dropped_share == pytest.approx(5 / 8)
    assert "dropped 62.5% of the camera's frames, as newer ones came" in paced.notes
    assert row(tmp_path, lines, entry="burst@gt").dropped_share is None


# --- blocks -------------------------------------------------------------------------------------


def test_the_timeline_has_a_point_a_block_from_the_first_one_on(tmp_path):
    lines = [frame(1, 1, 100), frame(2, 1, 300), block(50, sentinel_ns=8 * 10**6)]
    lines += [frame(3, 1, 500), block(53), FrameLine(4, error="broken"), block(54)]
    made = row(tmp_path, [*lines, frame(5, 1, 100)])
    assert made.timeline == (
        (0.0, pytest.approx(5.0), pytest.approx(8.0)),
        (3.0, pytest.approx(2.0), pytest.approx(9.0)),
    )


def test_a_long_timeline_is_merged_to_sixty_points_at_most(tmp_path):
    lines = []
    for at in range(150):
        lines += [frame(at, 1, 100 + 300 * (at % 2)), block(at, sentinel_ns=(at % 3 + 1) * 10**6)]
    made = row(tmp_path, lines)
    assert len(made.timeline) == 50
    assert [seconds for seconds, _, _ in made.timeline] == [3.0 * at for at in range(50)]
    assert made.timeline[0][1:] == pytest.approx((3 / 0.6, 2.0))
    assert made.timeline[1][1:] == pytest.approx((3 / 0.9, 2.0))


def test_the_timeline_continues_after_a_restart_of_the_machine(tmp_path):
    lines = [frame(1, 1, 100), block(900), frame(2, 1, 100), block(905)]
    lines += [Resumed({}, "later"), frame(3, 1, 100), block(7), frame(4, 1, 100), block(9)]
    made = row(tmp_path, lines)
    assert [seconds for seconds, _, _ in made.timeline] == [0.0, 5.0, 6.0, 8.0]


@pytest.mark.parametrize(("own", "peak"), [(True, 700), (False, None)])
def test_peak_memory_is_reported_only_for_a_process_of_its_own(tmp_path, own, peak):
    lines = [frame(1, 1, 100), block(peak_rss=500), frame(2, 1, 100), block(1, peak_rss=700)]
    assert row(tmp_path, [*lines, frame(3, 1, 100), block(2)], own_process=own).peak_memory == peak


def test_energy_is_by_counter_and_measured_frame(tmp_path):
    both, one = {"package": 3.0, "gpu": 8.0}, {"package": 1.0}
    lines = [frame(1, 1, 100), frame(2, 1, 100), block(energy_j=both)]
    lines += [frame(3, 1, 100), FrameLine(4, error="broken"), block(1, energy_j=one)]
    made = row(tmp_path, [*lines, frame(5, 1, 100)])
    assert made.energy_mj == {"package": pytest.approx(4000 / 3), "gpu": pytest.approx(4000)}
    assert row(tmp_path, lines[:2], entry="none@gt").energy_mj is None


# --- accuracy -----------------------------------------------------------------------------------


def posed(image_id, shift=0.0):
    return frame(
        image_id, 1, 100, poses=made_records.people(made_records.annotation(image_id), shift)
    )


def test_accuracy_is_that_of_the_last_measurement_of_each_image(tmp_path):
    good, bad = [posed(at) for at in range(12)], [posed(at, shift=80.0) for at in range(12)]
    exact = row(tmp_path, [*bad, *good], entry="a@gt")
    missed = row(tmp_path, [*good, *bad], entry="b@gt")
    assert (exact.ap["AP"], missed.ap["AP"]) == (pytest.approx(1), pytest.approx(0))
    assert exact.keypoint_accuracy == pytest.approx(dict.fromkeys(COCO_17.keypoints, 1.0))
    assert exact.ap_interval == (pytest.approx(1), pytest.approx(1))


def test_accuracy_is_by_the_sigmas_of_the_header(tmp_path):
    wide = tuple(4 * sigma for sigma in COCO_17.sigmas)
    lines = [posed(at, shift=9.0) for at in range(12)]
    lines = [PerfectLine(1, lines[1].poses), *lines]
    usual = row(tmp_path, lines, entry="a@gt")
    other = row(tmp_path, lines, entry="b@gt", sigmas=wide)
    shift, area = 9.0**2, 20_000.0
    for made, sigmas in ((usual, COCO_17.sigmas), (other, wide)):
        each = [np.exp(-shift / (2 * area * (2 * sigma) ** 2)) for sigma in sigmas]
        expected = np.mean([np.mean(each) >= least for least in np.arange(0.5, 1, 0.05)])
        assert made.ap["AP"] == pytest.approx(expected)
        assert made.codec_ceiling == pytest.approx(expected)
        assert list(made.keypoint_accuracy.values()) == pytest.approx(each)
    assert usual.ap["AP"] < other.ap["AP"]


def test_a_record_whose_sigmas_are_not_those_of_its_annotations_is_refused(tmp_path):
    with pytest.raises(RecordError, match=r"key points, 17, but there are 2\. The record is"):
        row(tmp_path, [frame(1, 1, 100)], sigmas=(0.026, 0.025))


def test_without_poses_there_is_no_accuracy_and_nothing_to_compare_it_by(tmp_path):
    perfect = PerfectLine(1, made_records.people(made_records.annotation(1)))
    made = row(tmp_path, [perfect, frame(1, 1, 100)], published=Published(0.7, "gt", True, "paper"))
    assert made.codec_ceiling == pytest.approx(1)
    assert (made.ap, made.ap_interval, made.keypoint_accuracy) == (None, None, None)
    assert (made.images, made.expected) == ("", "")
    assert made.fingerprint["images"]


def test_the_published_figure_is_held_against_the_images_of_the_run(tmp_path):
    published = Published(0.7, "gt", False, "paper")
    coco = Source("coco:val", "0")
    made = row(tmp_path, [posed(1), posed(2)], published=published, data=coco)
    assert "5,000 images" in made.expected
    assert made.expected.endswith("this over 2")


# --- what was measured --------------------------------------------------------------------------


def test_images_are_identified_by_a_hash_of_those_scored_in_any_order(tmp_path):
    def images(name, *lines):
        return row(tmp_path, lines, entry=f"{name}@gt").images

    known = images("a", posed(1), posed(2), posed(3))
    assert len(known) == 16
    assert images("b", posed(3), posed(1), posed(2), posed(1)) == known
    assert images("c", posed(1), posed(2), FrameLine(3, error="broken")) != known


def test_the_fingerprint_changes_with_whatever_changes_the_measurement(tmp_path):
    def fingerprint(name, images=(1, 2), **changes):
        return row(tmp_path, map(posed, images), entry=f"{name}@gt", **changes).fingerprint

    known = fingerprint("a")
    assert list(known) == [
        *("images", "data", "boxes", "sigmas", "decoder", "weights", "precision", "protocol"),
    ]
    assert known["protocol"] == str(made_records.header().protocol)
    assert known["weights"] == "formula-1"
    changed = {
        "images": fingerprint("b", images=[1]),
        "data": fingerprint("c", data=Source("sample", "f" * 64)),
        "sigmas": fingerprint("d", sigmas=(0.1,) * 17),
        "weights": fingerprint("e", weights=Source("tag", "e" * 64)),
        "precision": fingerprint("f", settings={"precision": "fp16"}),
        "protocol": fingerprint("g", protocol=99),
    }
    for name, other in changed.items():
        assert {key for key in known if known[key] != other[key]} == {name}
    assert fingerprint("h", decoder=2)["decoder"] == "quarter v2"
    assert fingerprint("i", settings={"codec": "argmax"})["decoder"] == "argmax v1"
    assert fingerprint("k", settings={"card": "c" * 16}) == {**known, "card": "c" * 16}
    assert fingerprint("j", settings={"min_score": 0.3})["boxes"] == "gt, scores from 0.3"


def test_a_row_says_where_when_and_how_it_was_measured(tmp_path):
    settings = {"device": "cuda: T4", "mode": "sustained"}
    made = row(tmp_path, [frame(1, 1, 100)], settings=settings, weights_bytes=123)
    assert (made.device, made.mode, made.weights_bytes) == ("cuda: T4", "sustained", 123)
    assert made.started == "2026-01-01T00:00:00+00:00"
    assert made.machine == "AMD EPYC 9V74, 2 cores"


# --- files --------------------------------------------------------------------------------------


def test_rows_come_by_letter_then_by_name(tmp_path):
    for entry, letter in (("z@gt", "b"), ("m@gt", None), ("a@gt", None), ("y@gt", "a")):
        path_of(tmp_path, [frame(1, 1, 100)], entry=entry, letter=letter)
    assert [each.entry for each in load_rows([tmp_path])] == ["y@gt", "z@gt", "a@gt", "m@gt"]


def test_a_record_parted_from_its_annotations_is_explained(tmp_path):
    path = path_of(tmp_path, [frame(1, 1, 100)])
    (tmp_path / made_records.header().truth).unlink()
    with pytest.raises(RecordError, match=r"annotations that belong to these records.*together"):
        load_rows([path])


def test_a_folder_without_records_is_explained(tmp_path):
    with pytest.raises(RecordError, match=r"no run records.*--out"):
        load_rows([tmp_path])
    inner = tmp_path / "a machine"
    inner.mkdir()
    (inner / "small@gt.jsonl").touch()
    with pytest.raises(RecordError, match=r"Folders in it have some: give '.*a machine'\."):
        load_rows([tmp_path])


def test_an_unfinished_record_says_how_to_resume_it(tmp_path):
    made = row(tmp_path, uneven()[:-1])
    assert not made.complete
    assert "--resume" in " ".join(made.notes)


def test_an_unfinished_record_of_a_bundle_says_that_run_py_continues_it(tmp_path):
    device = made_records.ENVIRONMENT | {"edge": {}}
    notes = " ".join(row(tmp_path, uneven()[:-1], environment=device).notes)
    assert "continue it by run.py on its device" in notes
    assert "--resume" not in notes


def test_a_record_that_cannot_be_used_hides_no_other(tmp_path):
    for entry in ("a@gt", "b@gt", "c@gt"):
        path_of(tmp_path, [frame(1, 1, 100)], entry=entry)
    (tmp_path / "b@gt.jsonl").write_text("no record\n", encoding="utf-8")
    reasons = []
    rows = load_rows([tmp_path], left_out=reasons.append)
    assert [each.entry for each in rows] == ["a@gt", "c@gt"]
    assert ["b@gt.jsonl" in str(reason) for reason in reasons] == [True]
    with pytest.raises(RecordError, match=r"b@gt\.jsonl"):
        load_rows([tmp_path])
    with pytest.raises(RecordError, match=r"b@gt\.jsonl: expected a PoseMark run record"):
        load_rows([tmp_path / "b@gt.jsonl"], left_out=reasons.append)


def test_where_no_record_can_be_used_that_is_an_error(tmp_path):
    for entry in ("a@gt", "b@gt"):
        path_of(tmp_path, [frame(1, 1, 100)], entry=entry)
    (tmp_path / made_records.header().truth).write_text("null", encoding="utf-8")
    reasons = []
    with pytest.raises(RecordError, match="None of these 2 records"):
        load_rows([tmp_path], left_out=reasons.append)
    assert len(reasons) == 2


def test_annotations_of_other_images_are_refused(tmp_path):
    path = path_of(tmp_path, [frame(1, 1, 100), frame(2, 1, 100)])
    truth = json.dumps(made_records.truth([1]))
    (tmp_path / made_records.header().truth).write_text(truth, encoding="utf-8")
    with pytest.raises(RecordError, match=r"image 2 was measured, but truth\.json"):
        load_rows([path])


def test_a_place_where_nothing_is_ends_the_reading(tmp_path):
    path_of(tmp_path, [frame(1, 1, 100)])
    with pytest.raises(RecordError, match="no such file or folder"):
        load_rows([tmp_path, tmp_path / "typo"], left_out=print)


def copied(path, folder, lines=None):
    """Copy a record, or its first lines, with its annotations; return the copy."""
    copy = shutil.copytree(path.parent, folder) / path.name
    copy.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]))
    return copy


def test_copies_of_a_run_are_one_row_and_a_note_names_both_files(tmp_path):
    path = path_of(tmp_path / "a", uneven())
    copy = copied(path, tmp_path / "b")
    renamed = shutil.copy(path, path.with_name("renamed.jsonl"))
    notes = []
    (made,) = load_rows([path, copy, renamed], left_out=notes.append)
    assert (made.frames, made.folder) == (36, str(path.parent))
    said = [str(note).partition(", because")[0] for note in notes]
    assert said == [f"{each}: the same run as {path}" for each in (copy, renamed)]
    with pytest.raises(RecordError, match="Give one of them only"):
        load_rows([path, renamed])


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_copies_the_one_that_was_continued_is_used(tmp_path, turned):
    path = path_of(tmp_path / "a", uneven())
    copy = copied(path, tmp_path / "b", lines=9)
    paths = [copy, path] if turned else [path, copy]
    notes = []
    other = path_of(tmp_path / "c", uneven(), entry="other@gt")
    rows = load_rows([*paths, other], left_out=notes.append)
    assert [(each.entry, each.frames) for each in rows] == [("other@gt", 36), ("small@gt", 36)]
    (note,) = map(str, notes)
    assert note.startswith(f"{copy}: the same run as {path}")
    assert "measured frames: 36 there, 6 here" in note


def test_of_a_damaged_record_and_its_copy_the_sound_one_is_used(tmp_path):
    path = path_of(tmp_path / "a", uneven())
    copy = copied(path, tmp_path / "b")
    path.write_bytes(path.read_bytes().replace(b'"image_id":7', b'"image_id":8', 1))
    notes = []
    (made,) = load_rows([path, copy], left_out=notes.append)
    assert made.folder == str(copy.parent)
    assert ["is damaged" in str(note) for note in notes] == [True]


def test_a_record_that_is_named_twice_counts_once(tmp_path):
    path = path_of(tmp_path / "a", uneven())
    (tmp_path / "link").symlink_to(path.parent)
    (made,) = load_rows([path.parent, path, tmp_path / "link"])
    assert made.folder == str(path.parent)


def test_runs_with_equal_settings_are_rows_of_their_own(tmp_path):
    paths = [path_of(tmp_path / run, uneven(), run=run) for run in ("one", "two")]
    assert len(load_rows(paths)) == 2


@pytest.mark.parametrize(
    ("name", "photographs", "scored"),
    [
        ("sample", False, False),
        ("sample", None, False),  # written before data sets declared photographs
        ("coco:data", None, True),
        ("coco:data", True, True),
        ("coco:drawn", False, False),  # the declaration of the data set decides, not its name
    ],
)
def test_drawn_scenes_give_no_ap_of_any_kind(tmp_path, name, photographs, scored):
    lines = [PerfectLine(0, made_records.people(made_records.annotation(0)))]
    lines += [posed(at) for at in range(12)]
    data = Source(name, "0123456789abcdef")
    published = Published(0.7, "gt", False, "the paper")
    made = row(tmp_path, lines, data=data, photographs=photographs, published=published)
    found = (made.ap, made.ap_interval, made.keypoint_accuracy)
    assert [each is not None for each in found] == [scored] * 3
    assert (made.images != "") == scored
    assert ("drawn" in made.unscored) != scored
    assert made.codec_ceiling == pytest.approx(1)  # a property of the decoder, for any frames


def test_without_trained_weights_there_is_nothing_to_score_and_nothing_to_say(tmp_path):
    data = Source("sample", "0123456789abcdef")
    made = row(tmp_path, [frame(1, 1, 100)], data=data, photographs=False)
    assert (made.ap, made.unscored) == (None, "")


def test_machines_with_the_same_processor_are_distinguished(tmp_path):
    names = iter("abcdefghij")

    def machine(**facts):
        environment = made_records.ENVIRONMENT | {"memory_gib": 15.6, "os": "Debian 12"} | facts
        return row(tmp_path, [frame(1, 1, 100)], entry=f"{next(names)}@gt", environment=environment)

    found = [
        machine(),
        *(machine(label=name) for name in ("desk", "shelf")),
        *(machine(board=name) for name in ("Board A", "Board B")),
        machine(gpus=["NVIDIA T4"]),
        machine(os="Debian 13"),
        machine(memory_gib=31.2),
        *(machine(board="Board A", power_mode=mode) for mode in ("5W", "MAXN, clocks fixed")),
    ]
    assert len({each.machine for each in found}) == len(found)
    assert found[1].machine == "desk, AMD EPYC 9V74, 2 cores, 16 GiB, Debian 12"
    assert "Board A, power mode MAXN, clocks fixed, AMD EPYC" in found[-1].machine
    assert [each.host for each in found[:4]] == ["AMD EPYC 9V74", "desk", "shelf", "Board A"]


def test_a_board_that_is_not_what_it_says_is_noted(tmp_path):
    environment = made_records.ENVIRONMENT | {"contradiction": "It is another board than that."}
    made = row(tmp_path, [frame(1, 1, 100)], environment=environment)
    assert made.notes[0] == "It is another board than that."


def test_a_record_of_before_names_its_machine_as_it_did(tmp_path):
    old = made_records.ENVIRONMENT | {"memory_gib": 15.6}
    assert row(tmp_path, [frame(1, 1, 100)], environment=old).machine == "AMD EPYC 9V74, 2 cores"


def test_a_frame_that_failed_without_words_is_a_failed_frame(tmp_path):
    good = [made_records.frame(image_id, 10**7) for image_id in (0, 2)]
    head = made_records.header()
    path = made_records.write(tmp_path, head, [[*good, FrameLine(1, error="")]])
    (found,) = load_rows([path])
    assert (found.frames, found.failed_frames) == (2, 1)
