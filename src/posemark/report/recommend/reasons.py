"""What a recommendation says of a row, wish by wish; the page's script has the same words."""

import operator
from math import isfinite

from posemark.report import formats
from posemark.report.recommend.wishes import AP, FPS, LICENCE, MEMORY, Judged, Wishes

NO_TIME = "no time measured"
NO_LINE = "its time over people is not known: too few frames, or as many people in all of them"
NO_MEMORY = "memory not measured, for want of a process of its own: run without --no-isolate"
NOTHING_DECIDED = "nothing is decided yet"
ON_TRUTH = "on ground-truth boxes: an app needs a detector on top"
DOUBTED = "speed not valid: measure these again before you choose"


def heading(speed_valid: bool, on_truth: bool) -> str:
    """What stands over a list of what fits; "" over those that an app can rely on."""
    told = ((not speed_valid, DOUBTED), (on_truth, ON_TRUTH))
    return "; ".join(text for applies, text in told if applies)


def offers(each: Judged, wishes: Wishes) -> dict[str, str]:
    """What a row has to offer for every wish."""
    return {
        AP: accuracy(each),
        FPS: speed(each, wishes),
        LICENCE: each.candidate.licence.why,
        MEMORY: formats.size_of(each.candidate.row.peak_memory),
    }


def speed(judged: Judged, wishes: Wishes) -> str:
    """Like: 8.21 FPS with 5 people."""
    words, row = f"{formats.three_digits(judged.fps)} FPS", judged.candidate.row
    if wishes.people is None:
        return words
    beyond = f" (extrapolated: at most {row.most_people:,} in a frame of the run)"
    words += f" with {formats.counted(wishes.people, 'person', 'people')}"
    return words + (beyond if formats.extrapolated(row, wishes.people) else "")


def accuracy(judged: Judged) -> str:
    """Like: AP 74.4, 2.3 below the best."""
    points = judged.lost.points
    lost = f"{points:.1f} below the best" if points > 0 else "the best"
    return f"AP {formats.points(judged.candidate.ap)}, {lost}"


def close_speed(judged: Judged, wishes: Wishes, low: float, high: float) -> str:
    """That the interval of FPS holds the wish."""
    ends = f"{formats.three_digits(low)} to {_end(high)}"
    return f"{speed(judged, wishes)}, {ends}: too close to {wishes.min_fps:g}"


def _end(high: float) -> str:
    return formats.three_digits(high) if isfinite(high) else "more"


def close_accuracy(judged: Judged, wishes: Wishes, low: float, high: float) -> str:
    """That the interval of the difference of AP holds the wish."""
    told = f"{accuracy(judged)}, {low:.1f} to {high:.1f}"
    return f"{told}: too close to {wishes.max_ap_loss:g}"


def unknown_accuracy(judged: Judged) -> str:
    """That there is no such interval."""
    return f"{accuracy(judged)}, from too few images with people to tell"


def beaten(each: Judged, winner: Judged) -> str:
    """By what, and how: as measured, which is all that it says."""
    same_ap, same_fps = map(operator.eq, each.worth, winner.worth)
    how = "as accurate and faster" if same_ap else "better in both"
    how = "as fast and more accurate" if same_fps else how
    return f"also fits, but {winner.candidate.name} came out {how}"
