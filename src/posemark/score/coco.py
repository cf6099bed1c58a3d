"""COCO's key-point AP, by faster-coco-eval (pycocotools is the referee in the tests)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats, Frame, Poses
from posemark.core.skeleton import COCO_17

Results = list[dict[str, Any]]

_STATS = {"AP": 0, "AP50": 1, "AP75": 2, "APM": 3, "APL": 4, "AR": 5}


def truth_json(frames: Iterable[Frame]) -> dict[str, Any]:
    """The frames' annotations in COCO's format, all people included."""
    frames = list(frames)
    annotations = [a for frame in frames for a in _annotations(frame)]
    return {
        "images": [
            {"id": f.image_id, "file_name": f.name, "width": f.size_wh[0], "height": f.size_wh[1]}
            for f in frames
        ],
        "annotations": [{"id": number, **a} for number, a in enumerate(annotations, 1)],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}],
    }


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
        for i in range(len(truth))
    ]


def results_of(image_id: int, poses: Poses) -> Results:
    """The poses found in one image in COCO's format."""
    scored = np.concatenate([poses.keypoints_xy, poses.keypoint_scores[..., None]], -1)
    return [
        {"image_id": image_id, "category_id": 1, "keypoints": points.ravel().tolist(), "score": s}
        for points, s in zip(scored, poses.scores.tolist(), strict=True)
    ]


@dataclass(frozen=True)
class Matched:
    """Whom the detections of one image were taken for, at each of T OKS thresholds.

    people: G annotations, in their order. detections: the D best (20 at most), best first.
    person: (T, D) index into people, or -1. ignored: (T, D) neither right nor wrong.
    counted: how many people there were to find; crowds and people without key points are not.
    """

    people: list[dict[str, Any]]
    detections: list[dict[str, Any]]
    person: NDArray[np.intp]
    ignored: NDArray[np.bool_]
    counted: int


@dataclass(frozen=True)
class Judged:
    """One evaluation. figures: AP, AP50, AP75, APM, APL, AR, as evaluate() says them.

    evaluation: the finished COCOeval_faster, from whose similarities the rest is derived.
    """

    figures: dict[str, float | None]
    evaluation: Any

    @cached_property
    def matches(self) -> list[Matched]:
        """One an image, by ascending image id; people of every size.

        faster-coco-eval does not hand out its own; these are made from its similarities by
        COCO's rule.
        """
        (category,) = self.evaluation.params.catIds
        images = self.evaluation.params.imgIds
        return [_matched(self.evaluation, image, category) for image in images]


def evaluate(
    truth: dict[str, Any],
    results: Results,
    image_ids: Iterable[int],
    sigmas: Sequence[float] = COCO_17.sigmas,
) -> dict[str, float | None] | None:
    """AP, AP50, AP75, APM, APL, AR (0..1) over these images; None if they hold no truth.

    A size range without any annotated person is None, where COCO's tools say -1.

    Args:
        truth: annotations in COCO's format, with K key points a person.
        results: COCO's format, one {"image_id", "category_id", "keypoints", "score"} a person.
        image_ids: of the images that count.
        sigmas: K OKS tolerances, in the order of the key points: a skeleton's own.

    Raises:
        ValueError: for another number of sigmas than of key points.
    """
    judged = judge(truth, results, image_ids, sigmas)
    return None if judged is None else judged.figures


def judge(
    truth: dict[str, Any],
    results: Results,
    image_ids: Iterable[int],
    sigmas: Sequence[float] = COCO_17.sigmas,
) -> Judged | None:
    """As evaluate(), with what the other figures of accuracy are derived from."""
    points = len(truth["categories"][0]["keypoints"])
    if len(sigmas) != points:
        raise ValueError(f"{len(sigmas)} sigmas for {points} key points")
    wanted = set(image_ids)
    chosen = _of_images(truth, wanted)
    if not any(a["num_keypoints"] and not a["iscrowd"] for a in chosen["annotations"]):
        return None
    evaluation = _evaluated(chosen, [r for r in results if r["image_id"] in wanted], sigmas)
    figures = {name: _known(float(evaluation.stats[index])) for name, index in _STATS.items()}
    return Judged(figures, evaluation)


def _known(stat: float) -> float | None:
    return stat if stat >= 0 else None


def _of_images(truth: dict[str, Any], image_ids: set[int]) -> dict[str, Any]:
    images = [i for i in truth["images"] if i["id"] in image_ids]
    annotations = [a for a in truth["annotations"] if a["image_id"] in image_ids]
    return {**truth, "images": images, "annotations": annotations}


def _evaluated(truth: dict[str, Any], results: Results, sigmas: Sequence[float]) -> Any:
    from faster_coco_eval import COCO, COCOeval_faster

    # It writes into images, people and results, but never into what they hold: copies of the
    # entries keep ours as they are, for a small part of the time that deep ones take.
    copied = {name: [{**each} for each in truth[name]] for name in ("images", "annotations")}
    ground_truth: Any = COCO({**truth, **copied})
    found: Any = ground_truth.loadRes([{**each} for each in results])
    evaluation: Any = COCOeval_faster(ground_truth, found, "keypoints", kpt_oks_sigmas=list(sigmas))
    evaluation.run()
    return evaluation


def _matched(evaluation: Any, image: int, category: int) -> Matched:
    people = evaluation.gt_dataset.get(image, category)
    found = evaluation.dt_dataset.get(image, category)
    # The order of the rows of evaluation.ious: best first, equal scores as they came.
    order = np.argsort([-d["score"] for d in found], kind="stable")
    detections = [found[i] for i in order[: evaluation.params.maxDets[-1]]]
    # An image without people, or without detections, has an empty list there.
    oks = np.reshape(evaluation.ious[image, category], (len(detections), len(people)))
    ignored = np.array([bool(p["ignore"]) for p in people], bool)
    crowd = np.array([bool(p["iscrowd"]) for p in people], bool)
    person = _match(oks, evaluation.params.iouThrs, ignored, crowd)
    too_large = np.array([d["area"] > evaluation.params.areaRng[0][1] for d in detections], bool)
    neither = np.where(person < 0, too_large, np.append(ignored, False)[person])
    return Matched(people, detections, person, neither, int((~ignored).sum()))


def _match(
    oks: Floats, thresholds: Floats, ignored: NDArray[np.bool_], crowd: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """(T, D) the person that each detection, best first, is taken for, or -1.

    oks: (D, G). Each takes the most similar person that is still free, or the last of the most
    similar; one that does not count (ignored) only if no other will do. A crowd is always free.
    """
    person = np.full((len(thresholds), len(oks)), -1, np.intp)
    taken = np.zeros((len(thresholds), len(ignored)), bool)
    enough = np.minimum(thresholds, 1 - 1e-10)[:, None]
    for index, similarities in enumerate(oks) if oks.size else ():
        will_do = (similarities >= enough) & (~taken | crowd)
        better = will_do & ~ignored
        will_do &= better | ~better.any(1, keepdims=True)
        reversed_similarities = np.where(will_do, similarities, -1)[:, ::-1]
        best = len(ignored) - 1 - reversed_similarities.argmax(1)
        hit = np.flatnonzero(will_do.any(1))
        person[hit, index] = best[hit]
        taken[hit, best[hit]] = True
    return person
