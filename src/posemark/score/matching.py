"""Who is whom in an evaluation: people and detections as arrays, how alike they are, the matches.

COCO's rules, image by image, for all images at once and to the last bit as faster-coco-eval has
them: that takes them one after the other, and hands out no matches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats

Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]

_PAIRS = 2**14
"""Pairs that are compared at a time, and images matched at a time: a few megabytes each."""
_IMAGES = 256


@dataclass(frozen=True)
class People:
    """P annotated people, by ascending image. image: (P,) index of the image.

    keypoints_xyv: (P, K, 3). boxes_xywh: (P, 4). areas: (P,). crowd: (P,). ignored: (P,) those
    that need not be found: crowds and people without key points.
    """

    image: Indices
    keypoints_xyv: Floats
    boxes_xywh: Floats
    areas: Floats
    crowd: Flags
    ignored: Flags

    @classmethod
    def of(cls, annotations: Sequence[dict[str, Any]], images: dict[int, int], k: int) -> "People":
        """From COCO's format. images: index by id. k: key points of a person."""
        unordered = np.array([images[a["image_id"]] for a in annotations], np.intp)
        order = np.argsort(unordered, kind="stable")
        people = [annotations[index] for index in map(int, order)]
        crowd = np.array([bool(p["iscrowd"]) for p in people], bool)
        return cls(
            image=unordered[order],
            keypoints_xyv=_array([p["keypoints"] for p in people], k, 3),
            boxes_xywh=_array([p["bbox"] for p in people], 4),
            areas=_array([p["area"] for p in people]),
            crowd=crowd,
            ignored=crowd | np.array([not p["num_keypoints"] for p in people], bool),
        )


@dataclass(frozen=True)
class Detections:
    """D detections, by ascending image, best first in each. image: (D,) index of the image.

    keypoints_xy: (D, K, 2). scores: (D,). areas: (D,) px^2 of the boxes around the key points.
    rank: (D,) from 0 for the best of each image.
    """

    image: Indices
    keypoints_xy: Floats
    scores: Floats
    areas: Floats
    rank: Indices

    @classmethod
    def of(cls, results: Sequence[dict[str, Any]], images: dict[int, int], k: int) -> "Detections":
        """From COCO's format. images: index by id. k: key points of a detection."""
        image = np.array([images[r["image_id"]] for r in results], np.intp)
        scores = _array([r["score"] for r in results])
        points = _array([r["keypoints"] for r in results], k, 3)[..., :2]
        width, height = np.moveaxis(points.max(1) - points.min(1), -1, 0)
        order = np.lexsort((-scores, image))  # equal ones stay as they came
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order)) - np.searchsorted(image[order], image[order])
        return cls(image, points, scores, width * height, rank)._taken(order)

    def best(self, most: int) -> "Detections":
        """So many of each image."""
        return self._taken(np.flatnonzero(self.rank < most))

    def _taken(self, which: Indices) -> "Detections":
        return Detections(
            self.image[which],
            self.keypoints_xy[which],
            self.scores[which],
            self.areas[which],
            self.rank[which],
        )


def _array(rows: Sequence[Any], *shape: int) -> Floats:
    return np.array(rows, np.float64).reshape(len(rows), *shape)


@dataclass(frozen=True)
class Pairs:
    """Each detection with every person of its image: by detection, then by person.

    images: how many. sigmas: (K,).
    """

    images: int
    people: People
    detections: Detections
    sigmas: Floats

    @cached_property
    def people_in(self) -> Indices:
        """(I,) people of each image."""
        return np.bincount(self.people.image, minlength=self.images)

    @cached_property
    def first_person(self) -> Indices:
        """(I,) index of the first person of each image."""
        return np.cumsum(self.people_in) - self.people_in

    @cached_property
    def first_pair(self) -> Indices:
        """(D + 1,) index of the first pair of each detection, and the number of all pairs."""
        return np.append(0, np.cumsum(self.people_in[self.detections.image]))

    @cached_property
    def similarities(self) -> Floats:
        """(N,) OKS of each pair."""
        detection = np.repeat(np.arange(len(self.detections.image)), np.diff(self.first_pair))
        offset = np.arange(len(detection)) - self.first_pair[detection]
        person = self.first_person[self.detections.image[detection]] + offset
        blocks = [slice(at, at + _PAIRS) for at in range(0, len(person), _PAIRS)]
        found = [_oks(self, person[block], detection[block]) for block in blocks]
        return np.concatenate(found or [np.zeros(0)])

    def of_image(self, image: int) -> Floats:
        """(D, G) similarities of the detections of one image with its people."""
        first, last = np.searchsorted(self.detections.image, [image, image + 1])
        found = self.similarities[self.first_pair[first] : self.first_pair[last]]
        return found.reshape(last - first, self.people_in[image])

    def matched(self, thresholds: Floats) -> Indices:
        """(T, D) the person that each detection is taken for at each threshold, or -1.

        Each takes the most similar person of its image that is still free, or the last of the
        most similar; one that does not count (ignored) only if no other will do. A crowd is
        always free.
        """
        person = np.full((len(thresholds), len(self.detections.image)), -1, np.intp)
        for image in range(0, self.images, _IMAGES):
            _match(self, np.minimum(thresholds, 1 - 1e-10), image, person)
        return person


