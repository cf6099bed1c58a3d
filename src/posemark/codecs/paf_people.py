"""Scores links between peaks by the fields, and joins them to people as OpenPose's builds do."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posemark.codecs.paf_layouts import Build, Ints, Layout, Thresholds
from posemark.codecs.paf_surface import Peaks, Surface
from posemark.core.frame import Floats

# ---------------------------------------------------------------------------------- links

_FEWEST_SAMPLES, _MOST_SAMPLES = 5, 25
_PAIRS_AT_ONCE = 8192
_SHORT = 150
"""Parts closer than the mean side of the input divided by this are joined without the field."""

_TINY = 1e-6


@dataclass(frozen=True)
class Links:
    """L possible limbs.

    Attributes:
        limb: (L,) indices of the limbs in the layout.
        a: (L,) indices of the peaks where they start.
        b: (L,) indices of the peaks where they end.
        score: (L,) mean agreement with the field.
    """

    limb: Ints
    a: Ints
    b: Ints
    score: NDArray[np.float32]


def score_links(surface: Surface, peaks: Peaks, layout: Layout, thresholds: Thresholds) -> Links:
    """Score all pairs of peaks, limb by limb, and return those that the fields support."""
    grids: list[Ints] = [np.zeros((3, 0), np.intp)]
    for limb, (a, b) in enumerate(layout.limbs):
        first, second = peaks.of(a), peaks.of(b)
        size = len(first) * len(second)
        rows = np.full(size, limb), first.repeat(len(second)), np.tile(second, len(first))
        grids.append(np.stack(rows))
    limb, a, b = np.concatenate(grids, 1)
    channels = np.array([layout.x_channel(i) for i in range(len(layout.limbs))])[limb]
    scores = np.zeros(len(limb), np.float32)
    for first in range(0, len(limb), _PAIRS_AT_ONCE):
        part = slice(first, first + _PAIRS_AT_ONCE)
        ends = peaks.xys[a[part], :2], peaks.xys[b[part], :2]
        scores[part] = _agreement(surface, channels[part], *ends, thresholds)
    kept = scores > _TINY
    return Links(limb[kept], a[kept], b[kept], scores[kept])


def _agreement(
    surface: Surface,
    channels: Ints,
    starts: NDArray[np.float32],
    ends: NDArray[np.float32],
    thresholds: Thresholds,
) -> NDArray[np.float32]:
    """Compute the mean (N,) of field times direction over the samples of each pair, or 0.

    Most pairs belong to two different people and do not agree in the middle, so that three samples
    are enough to reject them.
    """
    lines = _Lines.between(starts, ends)
    scores = np.zeros(len(channels), np.float32)
    apart = np.sqrt(surface.size_wh[0] * surface.size_wh[1]) / _SHORT
    scores[lines.length < apart] = thresholds.peak + _TINY
    scores[lines.length <= _TINY] = 0
    needed = _least_agreeing(thresholds.agreeing)[lines.samples]
    rows = np.flatnonzero(lines.length > _TINY)
    some = lines.samples[rows, None] * np.arange(1, 4) // 4
    misses = (_dots(surface, channels, lines, rows, some) <= np.float32(thresholds.dot)).sum(1)
    rows = rows[misses <= (lines.samples - needed)[rows]]
    every = np.arange(_MOST_SAMPLES) + np.zeros((len(rows), 1), np.intp)
    dots = _dots(surface, channels, lines, rows, every)
    good = (dots > np.float32(thresholds.dot)) & (every < lines.samples[rows, None])
    count = good.sum(1)
    enough = count >= needed[rows]
    sums = np.where(good, dots, 0).sum(1, dtype=np.float32)
    scores[rows[enough]] = sums[enough] / count[enough].astype(np.float32)
    return scores


class _Lines(NamedTuple):
    """N lines along which the field is sampled.

    Attributes:
        start: (N, 2) start in pixels.
        delta: (N, 2) vector from start to end in pixels.
        unit: (N, 2) unit vector from start to end.
        length: (N,) length in pixels.
        samples: (N,) number of samples.
    """

    start: NDArray[np.float32]
    delta: NDArray[np.float32]
    unit: NDArray[np.float32]
    length: NDArray[np.float32]
    samples: Ints

    @classmethod
    def between(cls, starts: NDArray[np.float32], ends: NDArray[np.float32]) -> "_Lines":
        delta = ends - starts
        length = np.sqrt((delta**2).sum(1))
        unit = delta / np.maximum(length, np.float32(1e-30))[:, None]
        wanted = np.sqrt(5 * np.abs(delta).max(1, initial=0)) + np.float32(0.5)
        samples = wanted.astype(np.intp).clip(_FEWEST_SAMPLES, _MOST_SAMPLES)
        return cls(starts, delta, unit, length, samples)


def _dots(
    surface: Surface, channels: Ints, lines: _Lines, rows: Ints, which: Ints
) -> NDArray[np.float32]:
    """Compute field times direction at the samples `which` (R, S) of the chosen lines."""
    share = which.astype(np.float32)[..., None]
    count = lines.samples[rows].astype(np.float32)[:, None, None]
    points = lines.start[rows, None] + share * lines.delta[rows, None] / count
    last = np.array(surface.size_wh) - 1
    pixels = (points + np.float32(0.5)).astype(np.intp).clip(0, last).reshape(-1, 2)
    channel = channels[rows].repeat(which.shape[1])
    x, y = surface.vectors(channel, pixels[:, 1], pixels[:, 0]).reshape(2, *which.shape)
    return x * lines.unit[rows, :1] + y * lines.unit[rows, 1:]


@cache
def _least_agreeing(share: float) -> Ints:
    """Return, for every number of samples, the smallest count that exceeds this share of it."""
    counts = np.arange(_MOST_SAMPLES + 1, dtype=np.float32)
    shares = counts / np.maximum(counts, 1)[:, None]
    return (shares <= np.float32(share)).sum(1)


# --------------------------------------------------------------------------------- people


@dataclass(eq=False)
class _Person:
    """A person that is being assembled.

    Attributes:
        peaks: index of the peak by part.
        score: sum of the scores of parts and links.
        count: OpenPose's count of parts, which may differ from the number of peaks.
    """

    peaks: dict[int, int]
    score: float
    count: int


def group(
    peaks: Peaks, links: Links, layout: Layout, thresholds: Thresholds, build: Build
) -> tuple[Floats, Floats]:
    """Join links to people.

    Args:
        peaks: the peaks of all parts.
        links: the links between them.
        layout: parts and limbs of the model.
        thresholds: which people are kept.
        build: the build of OpenPose whose procedure is used.

    Returns:
        People (P, parts, 3) as x, y in pixels and score, 0 if missing, and person scores (P,).
    """
    assemble = _all_limbs_together if build == "gpu" else _limb_after_limb
    people = _filtered(assemble(peaks, links, layout), layout, thresholds)
    keypoints = np.zeros((len(people), layout.parts, 3))
    for row, person in zip(keypoints, people, strict=True):
        row[list(person.peaks)] = peaks.xys[list(person.peaks.values())]
    most = layout.parts + len(layout.limbs)
    return keypoints, np.array([person.score / most for person in people], np.float64)


def _filtered(people: list[_Person], layout: Layout, thresholds: Thresholds) -> list[_Person]:
    """Keep people with enough parts and score. If none are left, count the feet, too."""
    feet = set(layout.feet) if thresholds.skip_feet else set[int]()
    kept = [p for p in people if _is_enough(p, feet, thresholds)]
    return kept or [p for p in people if _is_enough(p, set(), thresholds)]


def _is_enough(person: _Person, feet: set[int], thresholds: Thresholds) -> bool:
    on_feet = len(feet & set(person.peaks))
    count = person.count - on_feet
    if on_feet and count <= 4:
        return False
    return count >= thresholds.parts and person.score / count >= thresholds.score


def _all_limbs_together(peaks: Peaks, links: Links, layout: Layout) -> list[_Person]:
    """Assemble people as the GPU build does: the best links of all limbs first."""
    part_scores = peaks.xys[:, 2]
    ends = np.float32(0.1) * part_scores[links.a] + np.float32(0.1) * part_scores[links.b]
    best_last = np.lexsort((links.b, links.a, links.limb, links.score, links.score + ends))
    people: list[_Person] = []
    owners: dict[int, _Person] = {}
    for link in best_last[::-1]:
        pair = layout.limbs[links.limb[link]]
        peak = int(links.a[link]), int(links.b[link])
        _join(people, owners, dict(zip(pair, peak, strict=True)), float(links.score[link]), peaks)
    return people


def _join(
    people: list[_Person],
    owners: dict[int, _Person],
    ends: dict[int, int],
    score: float,
    peaks: Peaks,
) -> None:
    """Add one link (peaks by part): it creates, extends or merges people, or adds its score."""
    found = sorted((owners[p] for p in ends.values() if p in owners), key=people.index)
    free = {part: peak for part, peak in ends.items() if peak not in owners}
    if free:
        found.append(_Person(free, float(peaks.xys[list(free.values()), 2].sum()), len(free)))
    first, *others = found
    if others and others[0] is not first:
        if set(first.peaks) & set(others[0].peaks):
            return
        _absorb(first, others[0], owners)
        people[:] = [person for person in people if person is not others[0]]
    elif not others:
        people.append(first)
        owners.update(dict.fromkeys(free.values(), first))
    first.score += score


def _absorb(person: _Person, other: _Person, owners: dict[int, _Person]) -> None:
    person.peaks.update(other.peaks)
    person.score += other.score
    person.count += other.count
    owners.update(dict.fromkeys(other.peaks.values(), person))


def _limb_after_limb(peaks: Peaks, links: Links, layout: Layout) -> list[_Person]:
    """Assemble people as the CPU build does: limb by limb, each matched greedily."""
    people: list[_Person] = []
    for limb, (a, b) in enumerate(layout.limbs):
        sides = peaks.of(a), peaks.of(b)
        if len(sides[0]) == 0 or len(sides[1]) == 0:
            part = a if len(sides[0]) else b
            _add_single_parts(people, part, np.concatenate(sides), peaks)
            continue
        for peak_a, peak_b, score in _matches(links, limb):
            if limb in layout.ears:
                _fill_missing(people, {a: peak_a, b: peak_b})
                continue
            owner = None
            if limb > 0:
                owner = next((p for p in people if p.peaks.get(a) == peak_a), None)
            if owner is None:
                owner = _Person({a: peak_a}, float(peaks.xys[peak_a, 2]), 1)
                people.append(owner)
            owner.peaks[b] = peak_b
            owner.count += 1
            owner.score += float(peaks.xys[peak_b, 2]) + score
    return people


def _add_single_parts(people: list[_Person], part: int, found: Ints, peaks: Peaks) -> None:
    """Make people of one part from the peaks of a limb whose other part was not found."""
    owned = {p.peaks.get(part) for p in people}
    people += [
        _Person({part: peak}, float(peaks.xys[peak, 2]), 1)
        for peak in map(int, found)
        if peak not in owned
    ]


def _matches(links: Links, limb: int) -> Iterator[tuple[int, int, float]]:
    """Yield the links (a, b, score) of a limb, best first, with each peak at most once."""
    rows = np.flatnonzero(links.limb == limb)
    order = np.lexsort((links.b[rows], links.a[rows], links.score[rows]))[::-1]
    taken: set[int] = set()
    for row in rows[order]:
        pair = int(links.a[row]), int(links.b[row])
        if not taken & set(pair):
            taken |= set(pair)
            yield *pair, float(links.score[row])


def _fill_missing(people: list[_Person], ends: dict[int, int]) -> None:
    """Add the other end of a limb to people with one end; count and score do not change."""
    for person in people:
        owned = [part for part, peak in ends.items() if person.peaks.get(part) == peak]
        if len(owned) == 1:
            person.peaks = {**ends, **person.peaks}
