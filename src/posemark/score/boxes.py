"""Computes COCO's box AP of person boxes with faster-coco-eval; tests compare it with pycocotools.

All annotated people count, also those without key points.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from posemark.score.coco import images_of

Boxes = Mapping[int, Sequence[tuple[float, float, float, float, float]]]
"""Rows of x, y, w, h (image pixels) and score, by image id."""

_STATS = {"AP": 0, "AP50": 1, "AP75": 2, "APS": 3, "APM": 4, "APL": 5, "AR100": 8}

_EVERY_SIZE, _MOST_BOXES, _IOU_50 = 0, -1, 0
"""Indices of the range of areas, of the 100 best boxes and of the IoU 0.5 in an evaluation."""


def box_accuracy(
    truth: dict[str, Any], found: Boxes, used: Boxes, image_ids: Iterable[int]
) -> dict[str, float | None] | None:
    """Compute the accuracy of person boxes over a set of images.

    Args:
        truth: annotations in COCO's format.
        found: all boxes of the detector, of which COCO counts the 100 best per image.
        used: those among them whose poses are sought.
        image_ids: the ids of the images that count.

    Returns:
        AP, AP50, AP75, APS, APM, APL and AR100 (0..1) of the boxes found, and the recall of the
        boxes used: the share of people who have one, at an IoU of 0.5 or more. None in place of
        a figure whose size range has no annotated person. None if the images have no annotated
        person at all.
    """
    chosen = images_of(truth, set(image_ids))
    if not any(not annotation["iscrowd"] for annotation in chosen["annotations"]):
        return None
    stats = _evaluated(chosen, found).stats
    figures = {name: _known(float(stats[index])) for name, index in _STATS.items()}
    return figures | {"recall": _recall(_evaluated(chosen, used))}


def _known(stat: float) -> float | None:
    return stat if stat >= 0 else None


def _recall(evaluation: Any) -> float | None:
    recalls = np.asarray(evaluation.eval["recall"])
    return _known(float(recalls[_IOU_50, 0, _EVERY_SIZE, _MOST_BOXES]))


def _evaluated(truth: dict[str, Any], found: Boxes) -> Any:
    """Return a finished COCOeval_faster."""
    from faster_coco_eval import COCO, COCOeval_faster

    # It writes into the entries of images and annotations, as it does for key points.
    copied = {name: [{**each} for each in truth[name]] for name in ("images", "annotations")}
    people: Any = COCO({**truth, **copied})
    detections: Any = COCO({**truth, **copied, "annotations": _results(truth, found)})
    evaluation: Any = COCOeval_faster(people, detections, "bbox")
    evaluation.run()
    return evaluation


def _results(truth: dict[str, Any], found: Boxes) -> list[dict[str, Any]]:
    rows = ((image["id"], row) for image in truth["images"] for row in found.get(image["id"], ()))
    return [
        {
            "id": number,
            "image_id": image_id,
            "category_id": 1,
            "bbox": list(row[:4]),
            "area": row[2] * row[3],
            "iscrowd": 0,
            "score": row[4],
        }
        for number, (image_id, row) in enumerate(rows, 1)
    ]
