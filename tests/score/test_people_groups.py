"""Recall by size, crowding and occlusion: COCO's AR, restricted to the people of a group."""

import numpy as np
import pytest

from posemark.core.skeleton import COCO_17
from posemark.score import people_groups
from posemark.score.coco import judge, truth_json
from score import test_coco as made_up


@pytest.fixture
def any_number(monkeypatch):
    """Figures rest on any number of people."""
    monkeypatch.setattr(people_groups, "FEWEST_PEOPLE", 1)


def judged(frames, results):
    ids = [frame.image_id for frame in frames]
    return judge(truth_json(frames), results, ids, COCO_17.sigmas)


def groups(frames, results):
    found = people_groups.people_groups(judged(frames, results))
    return {group.name: group for group in found}


def somebody(x=100.0, side=60.0, visible=2, crowd=False):
    """Return a person in a square box whose upper left corner is (x, 50)."""
    points = np.full((17, 3), visible, float)
    points[:, 0] = x + np.linspace(0.1, 0.9, 17) * side
    points[:, 1] = 50 + np.linspace(0.9, 0.1, 17) * side
    return points, np.array([x, 50, side, side]), side**2, crowd


def exact(image_id, person):
    return made_up.prediction(image_id, person[0][:, :2], 0.9)


@pytest.mark.parametrize("seed", range(5))
def test_the_groups_of_a_property_together_are_the_ar_of_coco(seed, any_number):
    rng = np.random.default_rng(seed)
    frames = made_up.random_frames(rng)
    found = judged(frames, made_up.random_predictions(rng, frames, 3))
    for by in ("size", "overlap", "hidden"):
        own = [each for each in people_groups.people_groups(found) if each.by == by]
        people = sum(each.people for each in own)
        assert people == np.count_nonzero(~found.matches.people.ignored)
        recalls = [each.people * (each.recall or 0.0) for each in own]
        assert sum(recalls) / people == pytest.approx(found.figures["AR"])


def test_people_are_grouped_by_the_areas_of_coco(any_number):
    people = [somebody(side=side) for side in (31.0, 32.0, 95.0, 96.0, 97.0)]
    frames = [made_up.frame(at, [person]) for at, person in enumerate(people, 1)]
    found = groups(frames, [exact(2, people[1]), exact(5, people[4])])
    sizes = [(found[name].people, found[name].recall) for name in ("small", "medium", "large")]
    assert sizes == [(1, 0.0), (2, 0.5), (2, 0.5)]


def test_people_are_grouped_by_their_largest_overlap(any_number):
    alone, one, other = somebody(x=400.0), somebody(x=100.0), somebody(x=110.0)
    edge, beside = somebody(x=300.0), somebody(x=350.0)
    frames = [made_up.frame(1, [alone, one, other]), made_up.frame(2, [edge, beside])]
    found = groups(frames, [exact(1, one)])
    # 50 of 60 pixels in common: IoU 50 / 70; 10 in common: 10 / 110.
    overlap = [(found[f"{much} overlap"].people) for much in ("no", "some", "much")]
    assert overlap == [1, 2, 2]
    assert found["much overlap"].recall == 0.5
    assert found["no overlap"].recall == 0.0


def test_an_unlabelled_person_crowds_another_and_a_crowd_does_not(any_number):
    person, unlabelled = somebody(x=100.0), somebody(x=110.0, visible=0)
    crowd = somebody(x=110.0, visible=0, crowd=True)
    assert groups([made_up.frame(1, [person, unlabelled])], [])["much overlap"].people == 1
    assert groups([made_up.frame(1, [person, crowd])], [])["no overlap"].people == 1


@pytest.mark.parametrize(
    ("hidden", "name"),
    [(0, "nothing hidden"), (1, "some hidden"), (4, "some hidden"), (5, "much hidden")],
)
def test_people_are_grouped_by_the_share_of_hidden_key_points(hidden, name, any_number):
    person = somebody()
    person[0][:hidden, 2] = 1
    person[0][16, 2] = 0  # 16 are labelled
    found = groups([made_up.frame(1, [person])], [exact(1, person)])
    assert {each.name: each.people for each in found.values() if each.by == "hidden"} == {
        **dict.fromkeys(("nothing hidden", "some hidden", "much hidden"), 0),
        name: 1,
    }


def test_a_handful_of_people_gives_no_figure():
    fewest = people_groups.FEWEST_PEOPLE
    frames = [made_up.frame(at, [somebody()]) for at in range(1, fewest + 1)]
    enough, fewer = groups(frames, [])["medium"], groups(frames[1:], [])["medium"]
    assert (enough.people, enough.recall) == (fewest, 0.0)
    assert (fewer.people, fewer.recall) == (fewest - 1, None)
