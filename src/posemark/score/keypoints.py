"""How exactly each key point is found: its mean similarity, as OKS counts it."""

import numpy as np

from posemark.score.coco import Judged


def keypoint_accuracy(judged: Judged) -> dict[str, float]:
    """Mean similarity (0..1) by key point, over the people that AP counts.

    The similarity of a labelled key point is exp(-d^2 / (2 s^2 k^2)): d its distance from the
    truth, s^2 the person's area, k twice the key point's sigma. People are matched as for AP50;
    the key points of one who was not found count zero. A key point that nobody has labelled is
    left out.
    """
    matches = judged.matches
    people, person = matches.people, matches.person[0]
    detection = np.full(len(people.image), -1)
    detection[person[person >= 0]] = np.flatnonzero(person >= 0)
    found = np.flatnonzero((detection >= 0) & ~people.ignored)
    truth = people.keypoints_xyv
    off = matches.detections.keypoints_xy[detection[found]] - truth[found, :, :2]
    # An area of zero divides by almost nothing, as in COCO's tools.
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
