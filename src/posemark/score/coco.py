"""Computes COCO's key-point AP with faster-coco-eval; the tests compare it with pycocotools."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from posemark.core.frame import Floats, Frame, Poses
from posemark.score.matching import (
    Detections,
    Flags,
    Indices,
    Pairs,
    People,
)

Results = list[dict[str, Any]]
"""Predictions in COCO's format."""

_STATS = {"AP": 0, "AP50": 1, "AP75": 2, "APM": 3, "APL": 4, "AR": 5}


def truth_json(frames: Iterable[Frame]) -> dict[str, Any]:
    """Return the annotations of frames in COCO's format, with all people.

    Frames of clips have their places, and their people who they are, in fields of records/truth.py
    that COCO does not have.
    """
    frames = list(frames)
    annotations = [a for frame in frames for a in _annotations(frame)]
    return {
        "images": [_image(frame) for frame in frames],
        "annotations": [{"id": number, **a} for number, a in enumerate(annotations, 1)],
        "categories": [{"id": 1, "name": "person", "keypoints": _keypoints(frames)}],
    }


def _image(frame: Frame) -> dict[str, Any]:
    width, height = frame.size_wh
    image = {"id": frame.image_id, "file_name": frame.name, "width": width, "height": height}
    moment = frame.moment
    if moment is None:
        return image
    image |= {"clip": moment.clip, "index": moment.index, "time_s": moment.time_s}
    return image | ({} if moment.from_still is None else {"from_still": moment.from_still.tolist()})


def _keypoints(frames: Sequence[Frame]) -> list[str]:
    """The names of the key points that the frames' people are annotated with."""
    skeletons = {frame.truth.skeleton for frame in frames}
    if len(skeletons) > 1:
        named = " and ".join(sorted(skeleton.name for skeleton in skeletons))
        raise ValueError(f"frames of one data set have several sets of key points: {named}")
    return [name for skeleton in skeletons for name in skeleton.keypoints]


def _annotations(frame: Frame) -> list[dict[str, Any]]:
    truth = frame.truth
    return [
        {
            "image_id": frame.image_id,
            "category_id": 1,
            "bbox": truth.boxes_xywh[i].tolist(),
            "area": float(truth.areas[i]),
            "iscrowd": int(truth.is_crowd[i]),
            "keypoints": truth.keypoints_xyv[i].ravel().tolist(),
            "num_keypoints": int((truth.keypoints_xyv[i, :, 2] > 0).sum()),
        }
        | ({} if truth.ids is None else {"track_id": int(truth.ids[i])})
        for i in range(len(truth))
    ]


def results_of(image_id: int, poses: Poses) -> Results:
    """Return the poses found in one image in COCO's format, in image pixels."""
    scored = np.concatenate([poses.keypoints_xy, poses.keypoint_scores[..., None]], -1)
    return [
        {"image_id": image_id, "category_id": 1, "keypoints": points.ravel().tolist(), "score": s}
        for points, s in zip(scored, poses.scores.tolist(), strict=True)
    ]


@dataclass(frozen=True)
class Matches:
    """The matches of detections with people of any size, at each of T OKS thresholds.

    Attributes:
        people: the people of all images, by ascending image id.
        detections: the detections in all images, by ascending image id.
        person: (T, D) the matched person as an index into people, or -1.
        ignored: (T, D) whether a detection is neither right nor wrong.
        counted: (I,) the number of people to be found in each image, without crowds and people
            without key points.
    """

    people: People
    detections: Detections
    person: Indices
    ignored: Flags
    counted: Indices


@dataclass(frozen=True)
class Judged:
    """The result of one evaluation.

    Attributes:
        figures: AP, AP50, AP75, APM, APL and AR, as evaluate() returns them.
        params: the parameters of the COCOeval_faster that computed them.
        pairs: the OKS of all detections with the people of their images.
        keypoints: the names of the key points.
    """

    figures: dict[str, float | None]
    params: Any
    pairs: Pairs
    keypoints: Sequence[str]

    @cached_property
    def matches(self) -> Matches:
        """Return the matches by COCO's rule; faster-coco-eval does not return its own."""
        people, detections = self.pairs.people, self.pairs.detections
        person = self.pairs.matched(self.params.iouThrs)
        too_large = detections.areas > self.params.areaRng[0][1]
        ignored = np.where(person < 0, too_large, np.append(people.ignored, False)[person])
        counted = np.bincount(people.image[~people.ignored], minlength=self.pairs.images)
        return Matches(people, detections, person, ignored, counted)


