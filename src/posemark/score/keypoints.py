"""How exactly each key point is found: its mean similarity, as OKS counts it."""

from typing import Any

import numpy as np

from posemark.core.frame import Floats
from posemark.score.coco import Judged, Matched


def keypoint_accuracy(judged: Judged) -> dict[str, float]:
    """Mean similarity (0..1) by key point, over the people that AP counts.

    The similarity of a labelled key point is exp(-d^2 / (2 s^2 k^2)): d its distance from the
    truth, s^2 the person's area, k twice the key point's sigma. People are matched as for AP50;
    the key points of one who was not found count zero. A key point that nobody has labelled is
    left out.
    """
    variances = (2 * judged.evaluation.params.kpt_oks_sigmas) ** 2
    pairs = [pair for image in judged.matches for pair in _pairs(image, variances)]
    similarity, labelled = (np.array(column).sum(0) for column in zip(*pairs, strict=True))
    (category,) = judged.evaluation.cocoGt.dataset["categories"]
    return {
        name: float(total / count)
        for name, total, count in zip(category["keypoints"], similarity, labelled, strict=True)
        if count
    }


def _pairs(image: Matched, variances: Floats) -> list[tuple[Floats, Floats]]:
    """For each person that counts: similarity (K,), zero where unlabelled, and labels (K,)."""
    matches = dict(zip(image.person[0].tolist(), image.detections, strict=True))
    return [
        _similarity(person, matches.get(index), variances)
        for index, person in enumerate(image.people)
        if not person["ignore"]
    ]


def _similarity(
    person: dict[str, Any], detection: dict[str, Any] | None, variances: Floats
) -> tuple[Floats, Floats]:
    truth = np.reshape(person["keypoints"], (-1, 3))
    labelled = (truth[:, 2] > 0).astype(float)
    if detection is None:
        return np.zeros(len(truth)), labelled
    found = np.reshape(detection["keypoints"], (-1, 3))
    squared = ((found[:, :2] - truth[:, :2]) ** 2).sum(1)
    # An area of zero divides by almost nothing, as in COCO's tools.
    scale = 2 * (person["area"] + np.spacing(1)) * variances
    return np.exp(-squared / scale) * labelled, labelled
