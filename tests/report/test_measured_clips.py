"""Figures of clips: how steady poses are, and when the detector looked, from records."""

import json
from dataclasses import replace

import numpy as np
import pytest

import made_records
import report_rows
from posemark.core.frame import Moment
from posemark.core.skeleton import COCO_17
from posemark.measure.clock import STAGES
from posemark.records.schema import BlockLine, Detector, End, FrameLine, People, Resumed
from posemark.report import label_placement, steady, tables
from posemark.report.clip_figures import FEWEST_CHANCES, Happened, Looks, Steadiness
from posemark.report.json_result import result_of
from posemark.report.page import html
from posemark.report.results import load_rows
from posemark.tracking.one_euro import OneEuro
from walkers import AREA, poses_at, standing

PEOPLE = np.array([standing(150, 300, 200), standing(420, 340, 260)])
SIZES = np.sqrt(AREA) * np.array([200, 260])
CLIPS, FRAMES = 2, 40
DETECTOR = Detector("made", "0", 320, "onnxruntime", "fp32", 0.1, 20, every=5)


def truth(tracked=True):
    """Return annotations of two clips, in which two people stand before a camera at rest."""
    places = [(clip, index) for clip in range(CLIPS) for index in range(FRAMES)]
    images = [
        {"id": at + 1, "file_name": f"{at}.png", "width": 640, "height": 480}
        | {"clip": clip, "index": index, "time_s": index / 30}
        for at, (clip, index) in enumerate(places)
    ]
    people = [
        {
            "id": 2 * at + who + 1,
            "image_id": at + 1,
            "category_id": 1,
            "iscrowd": 0,
            "bbox": [0.0, 0.0, 100.0, 200.0],
            "area": float(SIZES[who] ** 2),
            "num_keypoints": 17,
            "keypoints": np.insert(PEOPLE[who], 2, 2, 1).ravel().tolist(),
        }
        | ({"track_id": who} if tracked else {})
        for at in range(len(places))
        for who in range(2)
    ]
    kind = {"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}
    return {"images": images, "annotations": people if tracked else [], "categories": [kind]}


def noisy(noise=0.01, seed=0):
    """Return (frames, 2, 17, 2) the people, with noise per axis in body sizes."""
    shape = (CLIPS * FRAMES, *PEOPLE.shape)
    return PEOPLE + np.random.default_rng(seed).normal(0, noise, shape) * SIZES[:, None, None]


def line(at, points, origin="given", ms=40, unsmoothed=None, ids=(0, 1)):
    scored = np.insert(points, 2, 0.9, -1).reshape(len(points), 51).tolist()
    stages = dict.fromkeys(STAGES, 0) | {"infer": ms * 10**6}
    before = [] if unsmoothed is None else unsmoothed.reshape(len(points), 34).tolist()
    return FrameLine(
        at + 1,
        boxes=len(points),
        stages=stages,
        frame_ns=ms * 10**6,
        poses=People([0.9] * len(points), scored),
        origin=origin,
        ids=list(ids),
        unsmoothed=before,
    )


def row(folder, lines, annotations=None, **changes):
    """Return the row of a record of these lines, a block each until there is a Resumed."""
    head = made_records.header(**changes)
    (folder / head.truth).write_text(json.dumps(annotations or truth()), encoding="utf-8")
    written = []
    for each in lines:
        written.append(each)
        if isinstance(each, FrameLine):
            written.append(BlockLine(1, len(written) * 10**9, 10**9, 9 * 10**6))
    path = made_records.written(folder / f"{head.entry}.jsonl", head, [*written, End("limit")])
    (found,) = load_rows([path])
    return found


def test_jitter_against_the_truth_is_that_of_the_noise(tmp_path):
    found = row(tmp_path, [line(at, points) for at, points in enumerate(noisy())]).steadiness
    assert (found.annotated, found.clips, found.frames) == (True, CLIPS, CLIPS * FRAMES)
    assert found.jitter == pytest.approx(0.02, rel=0.03)
    pairs = CLIPS * (FRAMES - 1) * 2
    assert found.jumps == Happened(0, pairs * 17)
    assert found.drop_outs == Happened(0, pairs)
    assert found.identity_switches == Happened(0, pairs)
    assert found.newcomers.people == 0
    assert found.smoothing is None
    assert found.lag is None, "nobody moves"


def test_lost_people_and_changed_ids_are_counted(tmp_path):
    lines = [line(at, points) for at, points in enumerate(noisy())]
    lines[10] = line(10, noisy()[10, :1], ids=[0])
    lines[20:] = [line(at, points, ids=(7, 1)) for at, points in enumerate(noisy())][20:]
    found = row(tmp_path, lines).steadiness
    assert found.drop_outs.events == 1
    assert found.identity_switches.events == 1, "the second clip has ids of its own"


def test_passes_over_the_same_frames_count_once(tmp_path):
    lines = [line(at, points) for at, points in enumerate(noisy())]
    once = row(tmp_path, lines, entry="once@gt").steadiness
    assert row(tmp_path, lines * 3, settings={"repeat": 3}).steadiness == once


def test_ids_do_not_go_on_where_a_run_was_resumed(tmp_path):
    lines = [line(at, points) for at, points in enumerate(noisy())]
    environment = made_records.ENVIRONMENT
    others = [line(at, points, ids=(5, 6)) for at, points in enumerate(noisy())]
    resumed = Resumed(environment, "2026-01-01T01:00:00+00:00")
    found = row(tmp_path, [*lines[:15], resumed, *others[15:]]).steadiness
    assert found.identity_switches.events == 0
    assert found.frames == 2 * FRAMES - 15, "the longer part of the first clip counts"


def test_poses_alone_give_estimates(tmp_path):
    lines = [line(at, points) for at, points in enumerate(noisy())]
    found = row(tmp_path, lines, truth(tracked=False)).steadiness
    assert not found.annotated
    assert found.jitter == pytest.approx(0.02 * SIZES[0] / body_size(PEOPLE[0]), rel=0.05)
    assert found.identity_switches is None
    assert found.newcomers is None
    without = [line(at, points, ids=()) for at, points in enumerate(noisy())]
    assert row(tmp_path, without, truth(tracked=False), entry="no@ids").steadiness is None


def body_size(person):
    """Return the root of the area of the box around the key points."""
    return np.sqrt(np.prod(np.ptp(person, axis=0)))


def test_images_that_stand_alone_and_drawings_have_no_such_figures(tmp_path):
    lines = [line(at, points) for at, points in enumerate(noisy())]
    alone = truth()
    for image in alone["images"]:
        del image["clip"], image["index"], image["time_s"]
    found = row(tmp_path, lines, alone)
    assert (found.steadiness, found.looks) == (None, None)
    drawn = row(
        *(tmp_path, [line(at, points, "detected") for at, points in enumerate(noisy())]),
        photographs=False,
        detector=DETECTOR,
        entry="drawn@detected",
        truth="d.json",
    )
    assert drawn.steadiness is None
    assert drawn.looks.scheduled == CLIPS * FRAMES


def test_a_few_frames_are_too_few(tmp_path):
    found = row(tmp_path, [line(at, points) for at, points in enumerate(noisy()[:5])])
    assert found.steadiness.jitter is None
    assert found.steadiness.jumps.chances < FEWEST_CHANCES
    cells = steady.cells(found, ["jitter", "drop-outs", "identity\nswitches", "newcomers"])
    assert cells == ["too few", "too few of 8", "too few of 8", "\N{EN DASH}"]


def test_the_looks_of_a_detector_are_its_schedule_and_the_early_ones(tmp_path):
    def origin(at):
        return "detected" if at % 5 == 0 else "early" if at == 8 else "followed"

    lines = [
        line(at, points, origin(at % FRAMES), ms=20 + 30 * (origin(at % FRAMES) != "followed"))
        for at, points in enumerate(noisy())
    ]
    del lines[25:27]  # dropped frames: the detector is due at the next one
    lines[25] = line(27, noisy()[27], "detected", ms=50)
    found = row(tmp_path, lines, detector=DETECTOR).looks
    assert (found.due, found.scheduled, found.early) == (16, 16, 2)
    assert found.scheduled + found.early + found.followed == len(lines)
    assert found.looked_ms == {"p50": 50, "p90": 50}
    assert found.followed_ms == {"p50": 20, "p90": 20, "p95": 20}


def test_smoothing_is_shown_by_what_it_removes_and_its_lag(tmp_path):
    walk = np.stack([np.sin(np.arange(CLIPS * FRAMES) / 6), np.zeros(CLIPS * FRAMES)], 1) * 80
    points = noisy(0.005) + walk[:, None, None]
    euro, smooth = OneEuro(beta=0.5), []
    for at, people in enumerate(points):
        moment = Moment(at // FRAMES, at % FRAMES, at % FRAMES / 30)
        poses = replace(poses_at(people), ids=np.arange(2))
        smooth.append(euro.smooth(poses, moment).keypoints_xy)
    pairs = enumerate(zip(smooth, points, strict=True))
    lines = [line(at, own, unsmoothed=before) for at, (own, before) in pairs]
    found = row(tmp_path, lines, truth(tracked=False), settings={"smooth": True})
    effect = found.steadiness.smoothing
    assert found.steadiness.jitter < effect.jitter_before
    assert 0.5 < effect.lag < 8
    assert f"{effect.lag:.1f} frames behind" in steady.sentence(found)
    assert "jitter at most" in steady.sentence(found), "an upper bound without truth"


# --- what is shown ------------------------------------------------------------------------------


def shown(**changes):
    happened = Happened(31, 3912)
    found = Steadiness(True, 2, 80, 0.0123, Happened(0, 9000), happened, Happened(1, 12))
    looks = Looks(5, 16, 16, 2, 62, {"p50": 50.0}, {"p50": 20.0, "p95": 25.0})
    return replace(report_rows.measured(), steadiness=found, looks=looks, **changes)


def test_the_table_is_in_markdown_and_on_the_page_only_where_there_are_clips():
    rows = [shown(), report_rows.row()]
    text = tables.markdown(rows)
    assert "| annotated people | 1.23% | 0.0% of 9,000 | 0.8% of 3,912 | too few of 12 |" in text
    assert "| 16 + 2 early of 80 | 50.0 / too few | 20.0 / 25.0 |" in text
    page = html.html(rows, "x")
    assert page.partition('id="steady"')[2].partition("</table>")[0].count("<tr>") == 2
    assert steady.HEADING not in tables.markdown(rows[1:])
    assert 'id="steady"' not in html.html(rows[1:], "x")


def test_json_has_the_figures_and_the_shares_of_enough_chances():
    found = result_of(shown()).steadiness
    assert found.drop_outs.share == pytest.approx(31 / 3912)
    assert found.swaps.share is None
    assert result_of(shown()).looks.followed_ms.p95 == 25
    assert result_of(report_rows.row()).steadiness is None


def test_columns_of_measured_and_of_estimated_figures_differ():
    estimated = shown()
    estimated = replace(estimated, steadiness=replace(estimated.steadiness, annotated=False))
    columns = {column.title: column for column in tables.COLUMNS}
    for title, other in (("jitter", "jitter bound"), ("drop-outs", "gaps in tracks")):
        values = [columns[title].value(each) for each in (shown(), estimated)]
        assert values[0] is not None
        assert values[1] is None
        assert columns[other].value(estimated) == values[0]


def test_marks_say_how_often_the_detector_looked_and_whether_key_points_were_smoothed():
    rows = [
        shown(letter=None, boxes="detector:rtmdet-nano@every=1"),
        shown(letter=None, boxes="detector:rtmdet-nano@every=5"),
        shown(letter=None, boxes="detector:rtmdet-nano@every=5", smooth=True),
        shown(letter=None, boxes="gt"),
    ]
    model = rows[0].model
    assert label_placement.texts(rows) == [
        f"{model} every 1",
        f"{model} every 5",
        f"{model} every 5 smooth",
        f"{model} gt",
    ]
