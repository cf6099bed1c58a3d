"""Chooses the frames of the gallery: where an entry does worst, and where two differ most."""

from collections.abc import Iterable
from dataclasses import dataclass

from posemark.gallery.judged_frames import JudgedEntry, JudgedFrame

FEWEST_POINTS = 10
"""Least number of labelled key points in a frame; with fewer its accuracy would mean little."""

LEAST_DIFFERENCE = 0.01
"""Least difference in accuracy of a frame that is shown; captions have two decimals."""


@dataclass(frozen=True)
class Shown:
    """A frame as one or two entries see it.

    Attributes:
        frames: the frame of each entry, in the order of the entries.
    """

    frames: tuple[JudgedFrame, ...]


@dataclass(frozen=True)
class Choice:
    """The frames of one section of the gallery.

    Attributes:
        entries: one entry (its worst frames), or two (the frames where they differ).
        shown: the frames, the most telling first.
        candidates: the number of frames that they were chosen from.
    """

    entries: tuple[JudgedEntry, ...]
    shown: tuple[Shown, ...]
    candidates: int


def choices(entries: list[JudgedEntry], count: int) -> list[Choice]:
    """Return the worst frames of each entry, and the frames where it and the best differ most.

    The best entry is the one with the highest AP, the first of equals.

    Args:
        entries: the entries.
        count: the most frames for each.
    """
    best = max(entries, key=lambda entry: entry.ap or 0.0)
    others = [entry for entry in entries if entry is not best]
    return [
        *(worst(entry, count) for entry in entries),
        *(most_different(best, other, count) for other in others),
    ]


def worst(entry: JudgedEntry, count: int) -> Choice:
    """Return the frames with the lowest accuracy; of equals those with more key points first."""
    frames = [frame for frame in entry.frames.values() if _enough(frame)]
    frames.sort(key=lambda frame: (frame.accuracy, -frame.labelled.sum(), frame.source.image_id))
    return _choice((entry,), ((frame,) for frame in frames[:count]), len(frames))


def most_different(one: JudgedEntry, other: JudgedEntry, count: int) -> Choice:
    """Return the frames of both entries whose accuracies differ most, in either direction.

    Frames of the same accuracy are left out: settings of one model often give equal poses.
    """
    common = [image_id for image_id in one.frames if image_id in other.frames]
    pairs = [(one.frames[each], other.frames[each]) for each in common]
    pairs = [pair for pair in pairs if _enough(pair[0])]
    different = [pair for pair in pairs if _difference(pair) >= LEAST_DIFFERENCE]
    different.sort(key=lambda pair: (-_difference(pair), pair[0].source.image_id))
    return _choice((one, other), different[:count], len(pairs))


def _difference(pair: tuple[JudgedFrame, JudgedFrame]) -> float:
    return abs(pair[0].accuracy - pair[1].accuracy)


def _choice(
    entries: tuple[JudgedEntry, ...], shown: Iterable[tuple[JudgedFrame, ...]], candidates: int
) -> Choice:
    return Choice(entries, tuple(map(Shown, shown)), candidates)


def _enough(frame: JudgedFrame) -> bool:
    return int(frame.labelled.sum()) >= FEWEST_POINTS
