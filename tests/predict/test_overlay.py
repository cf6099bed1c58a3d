"""What is drawn on a picture: colours by id, labels, the ledger, and pictures side by side."""

from dataclasses import replace

import numpy as np
import pytest

from posemark.core.frame import NOBODY, Poses
from posemark.core.skeleton import COCO_17
from posemark.measure.clock import STAGES
from posemark.predict import overlay
from posemark.predict.frames import TrackedFrame

GREY = 90


def frame(ids, scores=(0.9, 0.8), size=(480, 640)):
    """Return a frame with two people, each a column of key points, at x = 150 and x = 450."""
    points = np.zeros((2, 17, 2))
    points[0, :, 0] = 150 + np.arange(17) % 2 * 60
    points[1, :, 0] = 450 + np.arange(17) % 2 * 60
    points[:, 0, 0] -= 40  # so that the other key points are not on the edge of the box
    points[..., 1] = 100 + 15 * np.arange(17)
    ids = None if ids is None else np.array(ids, np.int64)
    poses = Poses(points, np.full((2, 17), 0.9), np.array(scores), COCO_17, ids)
    image = np.full((*size, 3), GREY, np.uint8)
    return TrackedFrame("walk.mp4", 0, 0.0, image, poses, NOBODY, dict.fromkeys(STAGES, 10**6))


def colours(image, half):
    """Return the colours that are drawn often in the left or the right half of a picture."""
    part = image[:, :320] if half == "left" else image[:, 320:]
    values, counts = np.unique(part[..., ::-1].reshape(-1, 3), axis=0, return_counts=True)
    return {tuple(v.tolist()) for v, c in zip(values, counts, strict=True) if c > 60}


def test_people_have_the_colour_of_their_id_and_the_picture_itself_is_not_drawn_on():
    given = frame((0, 1))
    drawn = overlay.annotated(given)
    assert (given.image_bgr == GREY).all()
    assert overlay.ID_COLOURS[0] in colours(drawn, "left")
    assert overlay.ID_COLOURS[1] in colours(drawn, "right")
    assert overlay.ID_COLOURS[1] not in colours(drawn, "left")


def test_colours_come_back_with_large_ids():
    turn = len(overlay.ID_COLOURS)
    assert np.array_equal(
        overlay.annotated(frame((0, 1)))[200:], overlay.annotated(frame((turn, turn + 1)))[200:]
    )


def test_only_the_subject_is_in_colour():
    drawn = overlay.annotated(frame((0, 1)), subject=1)
    assert overlay.OTHERS in colours(drawn, "left")
    assert overlay.ID_COLOURS[0] not in colours(drawn, "left")
    assert overlay.ID_COLOURS[1] in colours(drawn, "right")


def test_people_in_images_have_the_colours_of_their_sides():
    drawn = overlay.annotated(frame(None))
    assert {overlay.PLAIN, (86, 180, 233), (230, 159, 0)} <= colours(drawn, "left")


@pytest.mark.parametrize("ids", [None, (0, -1)])
def test_doubtful_people_are_not_drawn(ids):
    drawn = overlay.annotated(frame(ids, scores=(0.9, 0.05)))
    assert (drawn[:, 330:] == GREY).all()
    assert (drawn[:, :320] != GREY).any()


def test_doubtful_people_who_are_followed_are_drawn():
    assert (overlay.annotated(frame((0, 1), scores=(0.9, 0.05)))[:, 330:] != GREY).any()


def timed(origin, **stages_ms):
    """Return a frame with 4 ms for each stage that is not named."""
    times = {name: 1_000_000 * stages_ms.get(name, 4) for name in STAGES}
    return replace(frame((0, 1)), stages_ns=times, boxes=replace(NOBODY, origin=origin))


def test_the_ledger_shows_the_stages_and_steady_figures():
    ledger = overlay.Ledger()
    assert ledger.lines(timed("detected")) == [
        *("50.0 FPS  20.0 ms", "decode 4.0 ms", "detect 4.0 ms", "preprocess 4.0 ms"),
        *("infer 4.0 ms", "postprocess 4.0 ms"),
    ]
    assert ledger.lines(timed("followed", infer=104))[4] == "infer 14.0 ms"


def test_the_ledger_of_a_model_without_a_detector_leaves_it_out():
    lines = overlay.Ledger().lines(timed("given"))
    assert [line.split()[0] for line in lines[1:]] == ["decode", *STAGES[2:]]


def test_a_title_is_in_the_upper_left_corner():
    plain, titled = overlay.annotated(frame((0, 1))), overlay.annotated(frame((0, 1)), ["name"])
    rows, columns = np.nonzero((plain != titled).any(-1))
    assert max(rows) < 40
    assert max(columns) < 100


def test_pictures_side_by_side_are_reduced_if_they_are_too_wide():
    one, other = (np.full((100, 300, 3), value, np.uint8) for value in (10, 200))
    assert overlay.side_by_side([one, other]).shape == (100, 600, 3)
    wide = [np.full((1000, 2400, 3), value, np.uint8) for value in (10, 200)]
    row = overlay.side_by_side(wide)
    assert row.shape == (800, overlay.WIDEST, 3)
    assert (row[0, 0, 0], row[0, -1, 0]) == (10, 200)
