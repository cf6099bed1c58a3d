"""Matches detections with people for all images at once: arrays, their OKS and the matches.

The rules are COCO's, and the results equal those of faster-coco-eval to the last bit. That
library processes one image after the other, and does not return its matches.
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
"""Pairs that are compared at a time, which takes a few megabytes."""

_IMAGES = 256
"""Images that are matched at a time, which takes a few megabytes."""


@dataclass(frozen=True)
class People:
    """P annotated people, by ascending image.

    Attributes:
        image: (P,) index of the image.
        keypoints_xyv: (P, K, 3) x, y (image pixels) and COCO's visibility.
        boxes_xywh: (P, 4) image pixels.
        areas: (P,) px^2 of the segments.
        crowd: (P,) whether the annotation is a group of people.
        ignored: (P,) whether the person need not be found: crowds and people without key points.
    """

    image: Indices
    keypoints_xyv: Floats
    boxes_xywh: Floats
    areas: Floats
    crowd: Flags
    ignored: Flags

    @classmethod
    def of(cls, annotations: Sequence[dict[str, Any]], images: dict[int, int], k: int) -> "People":
        """Convert annotations in COCO's format.

        Args:
            annotations: the people.
            images: the index of each image by its id.
            k: the number of key points of a person.
        """
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
    """D detections, by ascending image, and by descending score within each image.

    Attributes:
        image: (D,) index of the image.
        keypoints_xy: (D, K, 2) image pixels.
        scores: (D,) scores.
        areas: (D,) px^2 of the boxes around the key points.
        rank: (D,) place by score within the image, from 0.
    """

    image: Indices
    keypoints_xy: Floats
    scores: Floats
    areas: Floats
    rank: Indices

    @classmethod
    def of(cls, results: Sequence[dict[str, Any]], images: dict[int, int], k: int) -> "Detections":
        """Convert predictions in COCO's format.

        Args:
            results: the predictions.
            images: the index of each image by its id.
            k: the number of key points of a detection.
        """
        image = np.array([images[r["image_id"]] for r in results], np.intp)
        scores = _array([r["score"] for r in results])
        points = _array([r["keypoints"] for r in results], k, 3)[..., :2]
        width, height = np.moveaxis(points.max(1) - points.min(1), -1, 0)
        order = np.lexsort((-scores, image))  # stable: equal scores keep their order
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order)) - np.searchsorted(image[order], image[order])
        return cls(image, points, scores, width * height, rank)._taken(order)

    def best(self, most: int) -> "Detections":
        """Return the `most` best detections of each image."""
        return self._taken(np.flatnonzero(self.rank < most))

    def at_least(self, score: float) -> "Detections":
        """Return the detections with at least this score."""
        return self._taken(np.flatnonzero(self.scores >= score))

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
    """All pairs of a detection and a person of its image, by detection, then by person.

    Attributes:
        images: the number of images.
        people: the people.
        detections: the detections.
        sigmas: (K,) the OKS sigmas.
    """

    images: int
    people: People
    detections: Detections
    sigmas: Floats

    @cached_property
    def people_in(self) -> Indices:
        """Return (I,) the number of people of each image."""
        return np.bincount(self.people.image, minlength=self.images)

    @cached_property
    def first_person(self) -> Indices:
        """Return (I,) the index of the first person of each image."""
        return np.cumsum(self.people_in) - self.people_in

    @cached_property
    def first_pair(self) -> Indices:
        """Return (D + 1,) the index of the first pair of each detection, then that of all pairs."""
        return np.append(0, np.cumsum(self.people_in[self.detections.image]))

    @cached_property
    def similarities(self) -> Floats:
        """Return (N,) the OKS of each pair."""
        detection = np.repeat(np.arange(len(self.detections.image)), np.diff(self.first_pair))
        offset = np.arange(len(detection)) - self.first_pair[detection]
        person = self.first_person[self.detections.image[detection]] + offset
        blocks = [slice(at, at + _PAIRS) for at in range(0, len(person), _PAIRS)]
        found = [_oks(self, person[block], detection[block]) for block in blocks]
        return np.concatenate(found or [np.zeros(0)])

    def of_image(self, image: int) -> Floats:
        """Return (D, G) the OKS of the D detections of one image with its G people."""
        first, last = np.searchsorted(self.detections.image, [image, image + 1])
        found = self.similarities[self.first_pair[first] : self.first_pair[last]]
        return found.reshape(last - first, self.people_in[image])

    def matched(self, thresholds: Floats) -> Indices:
        """Match each detection with a person at each of T OKS thresholds, by COCO's rule.

        The detections of an image are matched in order of score. Each takes the person with the
        highest OKS that is still free (the last one of equals), and takes an ignored person only
        if no other reaches the threshold. A crowd is always free.

        Returns:
            (T, D) index of the person, or -1.
        """
        person = np.full((len(thresholds), len(self.detections.image)), -1, np.intp)
        for image in range(0, self.images, _IMAGES):
            _match(self, np.minimum(thresholds, 1 - 1e-10), image, person)
        return person


def _oks(pairs: Pairs, person: Indices, detection: Indices) -> Floats:
    """Return the OKS of pairs: over labelled key points, or by the distance beyond the box."""
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
    for count in np.unique(counts).tolist():  # rows of equal length, so that sums round alike
        rows = counts == count
        labelled = exponents[rows][seen[rows]].reshape(-1, count)
        found[rows] = np.exp(-labelled).sum(1) / count
    return found


def _beyond(points_xy: Floats, boxes_xywh: Floats) -> Floats:
    """Return (N, K, 2) px per axis by which points are outside boxes of three times the size."""
    corner, size = boxes_xywh[:, None, :2], boxes_xywh[:, None, 2:]
    before = np.maximum(0.0, corner - size - points_xy)
    return before + np.maximum(0.0, points_xy - (corner + size * 2))


def _match(pairs: Pairs, enough: Floats, image: int, person: Indices) -> None:
    """Match the next _IMAGES images: first the best detection of each, then the second, ..."""
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
    """Return (N, most) the people of each detection's image, and which places are filled."""
    images = pairs.detections.image[detections]
    there = np.arange(most) < pairs.people_in[images, None]
    return np.where(there, pairs.first_person[images, None] + np.arange(most), 0), there


def _similar(pairs: Pairs, detections: Indices, most: int) -> Floats:
    """Return (N, most) the OKS with these people; the values of unfilled places are arbitrary."""
    places = pairs.first_pair[detections, None] + np.arange(most)
    return pairs.similarities[np.minimum(places, len(pairs.similarities) - 1)]
