"""COCO's key-point AP, by faster-coco-eval (pycocotools is the referee in the tests)."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from posemark.core.frame import Frame
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


def evaluate(
    truth: dict[str, Any], results: Results, image_ids: Iterable[int]
) -> dict[str, float | None] | None:
    """AP, AP50, AP75, APM, APL, AR (0..1) over these images; None if they hold no truth.

    results: COCO's format, one {"image_id", "category_id", "keypoints", "score"} a person.
    A size range without any annotated person is None, where COCO's tools say -1.
    """
    wanted = set(image_ids)
    judged = _of_images(truth, wanted)
    if not any(a["num_keypoints"] and not a["iscrowd"] for a in judged["annotations"]):
        return None
    stats = _stats(judged, [r for r in results if r["image_id"] in wanted])
    return {name: _known(float(stats[index])) for name, index in _STATS.items()}


def _known(stat: float) -> float | None:
    return stat if stat >= 0 else None


def _of_images(truth: dict[str, Any], image_ids: set[int]) -> dict[str, Any]:
    images = [i for i in truth["images"] if i["id"] in image_ids]
    annotations = [a for a in truth["annotations"] if a["image_id"] in image_ids]
    return {**truth, "images": images, "annotations": annotations}


def _stats(truth: dict[str, Any], results: Results) -> "np.ndarray[Any, Any]":
    from faster_coco_eval import COCO, COCOeval_faster

    ground_truth: Any = COCO(truth, use_deepcopy=True)
    judge: Any = COCOeval_faster(ground_truth, ground_truth.loadRes(results), "keypoints")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return np.asarray(judge.stats)
