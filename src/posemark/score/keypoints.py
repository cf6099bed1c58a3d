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
    pairs = [pair for image in judged.matches for pair in _pairs(image)]
    similarity, labelled = _similarities(pairs, judged.evaluation.params.kpt_oks_sigmas)
    (category,) = judged.evaluation.cocoGt.dataset["categories"]
    return {
        name: float(total / count)
        for name, total, count in zip(
            category["keypoints"], similarity.sum(0), labelled.sum(0), strict=True
        )
        if count
    }


Pair = tuple[dict[str, Any], dict[str, Any] | None]
"""A person, and the detection that was taken for it."""


def _pairs(image: Matched) -> list[Pair]:
    """One for each person that counts."""
    matches = dict(zip(image.person[0].tolist(), image.detections, strict=True))
    return [
        (person, matches.get(index))
        for index, person in enumerate(image.people)
        if not person["ignore"]
    ]


def _similarities(pairs: list[Pair], sigmas: Floats) -> tuple[Floats, Floats]:
    """(N, K) similarities, zero where a key point is unlabelled or nobody found, and labels."""
    truth = _points([person for person, _ in pairs])
    found = _points([detection or person for person, detection in pairs])
    labelled = (truth[..., 2] > 0).astype(float)
    seen = np.array([[detection is not None] for _, detection in pairs])
    areas = np.array([[person["area"]] for person, _ in pairs])
    squared = ((found[..., :2] - truth[..., :2]) ** 2).sum(-1)
    # An area of zero divides by almost nothing, as in COCO's tools.
    scale = 2 * (areas + np.spacing(1)) * (2 * sigmas) ** 2
    return np.exp(-squared / scale) * labelled * seen, labelled


def _points(people: list[dict[str, Any]]) -> Floats:
    """(N, K, 3) x, y and visibility or score."""
    return np.array([person["keypoints"] for person in people], float).reshape(len(people), -1, 3)
