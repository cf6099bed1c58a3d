"""The words of a recommendation on a row, wish by wish; the page's script has the same words."""

import operator
from math import isfinite

from posemark.report import formats
from posemark.report.recommend.wishes import AP, FPS, LICENCE, MEMORY, Judged, Wishes

NO_TIME = "no time measured"
NO_LINE = "its time over people is unknown: too few frames, or the same number of people in all"
NO_MEMORY = "peak memory unknown, as the run used --no-isolate: run again without it"
NOTHING_DECIDED = "nothing is decided yet"
ON_TRUTH = "on ground-truth boxes: an app needs a detector on top"
DOUBTED = "speed not valid: measure these again before you choose"


def heading(speed_valid: bool, on_truth: bool) -> str:
    """Return the heading of a list of rows that fit; "" for rows that an app can rely on.

    Args:
        speed_valid: whether the verdict on the speed of the rows is "valid".
        on_truth: whether they ran on annotated boxes.
    """
    warnings = ((not speed_valid, DOUBTED), (on_truth, ON_TRUTH))
    return "; ".join(text for applies, text in warnings if applies)


def offers(each: Judged, wishes: Wishes) -> dict[str, str]:
    """Return what a row offers, by wish."""
    return {
        AP: accuracy(each),
        FPS: speed(each, wishes),
        LICENCE: each.candidate.licence.why,
        MEMORY: formats.size_of(each.candidate.row.peak_memory),
    }


def speed(judged: Judged, wishes: Wishes) -> str:
    """Return the speed in words: "8.21 FPS with 5 people"."""
    words, row = f"{formats.three_digits(judged.fps)} FPS", judged.candidate.row
    if wishes.people is None:
        return words
    beyond = f" (extrapolated: at most {row.most_people:,} in a frame of the run)"
    words += f" with {formats.counted(wishes.people, 'person', 'people')}"
    return words + (beyond if formats.extrapolated(row, wishes.people) else "")


def accuracy(judged: Judged) -> str:
    """Return the accuracy in words: "AP 74.4, 2.3 below the best"."""
    points = judged.lost.points
    lost = f"{points:.1f} below the best" if points > 0 else "the best"
    return f"AP {formats.points(judged.candidate.ap)}, {lost}"


def close_speed(judged: Judged, wishes: Wishes, low: float, high: float) -> str:
    """Say that the wish is within the interval of FPS, given by its ends."""
    ends = f"{formats.three_digits(low)} to {_end(high)}"
    return f"{speed(judged, wishes)}, {ends}: too close to {wishes.min_fps:g}"


def _end(high: float) -> str:
    return formats.three_digits(high) if isfinite(high) else "more"


def close_accuracy(judged: Judged, wishes: Wishes, low: float, high: float) -> str:
    """Say that the wish is within the interval of the AP loss, given by its ends in points."""
    figures = f"{accuracy(judged)}, {low:.1f} to {high:.1f}"
    return f"{figures}: too close to {wishes.max_ap_loss:g}"


def unknown_accuracy(judged: Judged) -> str:
    """Say that there is no interval of the AP loss."""
    return f"{accuracy(judged)}, but over too few images with people to be certain"


def beaten(each: Judged, winner: Judged) -> str:
    """Say which row beats a row, and how; this compares the measured figures alone."""
    same_ap, same_fps = map(operator.eq, each.worth, winner.worth)
    how = "as accurate and faster" if same_ap else "better in both"
    how = "as fast and more accurate" if same_fps else how
    return f"also fits, but {winner.candidate.name} came out {how}"