def _oks(pairs: Pairs, person: Indices, detection: Indices) -> Floats:
    """The similarity of some pairs: over the labelled key points, or how far beyond the box."""
    truth, points = pairs.people.keypoints_xyv[person], pairs.detections.keypoints_xy[detection]
    off = points - truth[..., :2]
    seen = truth[..., 2] > 0
    bare = ~seen.any(1)
    off[bare] = _beyond(points[bare], pairs.people.boxes_xywh[person[bare]])
    seen[bare] = True
    variances = (pairs.sigmas * 2) ** 2
    areas = pairs.people.areas[person, None] + np.spacing(1)
    exponents = (off[..., 0] ** 2 + off[..., 1] ** 2) / variances / areas / 2
    found, counts = np.zeros(len(person)), seen.sum(1)
    for count in np.unique(counts).tolist():  # rows of one length, so that all are summed alike
        rows = counts == count
        labelled = exponents[rows][seen[rows]].reshape(-1, count)
        found[rows] = np.exp(-labelled).sum(1) / count
    return found


def _beyond(points_xy: Floats, boxes_xywh: Floats) -> Floats:
    """(N, K, 2) px by which points lie outside boxes of twice the margin, per axis."""
    corner, size = boxes_xywh[:, None, :2], boxes_xywh[:, None, 2:]
    before = np.maximum(0.0, corner - size - points_xy)
    return before + np.maximum(0.0, points_xy - (corner + size * 2))


def _match(pairs: Pairs, enough: Floats, image: int, person: Indices) -> None:
    """Fill in the matches of the next _IMAGES images: the best detection of each, and so on."""
    found, most = pairs.detections, int(pairs.people_in[image : image + _IMAGES].max())
    first, last = np.searchsorted(found.image, [image, image + _IMAGES])
    if not most or first == last:
        return
    taken = np.zeros((_IMAGES, len(enough), most), bool)
    for rank in range(int(found.rank[first:last].max()) + 1):
        detections = first + np.flatnonzero(found.rank[first:last] == rank)
        own, candidates, there = found.image[detections], *_candidates(pairs, detections, most)
        similar = np.where(there, _similar(pairs, detections, most), -1)[:, None]
        crowd, ignored = (
            (flags[candidates] & there)[:, None]
            for flags in (pairs.people.crowd, pairs.people.ignored)
        )
        will_do = (similar >= enough[:, None]) & (~taken[own - image] | crowd)
        better = will_do & ~ignored
        will_do &= better | ~better.any(2, keepdims=True)
        best = most - 1 - np.where(will_do, similar, -1)[..., ::-1].argmax(2)
        which, at = np.nonzero(will_do.any(2))
        chosen = best[which, at]
        taken[own[which] - image, at, chosen] = True
        person[at, detections[which]] = candidates[which, chosen]


def _candidates(pairs: Pairs, detections: Indices, most: int) -> tuple[Indices, Flags]:
    """(N, most) the people of each detection's image, and which of these places are filled."""
    images = pairs.detections.image[detections]
    there = np.arange(most) < pairs.people_in[images, None]
    return np.where(there, pairs.first_person[images, None] + np.arange(most), 0), there


def _similar(pairs: Pairs, detections: Indices, most: int) -> Floats:
    """(N, most) similarities to them; what stands in places that are not filled is arbitrary."""
    places = pairs.first_pair[detections, None] + np.arange(most)
    return pairs.similarities[np.minimum(places, len(pairs.similarities) - 1)]
