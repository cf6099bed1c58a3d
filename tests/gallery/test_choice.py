"""The frames that a gallery shows: the worst of each entry, and those where two differ."""

import pytest

import made_gallery
from made_gallery import scenes, without
from posemark.gallery import choice

ENOUGH = [f for f in scenes() if (f.truth.keypoints_xyv[..., 2] > 0).sum() >= choice.FEWEST_POINTS]
FEW = [frame for frame in scenes() if frame not in ENOUGH]


def missing(*frames):
    """Return a change by which nobody is found in these frames."""
    return lambda frame, poses: without(poses, *range(len(poses))) if frame in frames else poses


@pytest.fixture
def entry(tmp_path):
    made = made_gallery.made(tmp_path)
    return lambda name, *missed, **more: made_gallery.judged(
        made.record(name, missing(*missed), **more)
    )


def ids(found):
    return [shown.frames[0].source.image_id for shown in found.shown]


def test_the_worst_frames_come_first_and_those_with_few_key_points_never(entry):
    assert FEW, "a scene has few labelled key points"
    missed = ENOUGH[2]
    found = choice.worst(entry("one@gt", missed, *FEW), 3)
    assert ids(found)[0] == missed.image_id
    assert len(found.shown) == 3
    assert found.candidates == len(ENOUGH)


def test_of_equally_bad_frames_the_one_with_more_key_points_comes_first(entry):
    found = choice.worst(entry("one@gt", *ENOUGH), len(scenes()))
    labelled = [int(shown.frames[0].labelled.sum()) for shown in found.shown]
    assert labelled == sorted(labelled, reverse=True)
    assert len(labelled) == len(ENOUGH)


def test_entries_differ_in_either_direction(entry):
    one, other = entry("one@gt", ENOUGH[0]), entry("other@gt", ENOUGH[1])
    found = choice.most_different(one, other, 2)
    assert sorted(ids(found)) == sorted(frame.image_id for frame in ENOUGH[:2])
    first = found.shown[0].frames
    assert first[0].source is first[1].source
    assert sorted(frame.accuracy for frame in first) == [0.0, pytest.approx(1.0)]


def test_frames_of_the_same_accuracy_are_no_difference(entry):
    one, other = entry("one@gt", ENOUGH[0]), entry("other@gt", ENOUGH[0])
    found = choice.most_different(one, other, 10)
    assert (found.shown, found.candidates) == ((), len(ENOUGH))


def test_only_frames_of_both_entries_are_compared(entry):
    one, other = entry("one@gt"), entry("other@gt", *ENOUGH, frames=ENOUGH[:2])
    found = choice.most_different(one, other, 10)
    assert sorted(ids(found)) == sorted(frame.image_id for frame in ENOUGH[:2])


def test_every_entry_is_compared_with_the_best(entry):
    entries = [entry("a@gt", *ENOUGH[:2]), entry("b@gt"), entry("c@gt", ENOUGH[0])]
    named = [tuple(e.name for e in found.entries) for found in choice.choices(entries, 2)]
    assert named == [("a@gt",), ("b@gt",), ("c@gt",), ("b@gt", "a@gt"), ("b@gt", "c@gt")]


def test_one_entry_is_compared_with_nobody(entry):
    assert len(choice.choices([entry("a@gt")], 2)) == 1
