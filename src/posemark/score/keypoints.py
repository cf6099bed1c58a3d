"""Measures the accuracy of each key point: its mean similarity, as defined for OKS."""

import numpy as np

from posemark.score.coco import Judged


def keypoint_accuracy(judged: Judged) -> dict[str, float]:
    """Return the mean similarity (0..1) by key point, over the people that count for AP.

    The similarity of a labelled key point is exp(-d^2 / (2 s^2 k^2)), where d is its distance
    from the truth, s^2 the area of the person, and k twice the sigma of the key point. People
    are matched as for AP50; the key points of a person that was not found count zero. A key
    point that is labelled on no person is left out.
    """
    matches = judged.matches
    people, person = matches.people, matches.person[0]
    detection = np.full(len(people.image), -1)
    detection[person[person >= 0]] = np.flatnonzero(person >= 0)
    found = np.flatnonzero((detection >= 0) & ~people.ignored)
    truth = people.keypoints_xyv
    off = matches.detections.keypoints_xy[detection[found]] - truth[found, :, :2]
    # As in COCO's tools, a tiny number is added, so that an area of zero does not divide by zero.
    areas = people.areas[found, None] + np.spacing(1)
    scale = 2 * areas * (2 * judged.params.kpt_oks_sigmas) ** 2
    labelled = (truth[..., 2] > 0).astype(float)
    similarity = np.zeros_like(labelled)
    similarity[found] = np.exp(-(off**2).sum(-1) / scale) * labelled[found]
    counts = (similarity[~people.ignored].sum(0), labelled[~people.ignored].sum(0))
    return {
        name: float(total / count)
        for name, total, count in zip(judged.keypoints, *counts, strict=True)
        if count
    }
