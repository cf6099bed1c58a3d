"""Measures the accuracy of each key point: its mean similarity, as defined for OKS."""

import numpy as np

from posemark.core.frame import Floats
from posemark.score.coco import Judged


def keypoint_accuracy(judged: Judged) -> dict[str, float]:
    """Return the mean similarity (0..1) by key point, over the people that count for AP.

    People are matched as for AP50; the key points of a person that was not found count zero. A key
    point that is labelled on no person is left out.
    """
    matches = judged.matches
    people, person = matches.people, matches.person[0]
    detection = np.full(len(people.image), -1)
    detection[person[person >= 0]] = np.flatnonzero(person >= 0)
    found = np.flatnonzero((detection >= 0) & ~people.ignored)
    truth = people.keypoints_xyv
    labelled = (truth[..., 2] > 0).astype(float)
    similarity = np.zeros_like(labelled)
    similarity[found] = keypoint_similarities(
        matches.detections.keypoints_xy[detection[found]],
        truth[found],
        people.areas[found],
        judged.params.kpt_oks_sigmas,
    )
    counts = (similarity[~people.ignored].sum(0), labelled[~people.ignored].sum(0))
    return {
        name: float(total / count)
        for name, total, count in zip(judged.keypoints, *counts, strict=True)
        if count
    }


def keypoint_similarities(
    keypoints_xy: Floats, keypoints_xyv: Floats, areas: Floats, sigmas: Floats
) -> Floats:
    """Return the (N, K) similarities (0..1) of key points, whose mean over labelled ones is OKS.

    The similarity of a labelled key point is exp(-d^2 / (2 s^2 k^2)), where d is its distance
    from the truth, s^2 the area of the person, and k twice the sigma of the key point.

    Args:
        keypoints_xy: (N, K, 2) found key points in pixels.
        keypoints_xyv: (N, K, 3) annotated key points and COCO's visibility; the similarity is 0
            where there is no label.
        areas: (N,) px^2 of the people.
        sigmas: (K,) OKS sigmas.
    """
    off = keypoints_xy - keypoints_xyv[..., :2]
    # As in COCO's tools, a tiny number is added, so that an area of zero does not divide by zero.
    scale = 2 * (areas[:, None] + np.spacing(1)) * (2 * sigmas) ** 2
    return np.exp(-(off**2).sum(-1) / scale) * (keypoints_xyv[..., 2] > 0)
