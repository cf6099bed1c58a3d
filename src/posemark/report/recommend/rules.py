"""Judges each row under each wish: which wishes it breaks, and which are undecided.

An answer never rests on noise: where the wish is within the interval of FPS, or of the difference
of AP, the wish is undecided (rules 4 and 5 of report/recommend/answer.py).
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from posemark.measure.people_cost import Line
from posemark.measure.shared_costs import fps_interval
from posemark.report import formats, licences, missing_evidence
from posemark.report.recommend import reasons
from posemark.report.recommend.candidates import Candidate, best_of, loss
from posemark.report.recommend.wishes import AP, COMPARABLE, FPS, LICENCE, MEMORY, Judged, Wishes
from posemark.report.result_row import Row

SLACK = 1e-9
"""AP points by which binary fractions may exceed a wish: 76.4 - 74.4 counts as 2, not more."""


def judge(field: Sequence[Candidate], wishes: Wishes) -> list[Judged]:
    """Judge every candidate under the wishes, in the order given."""
    return [_judged(each, best_of(field, each), wishes) for each in field]


def _judged(each: Candidate, best: Candidate, wishes: Wishes) -> Judged:
    row, people = each.row, wishes.people
    fps = row.fps_pose if people is None else formats.fps_at(row, people)
    judged = Judged(each, best, fps, loss(best, each))
    if each.not_comparable:
        return replace(judged, broken={COMPARABLE: each.not_comparable})
    undecided = _whys({FPS: _open_speed(judged, wishes), AP: _open_accuracy(judged, wishes)})
    broken = _whys(
        {
            FPS: _fps_breaks(judged, wishes),
            AP: _ap_breaks(judged, wishes),
            LICENCE: _licence_breaks(each, wishes),
            MEMORY: _memory_breaks(row.peak_memory, wishes),
        }
    )
    decided = {name: why for name, why in broken.items() if name not in undecided}
    return replace(judged, broken=decided, open=undecided)


def _whys(found: dict[str, str]) -> dict[str, str]:
    return {name: why for name, why in found.items() if why}


def _open_speed(judged: Judged, wishes: Wishes) -> str:
    """Why the wish for speed is undecided; "" where it is decided or was not made."""
    if wishes.min_fps is None:
        return ""
    row = judged.candidate.row
    why = missing_evidence.unsure(row)
    if why:
        return why
    low, high = bounds(row, judged.fps, wishes.people)
    if low is None:
        return missing_evidence.noise(row)
    crosses = low < wishes.min_fps <= high
    return reasons.close_speed(judged, wishes, low, high) if crosses else ""


def bounds(row: Row, fps: float | None, people: int | None) -> tuple[float | None, float]:
    """Return the ends of the 95% interval of FPS; None and infinity where it is unknown.

    Args:
        row: the row.
        fps: its FPS with `people`; None where unknown.
        people: number of people in a frame; None for those of the frames of the run.
    """
    if fps is None:
        return None, inf
    if people is None:
        return own_bounds(row) or (None, inf)
    if row.line_spread is None:
        return None, inf
    return fps_interval(Line(1000 / fps, 0.0), row.line_spread, people)


def own_bounds(row: Row) -> tuple[float, float] | None:
    """Return the interval of FPS with the people of its frames, None where it is unknown.

    It is widened to include the interval that rests on all frames of its network. Otherwise two
    entries of one network that ran on different frames could seem to differ in speed.
    """
    ends = [end for known in (row.fps_interval, row.shared_fps) if known for end in known]
    return (min(ends), max(ends)) if ends else None


def _open_accuracy(judged: Judged, wishes: Wishes) -> str:
    """Why the wish for AP is undecided; "" where it is decided or was not made."""
    if wishes.max_ap_loss is None or judged.candidate.ap is None:
        return ""
    low, high = judged.lost.low, judged.lost.high
    if low is None or high is None:
        return reasons.unknown_accuracy(judged)
    crosses = low <= wishes.max_ap_loss + SLACK < high
    return reasons.close_accuracy(judged, wishes, low, high) if crosses else ""


def _fps_breaks(judged: Judged, wishes: Wishes) -> str:
    if judged.fps is None:
        return reasons.NO_TIME if wishes.people is None else reasons.NO_LINE
    if wishes.min_fps is None or judged.fps >= wishes.min_fps:
        return ""
    return f"{reasons.speed(judged, wishes)}, wanted {wishes.min_fps:g}"


def _ap_breaks(judged: Judged, wishes: Wishes) -> str:
    if judged.candidate.ap is None:
        return judged.candidate.ap_why
    if wishes.max_ap_loss is None or judged.lost.points <= wishes.max_ap_loss + SLACK:
        return ""
    return f"{reasons.accuracy(judged)}, wanted {wishes.max_ap_loss:g}"


def _licence_breaks(each: Candidate, wishes: Wishes) -> str:
    free = each.licence.kind == licences.PERMISSIVE or not wishes.commercial
    return "" if free else each.licence.why


def _memory_breaks(memory: int | None, wishes: Wishes) -> str:
    if wishes.max_memory is None:
        return ""
    if memory is None:
        return reasons.NO_MEMORY
    if memory <= wishes.max_memory:
        return ""
    return f"{formats.size_of(memory)}, wanted {formats.size_of(wishes.max_memory)}"
