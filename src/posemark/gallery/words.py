"""Says what went wrong in a frame."""

from collections import Counter

import numpy as np

from posemark.core.counting import counted
from posemark.gallery.judged_frames import GOOD_OKS, OFF, JudgedFrame
from posemark.score.keypoints import keypoint_similarities

_MOST_NAMES = 4
"""Key points that are named."""


def what_went_wrong(frame: JudgedFrame) -> str:
    """Return phrases on a frame: missed people, spurious poses, exchanged sides, points off."""
    phrases = (_missed(frame), _spurious(frame), _exchanged(frame), _off(frame))
    return "; ".join(phrase for phrase in phrases if phrase) or "all key points are near the truth"


def size_of_people(frame: JudgedFrame) -> str:
    """Return how large the people are: "1 person, 212 px tall"; the box gives the height."""
    heights = frame.truth.boxes_xywh[frame.counted, 3]
    people = counted(len(heights), "person", "people")
    low, high = round(float(heights.min())), round(float(heights.max()))
    return f"{people}, {low if low == high else f'{low} to {high}'} px tall"


def _missed(frame: JudgedFrame) -> str:
    missed, everybody = int((frame.counted & (frame.pose < 0)).sum()), int(frame.counted.sum())
    if not missed:
        return ""
    return f"{missed} of {everybody} people missed" if everybody > 1 else "the person is missed"


def _spurious(frame: JudgedFrame) -> str:
    number = int(frame.spurious.sum())
    return counted(number, "spurious pose") if number else ""


def _exchanged(frame: JudgedFrame) -> str:
    """Return how many people have left and right exchanged: mirrored they would be found."""
    wrong = np.flatnonzero(frame.wrong & (frame.pose >= 0))
    mirrored = list(frame.truth.skeleton.mirrored())
    truth = frame.truth.keypoints_xyv[wrong]
    similar = keypoint_similarities(
        frame.poses.keypoints_xy[frame.pose[wrong]][:, mirrored],
        truth,
        frame.truth.areas[wrong],
        np.array(frame.truth.skeleton.sigmas),
    )
    number = int((similar.sum(1) / (truth[..., 2] > 0).sum(1) >= GOOD_OKS).sum())
    return f"left and right exchanged ({counted(number, 'person', 'people')})" if number else ""


def _off(frame: JudgedFrame) -> str:
    """Return the key points that are off, the most frequent first."""
    found = frame.counted & (frame.pose >= 0)
    off = (frame.similarities < OFF) & (frame.truth.keypoints_xyv[..., 2] > 0) & found[:, None]
    names = [name.replace("_", " ") for name in frame.truth.skeleton.keypoints]
    tally = Counter({name: int(count) for name, count in zip(names, off.sum(0), strict=True)})
    several = [(name, count) for name, count in tally.most_common() if count]
    if not several:
        return ""
    told = [name + (f" ({count})" if count > 1 else "") for name, count in several[:_MOST_NAMES]]
    rest = sum(count for _, count in several[_MOST_NAMES:])
    return f"off: {', '.join(told)}" + (f" and {rest} more" if rest else "")
