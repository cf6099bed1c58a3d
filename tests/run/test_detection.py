"""Runs with a person detector inside the timed loop: options, keys, records, results."""

import json
import os
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

if not (find_spec("onnx") and find_spec("onnxruntime")):
    pytest.skip("onnx and onnxruntime are not installed", allow_module_level=True)

import exported
import made_cards
import made_detectors
import posemark
from posemark import cli
from posemark.core.errors import CardError, CheckpointError, RecordError, UsageError
from posemark.core.frame import Moment
from posemark.datasets._unannotated import NO_TRUTH
from posemark.datasets.sample import Sample
from posemark.detectors import MIN_SCORE, MOST_PEOPLE
from posemark.records import files
from posemark.report import missing_evidence, tables
from posemark.report.json_result import result_of
from posemark.report.results import load_rows
from posemark.run import detection, warm_up
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.run.save_boxes import require_possible, save
from runs import run_all, run_one

LIMIT = 6
OPTIONS = Options("sample", 1, limit=LIMIT)
NETWORK = "naive-litehrnet-18-256x192"


class Photographs(Sample):
    """The drawn scenes, taken for photographs, so that AP is computed."""

    @property
    def photographs(self):
        return True


def whole(width, height):
    """A box around the whole input and one in its middle, and one of a low score."""
    return [[0, 0, width, height, 0.9], [9, 9, 40, 50, 0.4], [1, 1, 30, 30, 0.05]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a pose network and a detector, and their cards; the current one."""
    exported.save(exported.graph(), tmp_path)
    made_cards.card(tmp_path)
    made_detectors.here(tmp_path, rows=whole(64, 48))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def job(name="tiny.toml", boxes="detector:detector.toml", **changes):
    (found,) = plan([name], replace(OPTIONS, boxes=boxes, **changes))
    return found


def prepared(dataset=None, **changes):
    dataset = dataset or Photographs(8)
    return prepare_job(job(**changes), dataset, dataset.frames())


# --- names and options --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rtmdet", "rtmdet-nan", "Rtmdet-nano"])
def test_an_unknown_detector_suggests_the_nearest(name):
    says = rf"detector:{name}: expected the name of a person detector, .*Did you mean rtmdet-nano"
    with pytest.raises(UsageError, match=says):
        job(NETWORK, f"detector:{name}")


def test_a_detector_is_no_entry():
    with pytest.raises(UsageError, match=r"is a person detector, .*--boxes detector:rtmdet-nano"):
        plan(["rtmdet-nano"], OPTIONS)


def test_a_detector_without_a_name_is_refused():
    with pytest.raises(UsageError, match=r"which are hog, rtmdet-nano, yolox-nano"):
        job(NETWORK, "detector:")


def test_the_card_of_a_pose_model_is_no_detector_and_the_other_way_round(folder):
    with pytest.raises(CardError, match=r"tiny.toml: expected the card of a person detector.*heat"):
        job(boxes="detector:tiny.toml")
    with pytest.raises(CardError, match=r"describes a person detector.*--boxes detector:"):
        job("detector.toml", boxes=None)
    with pytest.raises(CardError, match="no such card"):
        job(boxes="detector:none.toml")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"max_people": 3}, "--max-people 3 only applies with --boxes detector:NAME"),
        ({"detector_size": 320}, "--detector-size 320 only applies with"),
        ({"detector_runtime": "openvino"}, "--detector-runtime openvino only applies with"),
        ({"detector_precision": "bf16"}, "--detector-precision bf16 only applies with"),
    ],
)
def test_options_of_a_detector_need_one(changes, says):
    for boxes in (None, "gt", "file:detector:x"):
        with pytest.raises(UsageError, match=says):
            plan([NETWORK], replace(OPTIONS, boxes=boxes, **changes))


@pytest.mark.parametrize(
    ("name", "size", "says"),
    [
        ("yolox-nano", 320, "yolox-nano takes 416x416 pixels only. Leave --detector-size out"),
        ("rtmdet-nano", 330, "takes multiples of 32 up to 4096. .* such as 320; its own size is"),
        ("rtmdet-nano", 5000, "such as 4096"),
    ],
)
def test_a_size_that_the_file_does_not_take_is_refused(name, size, says):
    with pytest.raises(UsageError, match=says):
        job(NETWORK, f"detector:{name}", detector_size=size)


def test_what_is_left_open_is_settled_once():
    options = job(NETWORK, "detector:rtmdet-nano").options
    assert (options.min_score, options.max_people) == (MIN_SCORE, MOST_PEOPLE)
    same = job(NETWORK, "detector:rtmdet-nano", detector_size=320, detector_runtime="onnxruntime")
    assert same.options == options
    assert job(NETWORK, "detector:rtmdet-nano", min_score=0.0).options.min_score == 0
    assert job(NETWORK, "gt").options.least_score == 0


def key(**changes):
    return job(NETWORK, "detector:rtmdet-nano", **changes).key(None)


def test_a_key_names_the_detector_and_what_differs_from_its_defaults():
    assert key() == f"{NETWORK}@detected+rtmdet-nano"
    assert key(min_score=0.1, max_people=20, detector_size=320) == key()
    changes = {"detector_size": 640, "detector_runtime": "openvino", "detector_precision": "bf16"}
    assert key(**changes, max_people=5, min_score=0.0) == (
        f"{NETWORK}@detected+rtmdet-nano-640-openvino-bf16-most5+min0"
    )
    assert key(runtime="openvino") == f"{NETWORK}@detected+rtmdet-nano+openvino"
    assert job(f"{NETWORK}@gt", "detector:rtmdet-nano").key(None) == f"{NETWORK}@gt"


def test_the_options_of_a_detector_are_all_in_the_key():
    changes = {"detector_size": 640, "detector_runtime": "openvino", "detector_precision": "bf16"}
    changes |= {"max_people": 5, "min_score": 0.3}
    keys = {key(), key(**changes), *(key(**{name: each}) for name, each in changes.items())}
    assert len(keys) == 2 + len(changes)


def test_a_detector_of_a_runtime_that_cannot_run_it_is_refused_in_words_of_its_options(folder):
    says = (
        r"detector tiny-detector \(--detector-runtime, --detector-precision\): torch does not read"
    )
    with pytest.raises(UsageError, match=says):
        prepared(detector_runtime="torch")


def test_a_missing_file_of_a_detector_is_named(folder):
    (folder / "detector.onnx").unlink()
    with pytest.raises(CheckpointError, match=r"tiny-detector: its file detector.onnx is not here"):
        prepared()


# --- a run --------------------------------------------------------------------------------------


@pytest.fixture
def record(folder):
    path, _ = run_one(prepared(), folder / "out")
    return path


def test_the_record_has_the_time_the_boxes_and_the_facts_of_the_detector(record):
    found = files.read(record)
    assert record.stem == "tiny@detected+tiny-detector"
    facts = found.header.detector
    assert (facts.name, facts.size, facts.runtime) == ("tiny-detector", 64, "onnxruntime")
    assert (facts.min_score, facts.max_people, facts.every) == (MIN_SCORE, MOST_PEOPLE, None)
    assert len(facts.sha256) == 64
    assert found.header.boxes.name == "detector:tiny-detector"
    assert found.header.given.boxes == "detector:detector.toml"
    for line in found.good:
        assert line.stages["detect"] > 0
        assert (line.origin, line.boxes, len(line.found)) == ("detected", 2, 3)
        assert [row[4] for row in line.found] == pytest.approx([0.9, 0.4, 0.05])


def test_every_measured_image_has_poses_on_ground_truth_boxes_beside(record):
    found = files.read(record)
    measured = [line.image_id for line in found.good]
    assert sorted(line.image_id for line in found.on_truth) == sorted(measured)
    posed = {
        f.image_id for f in Photographs(8).frames() if (f.truth.keypoints_xyv[..., 2] > 0).any()
    }
    have = {line.image_id for line in found.on_truth if line.people.scores}
    assert have == posed & set(measured)


def test_the_model_ap_is_the_ap_of_a_run_on_ground_truth_boxes(folder, record):
    other, _ = run_one(prepared(name="tiny.toml@gt", boxes=None), folder / "gt")
    (row,), (on_truth,) = load_rows([record]), load_rows([other])
    assert row.model_ap == on_truth.ap["AP"]
    assert on_truth.model_ap is None
    assert on_truth.box_accuracy is None


def test_a_result_has_model_ap_pipeline_ap_and_box_ap(record):
    (row,) = load_rows([record])
    assert row.ap is not None
    assert set(row.box_accuracy) == {"AP", "AP50", "AP75", "APS", "APM", "APL", "AR100", "recall"}
    titles = {column.title for column in tables.brief([row])}
    assert {"model AP", "box AP", "box recall", "detect + infer ms"} <= titles
    result = result_of(row)
    assert result.detector.name == "tiny-detector"
    assert result.box_accuracy.recall == row.box_accuracy["recall"]
    (bare,) = (tables.brief([replace(row, detector=None, model_ap=None, box_accuracy=None)]),)
    assert not {"model AP", "box AP", "detect + infer ms"} & {column.title for column in bare}


def test_a_resumed_run_completes_what_is_missing_and_its_detector_must_be_the_same(folder, record):
    lines = record.read_bytes().splitlines(keepends=True)
    first = next(at for at, line in enumerate(lines) if b'"kind":"on_truth"' in line)
    record.write_bytes(b"".join(lines[:first]))  # killed after the first block
    before = len(files.read(record).good)
    assert before
    run_one(prepared(), folder / "out", resume=True)
    again = files.read(record)
    assert len(again.good) == LIMIT
    assert len(again.on_truth) == LIMIT
    text = made_cards.text({"[codec]": "[codec]\nmost = 50"}, card=made_detectors.CARD)
    (folder / "detector.toml").write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=r"another run: boxes.sha256 was"):
        run_one(prepared(), folder / "out", resume=True)


def test_poses_on_drawn_scenes_are_not_repeated_on_ground_truth_boxes(folder):
    path, _ = run_one(prepared(Sample(8)), folder / "drawn")
    assert files.read(path).on_truth == []
    (row,) = load_rows([path])
    assert (row.model_ap, row.box_accuracy) == (None, None)


def test_where_nobody_is_found_a_frame_has_no_box_and_the_run_goes_on(folder):
    made_detectors.save(folder, rows=[[0, 0, 0, 0, 0.0]])
    path, _ = run_one(prepared(), folder / "out")
    found = files.read(path)
    assert [line.boxes for line in found.good] == [0] * LIMIT
    (row,) = load_rows([path])
    assert (row.ap["AP"], row.box_accuracy["recall"]) == (0, 0)


def test_the_detector_of_a_process_of_its_own_finds_the_same(folder, record):
    jobs = [prepared(), prepared(name="tiny.toml@gt", boxes="detector:detector.toml")]
    heard = run_all(jobs, folder / "isolated", isolate=True)
    assert len(heard.paths) == 2
    boxes = [line.found for line in files.read(folder / "isolated" / record.name).good]
    assert boxes == [line.found for line in files.read(record).good]


def test_several_frames_at_the_same_time_find_the_same(folder, record):
    path, _ = run_one(prepared(mode="overlapped", threads=2, budget=0.5), folder / "out")
    found, before = files.read(path), files.read(record)
    wanted = {line.image_id: line.found for line in before.good}
    assert found.good
    assert all(line.found == wanted[line.image_id] for line in found.good)
    assert {line.image_id for line in found.on_truth} == {line.image_id for line in found.good}


def test_the_command_for_more_evidence_names_the_detector_and_runs(folder, record):
    (row,) = load_rows([record])
    command = missing_evidence.run(row)
    assert "--boxes detector:detector.toml" in command
    words = command.removeprefix("posemark ").split()
    at = words.index("--data")
    words[at + 1] = "sample"
    result = CliRunner().invoke(cli.app, [*words, "--limit", "2", "--out", "again"])
    assert result.exit_code == 0, result.output
    (again,) = (folder / "again").glob("*.jsonl")
    assert again.name == record.name


# --- people who are followed --------------------------------------------------------------------


@dataclass(frozen=True)
class Clips:
    """The drawn scenes as the frames of one clip."""

    scenes: Photographs

    def __getattr__(self, name):
        return getattr(self.scenes, name)

    def frames(self):
        frames = self.scenes.frames()
        return [replace(f, moment=Moment(1, at, at / 30)) for at, f in enumerate(frames)]


def test_the_detector_may_look_at_every_third_frame_of_a_clip(folder):
    clips = Clips(Photographs(8))
    path, _ = run_one(prepared(clips, boxes="detector:detector.toml@every=3"), folder / "out")
    assert path.stem == "tiny@detected+tiny-detector-every3"
    found = files.read(path)
    assert found.header.detector.every == 3
    assert found.header.boxes.name == "detector:tiny-detector@every=3"
    origins = [line.origin for line in found.good]
    assert (origins[0], origins[3]) == ("detected", "detected")
    (row,) = load_rows([path])
    assert row.box_accuracy is not None, "from the frames at which the detector looked"
    assert "--boxes detector:detector.toml@every=3" in missing_evidence.run(row)
    assert (row.looks.due, row.looks.scheduled) == (2, 2)
    assert row.looks.early == origins.count("early")


def test_a_resumed_run_keeps_to_the_schedule(folder):
    clips, boxes = Clips(Photographs(8)), "detector:detector.toml@every=3"
    run_one(prepared(clips, boxes=boxes, limit=5), folder / "out")
    path, _ = run_one(prepared(clips, boxes=boxes, limit=8), folder / "out", resume=True)
    (row,) = load_rows([path])
    assert row.frames == 8
    assert (row.looks.due, row.looks.scheduled) == (4, 4), "frames 0, 3, 5 (resumed), 6"


def test_a_run_over_a_video_in_which_nobody_is_annotated_is_warmed_up(folder, monkeypatch):
    class Unannotated(Photographs):
        def frames(self):
            return [replace(f, truth=NO_TRUTH) for f in super().frames()]

    warmed = []
    monkeypatch.setattr(warm_up, "warm_up", lambda work, _: warmed.append(work) or 1)
    run_one(prepared(Unannotated(4)), folder / "out")
    assert len(warmed) == 1


def test_images_that_stand_alone_have_nobody_to_follow(folder):
    with pytest.raises(UsageError, match=r"each image of sample stands alone. Leave @every=3 out"):
        prepared(boxes="detector:detector.toml@every=3")


@pytest.mark.parametrize("count", ["", "0", "-1", "x", "2.5", "9" * 5000])
def test_a_number_of_frames_that_is_none_is_refused(count):
    with pytest.raises(UsageError, match="expected a whole number from 1 to 10000 after @every="):
        job(NETWORK, f"detector:rtmdet-nano@every={count}")


def test_people_cannot_be_followed_through_frames_that_overlap():
    with pytest.raises(UsageError, match="in --mode overlapped frames are processed at the same"):
        job(NETWORK, "detector:rtmdet-nano@every=2", mode="overlapped")


def test_an_estimator_follows_people_through_a_stream(folder):
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    estimator = posemark.load("tiny.toml", detector="detector.toml", every=2, threads=1)
    assert estimator.pipeline.people.remembers
    assert estimator(image).ids is not None
    with pytest.raises(UsageError, match="every only applies with a detector"):
        posemark.load("tiny.toml", every=2)


# --- saved boxes --------------------------------------------------------------------------------


def test_saved_boxes_give_the_same_poses_when_they_are_read_again(folder, record):
    assert save(folder / "boxes.json", [record]) == 2 * LIMIT
    rows = json.loads((folder / "boxes.json").read_text(encoding="utf-8"))
    assert set(rows[0]) == {"image_id", "category_id", "bbox", "score"}
    given = prepared(boxes="file:boxes.json", name="tiny.toml@detected")
    path, _ = run_one(given, folder / "file")
    poses = {line.image_id: line.poses for line in files.read(path).good}
    for line in files.read(record).good:
        assert poses[line.image_id].scores == pytest.approx(line.poses.scores, abs=1e-3)
        points = np.array([line.poses.keypoints, poses[line.image_id].keypoints])
        np.testing.assert_allclose(points[0], points[1], atol=0.02)


def test_boxes_are_saved_by_the_command_and_only_with_a_detector(folder):
    command = ["run", "tiny.toml", "--limit", "2", "--out", "out", "--save-boxes", "b.json"]
    result = CliRunner().invoke(cli.app, [*command, "--boxes", "detector:detector.toml"])
    assert result.exit_code == 0, result.output
    assert len(json.loads((folder / "b.json").read_text(encoding="utf-8"))) == 4
    with pytest.raises(UsageError, match="--save-boxes b.json only applies with --boxes detector:"):
        require_possible(folder.joinpath("b.json").relative_to(folder), "gt")
    with pytest.raises(UsageError, match="this is a folder"):
        require_possible(folder, "detector:detector.toml")
    os.mkfifo("pipe.json")
    with pytest.raises(UsageError, match=r"pipe.json: .* a pipe .* Give --save-boxes another file"):
        require_possible(Path("pipe.json"), "detector:detector.toml")


# --- in Python ----------------------------------------------------------------------------------


def test_an_estimator_with_a_detector_needs_no_boxes(folder):
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    estimator = posemark.load("tiny.toml", detector="detector.toml", min_score=0.5, threads=1)
    poses = estimator(image)
    boxes = [[0, 0, 64, 48]]
    given = posemark.load("tiny.toml", threads=1)(image, boxes, [0.9])
    np.testing.assert_allclose(poses.keypoints_xy, given.keypoints_xy, atol=1e-4)
    np.testing.assert_allclose(poses.scores, given.scores, rtol=1e-5)
    with pytest.raises(UsageError, match=r"loaded with a detector.*Leave boxes_xywh out"):
        estimator(image, boxes)


@pytest.mark.parametrize(
    ("name", "choices", "says"),
    [
        ("tiny.toml", {"min_score": 0.3}, "min_score only applies with a detector"),
        ("tiny.toml", {"max_people": 3}, "max_people=3 only applies with detector='NAME'"),
        ("tiny.toml", {"detector": "rtmdet"}, "Did you mean rtmdet-nano"),
        ("tiny.toml", {"detector": 3}, "detector: expected a name or a path, got 3"),
        ("tiny.toml", {"detector": "detector.toml", "every": 0}, "every=0: expected a whole"),
        ("tiny.toml", {"detector": "detector.toml", "every": 2.0}, "every=2.0: expected a whole"),
        ("tiny.toml", {"detector": "detector.toml", "every": True}, "every=True: expected a whole"),
        ("tiny.toml", {"detector": "detector.toml", "every": 10**9}, "from 1 to 10000"),
        ("tiny.toml", {"detector": "hog@every=3"}, "detector='hog@every=3': expected the name"),
        ("tiny.toml@gt", {"detector": "detector.toml"}, "names ground-truth boxes"),
        ("openpose-coco", {"detector": "detector.toml"}, "the model is bottom-up"),
    ],
)
def test_mistakes_in_python_are_explained_in_its_words(folder, name, choices, says):
    with pytest.raises(UsageError, match=says):
        posemark.load(name, **choices)


def test_all_names_are_known():
    assert detection.names() == ["hog", "rtmdet-nano", "yolox-nano"]
