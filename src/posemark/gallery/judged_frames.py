"""Judges an entry frame by frame: who is missed, which poses are spurious, what is off.

A frame is judged by the poses that somebody who uses the model would see. Detectors and networks
give many poses with a low score, which AP takes into account by their order. Here a pose counts if
its score is at least the one at which the entry's F1 (at OKS 0.5) over all frames is best.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from posemark.core.frame import Floats, Frame, Poses, Truth
from posemark.core.skeleton import COCO_17
from posemark.records.files import Record
from posemark.records.schema import FrameLine
from posemark.score.coco import Judged, Matches
from posemark.score.keypoints import keypoint_similarities
from posemark.score.matching import Flags, Indices, Pairs

LEAST_OKS = 0.1
"""Least OKS of a pose with the person that it is taken for."""

GOOD_OKS = 0.5
"""OKS from which a person counts as found in words and pictures: COCO's lowest threshold."""

OFF = 0.5
"""Similarity below which a key point is off; its mean over a person's key points is the OKS."""


@dataclass(frozen=True)
class JudgedFrame:
    """The P annotated people of a frame and the N poses that an entry found there.

    Attributes:
        source: the frame of the data set.
        truth: the people; those without labelled key points and crowds are among them.
        poses: the poses that count, by descending score.
        counted: (P,) whether the person has labelled key points and is no crowd.
        pose: (P,) index of the pose that is taken for the person, or -1.
        oks: (P,) the OKS of that pose; 0 without one.
        spurious: (N,) whether the pose fits no annotation.
        similarities: (P, K) similarities of the key points of that pose; 0 without one.
    """

    source: Frame
    truth: Truth
    poses: Poses
    counted: Flags
    pose: Indices
    oks: Floats
    spurious: Flags
    similarities: Floats

    @property
    def labelled(self) -> Indices:
        """Return (P,) the number of labelled key points of the people that count."""
        return (self.truth.keypoints_xyv[..., 2] > 0).sum(1) * self.counted

    @property
    def accuracy(self) -> float:
        """Return the mean OKS of the people that count, weighted by their labelled key points.

        A person that is missed counts 0. Spurious poses do not count, because data sets leave
        people in the background without any annotation. It is 0 if nobody counts.
        """
        labelled = self.labelled
        return float((self.oks * labelled).sum() / max(1, labelled.sum()))

    @property
    def wrong(self) -> Flags:
        """Return (P,) which of the people that count are missed or have an OKS below GOOD_OKS."""
        return self.counted & (self.oks < GOOD_OKS)


@dataclass(frozen=True)
class JudgedEntry:
    """An entry with its frames.

    Attributes:
        name: its name on the page.
        ap: its AP over its own frames, 0..1; None without a figure.
        least_score: the least score of the poses that count.
        frames: the frames by image id, by ascending id.
    """

    name: str
    ap: float | None
    least_score: float
    frames: dict[int, JudgedFrame]


def judged_entry(
    name: str, record: Record, judged: Judged, sources: Mapping[int, Frame]
) -> JudgedEntry:
    """Judge every frame of a record.

    Args:
        name: the name of the entry.
        record: the record.
        judged: the evaluation of its poses over its measured images.
        sources: the frames of its data set by image id.
    """
    least = best_score(judged.matches)
    pairs = replace(judged.pairs, detections=judged.pairs.detections.at_least(least))
    lines = sorted((line.image_id, line) for line in record.frames if line.error is None)
    truths, similar = _truths(pairs), map(pairs.of_image, range(pairs.images))
    frames = {
        image_id: _judged_frame(sources[image_id], truth, _poses(line, least), oks)
        for (image_id, line), truth, oks in zip(lines, truths, similar, strict=True)
    }
    return JudgedEntry(name, judged.figures["AP"], least, frames)


def best_score(matches: Matches) -> float:
    """Return the score from which poses count: that of the best F1 at the lowest OKS threshold.

    F1 is twice the right poses, divided by the number of poses and of people. Poses that are
    neither right nor wrong are left out.
    """
    judged = np.flatnonzero(~matches.ignored[0])
    order = judged[np.argsort(-matches.detections.scores[judged], kind="stable")]
    if not len(order):
        return 0.0
    right = np.cumsum(matches.person[0, order] >= 0)
    f1 = 2 * right / (np.arange(1, len(order) + 1) + matches.counted.sum())
    return float(matches.detections.scores[order[f1.argmax()]])


def _truths(pairs: Pairs) -> Iterator[Truth]:
    """Yield the annotated people of every image."""
    people = pairs.people
    for first, count in zip(pairs.first_person.tolist(), pairs.people_in.tolist(), strict=True):
        own = slice(first, first + count)
        yield Truth(
            people.keypoints_xyv[own],
            people.boxes_xywh[own],
            people.areas[own],
            people.crowd[own],
            COCO_17,
        )


def _poses(line: FrameLine, least: float) -> Poses:
    """Return the poses of a frame that count, in the order of the detections of an evaluation."""
    scores = np.array(line.poses.scores if line.poses else [], np.float64)
    points = np.array(line.poses.keypoints if line.poses else [], np.float64).reshape(-1, 17, 3)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= least]
    return Poses(points[order, :, :2], points[order, :, 2], scores[order], COCO_17)


def _judged_frame(source: Frame, truth: Truth, poses: Poses, similar: Floats) -> JudgedFrame:
    """Judge one frame; similar: (D, P) OKS of its best poses with its people."""
    poses = _first(poses, len(similar))
    counted = (truth.keypoints_xyv[..., 2] > 0).any(1) & ~truth.is_crowd
    pose = taken_poses(similar, counted)
    found = np.flatnonzero(pose >= 0)
    oks, similarities = np.zeros(len(truth)), np.zeros(truth.keypoints_xyv.shape[:2])
    oks[found] = similar[pose[found], found]
    similarities[found] = keypoint_similarities(
        poses.keypoints_xy[pose[found]],
        truth.keypoints_xyv[found],
        truth.areas[found],
        np.array(truth.skeleton.sigmas),
    )
    spurious = similar[:, ~counted].max(1, initial=0) < LEAST_OKS
    spurious[pose[found]] = False
    return JudgedFrame(source, truth, poses, counted, pose, oks, spurious, similarities)


def _first(poses: Poses, number: int) -> Poses:
    """Return the poses that an evaluation counts: COCO's takes the 20 best of an image."""
    return replace(
        poses,
        keypoints_xy=poses.keypoints_xy[:number],
        keypoint_scores=poses.keypoint_scores[:number],
        scores=poses.scores[:number],
    )


def taken_poses(similar: Floats, counted: Flags) -> Indices:
    """Return (P,) the pose that is taken for each person that counts, or -1.

    The pair with the highest OKS comes first, then the next of those that are left. COCO's order,
    by score, would give a person to a worse pose with a higher score and call the better one
    spurious.

    Args:
        similar: (N, P) OKS of poses with people.
        counted: (P,) the people that count.
    """
    pose, free = np.full(len(counted), -1), np.ones(len(similar), bool)
    open_pairs = np.where(counted, similar, -1.0)
    for flat in np.argsort(-open_pairs, axis=None, kind="stable").tolist():
        at, person = divmod(flat, len(counted))
        if open_pairs[at, person] < LEAST_OKS:
            break
        if free[at] and pose[person] < 0:
            pose[person], free[at] = at, False
    return pose
