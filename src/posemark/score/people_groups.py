"""Measures how many people are found by their size, by their crowding and by what is hidden.

The measure is COCO's AR, restricted to the people of a group: the share of them that is found,
averaged over the OKS thresholds 0.50 to 0.95. AP by group would need to know in which group a
wrong detection is, but a detection has neither an occlusion nor a crowding of its own.
"""

from dataclasses import dataclass

import numpy as np

from posemark.core.frame import Floats
from posemark.geometry.boxes import iou
from posemark.score.coco import Judged
from posemark.score.matching import Flags, People

FEWEST_PEOPLE = 30
"""Least number of people for a figure; with fewer it would mostly depend on who they are."""

SIZES_PX2 = (32.0**2, 96.0**2)
"""Areas from which people are medium and large, as in COCO; below they are small."""

MUCH_OVERLAP = 0.2
"""IoU with another person's box above which a person overlaps much."""

MUCH_HIDDEN = 0.25
"""Share of hidden key points above which much of a person is hidden."""


@dataclass(frozen=True)
class PeopleGroup:
    """The accuracy over people with a property in common.

    Attributes:
        by: the property: size, overlap or hidden.
        name: its value, such as "medium" or "some overlap".
        people: number of its people that count for AP.
        recall: COCO's AR over these people, 0..1; None for fewer than FEWEST_PEOPLE.
    """

    by: str
    name: str
    people: int
    recall: float | None


def people_groups(judged: Judged) -> tuple[PeopleGroup, ...]:
    """Return the accuracy of every group of people, with the number of its people.

    - By size: the area of the person in pixels, in the ranges of COCO.
    - By overlap: the largest IoU of the person's box with the box of another annotated person,
      who need not have labelled key points; boxes of crowds are left out.
    - By what is hidden: the share of the labelled key points that are annotated as not visible.

    Args:
        judged: the evaluation.
    """
    people, found = judged.matches.people, _found(judged)
    properties = (
        ("size", people.areas, SIZES_PX2, ("small", "medium", "large"), False),
        ("overlap", overlaps(judged), (0.0, MUCH_OVERLAP), _names("overlap"), True),
        ("hidden", hidden_shares(people), (0.0, MUCH_HIDDEN), _names("hidden"), True),
    )
    return tuple(
        _group(by, name, found[:, ~people.ignored & (np.digitize(values, ends, right) == at)])
        for by, values, ends, names, right in properties
        for at, name in enumerate(names)
    )


def _names(what: str) -> tuple[str, str, str]:
    return f"nothing {what}" if what == "hidden" else f"no {what}", f"some {what}", f"much {what}"


def _group(by: str, name: str, found: Flags) -> PeopleGroup:
    people = found.shape[1]
    recall = float(found.mean()) if people >= FEWEST_PEOPLE else None
    return PeopleGroup(by, name, people, recall)


def _found(judged: Judged) -> Flags:
    """Return (T, P) whether each person is found at each OKS threshold."""
    person = judged.matches.person
    found = np.zeros((len(person), len(judged.matches.people.image)), bool)
    threshold, detection = np.nonzero(person >= 0)
    found[threshold, person[threshold, detection]] = True
    return found


def overlaps(judged: Judged) -> Floats:
    """Return (P,) the largest IoU of each person's box with that of another person, 0..1."""
    people, pairs = judged.matches.people, judged.pairs
    largest = np.zeros(len(people.image))
    for first, count in zip(pairs.first_person.tolist(), pairs.people_in.tolist(), strict=True):
        own = slice(first, first + count)
        between = iou(people.boxes_xywh[own], people.boxes_xywh[own])
        np.fill_diagonal(between, 0)
        between[:, people.crowd[own]] = 0
        largest[own] = between.max(1, initial=0)
    return largest


def hidden_shares(people: People) -> Floats:
    """Return (P,) the share of each person's labelled key points that are not visible, 0..1."""
    visibility = people.keypoints_xyv[..., 2]
    return (visibility == 1).sum(1) / np.maximum(1, (visibility > 0).sum(1))