def evaluate(
    truth: dict[str, Any],
    results: Results,
    image_ids: Iterable[int],
    sigmas: Sequence[float],
) -> dict[str, float | None] | None:
    """Compute COCO's figures of accuracy over a set of images.

    Args:
        truth: annotations in COCO's format, with K key points per person.
        results: predictions in COCO's format: one {"image_id", "category_id", "keypoints",
            "score"} per person.
        image_ids: the ids of the images that count.
        sigmas: the K OKS sigmas of the skeleton, in the order of its key points.

    Returns:
        AP, AP50, AP75, APM, APL and AR (0..1) by name; None in place of a figure whose size
        range has no annotated person (COCO's tools return -1 then). None if the images have no
        annotated person at all.

    Raises:
        ValueError: if the numbers of sigmas and key points differ.
    """
    judged = judge(truth, results, image_ids, sigmas)
    return None if judged is None else judged.figures


def judge(
    truth: dict[str, Any],
    results: Results,
    image_ids: Iterable[int],
    sigmas: Sequence[float],
) -> Judged | None:
    """Evaluate as evaluate() does, and also return what other figures are computed from.

    Raises:
        ValueError: if the numbers of sigmas and key points differ.
    """
    points = len(truth["categories"][0]["keypoints"])
    if len(sigmas) != points:
        raise ValueError(f"{len(sigmas)} sigmas for {points} key points")
    wanted = set(image_ids)
    chosen = images_of(truth, wanted)
    if not any(a["num_keypoints"] and not a["iscrowd"] for a in chosen["annotations"]):
        return None
    found = [r for r in results if r["image_id"] in wanted]
    evaluation, pairs = _evaluated(chosen, found, sigmas)
    figures = {name: _known(float(evaluation.stats[index])) for name, index in _STATS.items()}
    return Judged(figures, evaluation.params, pairs, truth["categories"][0]["keypoints"])


def _known(stat: float) -> float | None:
    return stat if stat >= 0 else None


def images_of(truth: dict[str, Any], image_ids: set[int]) -> dict[str, Any]:
    """Return the part of annotations in COCO's format that belongs to these images."""
    images = [i for i in truth["images"] if i["id"] in image_ids]
    annotations = [a for a in truth["annotations"] if a["image_id"] in image_ids]
    return {**truth, "images": images, "annotations": annotations}


def _evaluated(
    truth: dict[str, Any], results: Results, sigmas: Sequence[float]
) -> tuple[Any, Pairs]:
    """Return the finished COCOeval_faster, and the OKS values that it used."""
    from faster_coco_eval import COCO, COCOeval_faster

    # It writes into the entries of images and annotations, but not into their values. Shallow
    # copies of the entries thus protect the truth, and take far less time than deep copies.
    copied = {name: [{**each} for each in truth[name]] for name in ("images", "annotations")}
    people: Any = COCO({**truth, **copied})
    ids = sorted(image["id"] for image in truth["images"])
    index = {each: at for at, each in enumerate(ids)}
    detections = Detections.of(results, index, len(sigmas))
    found: Any = COCO({**truth, **copied, "annotations": _without_keypoints(detections, ids)})
    evaluation: Any = COCOeval_faster(people, found, "keypoints", kpt_oks_sigmas=list(sigmas))
    pairs = Pairs(
        images=len(ids),
        people=People.of(truth["annotations"], index, len(sigmas)),
        detections=detections.best(evaluation.params.maxDets[-1]),
        sigmas=evaluation.params.kpt_oks_sigmas,
    )

    def computed(image: int, _category: int) -> Floats:
        return pairs.of_image(index[image])

    evaluation.computeOks = computed
    evaluation.run()
    return evaluation, pairs


def _without_keypoints(detections: Detections, ids: Sequence[int]) -> Results:
    """Return the fields of detections that faster-coco-eval needs if the OKS is given."""
    columns = (detections.image, detections.scores, detections.areas)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        {"id": number, "image_id": ids[image], "category_id": 1, "score": score, "area": area}
        for number, (image, score, area) in enumerate(rows, 1)
    ]
