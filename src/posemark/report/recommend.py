"""Which entries fit the wishes for an app, which do not, and why.

The rules, in this order (the page's script follows the same ones on the fields of page_data):

1. Only the largest group of comparable rows is judged (report/comparable.py); every other row is
   excluded as "comparable" and nothing else is asked of it.
2. AP is measured or published, never both. Where any row of the group has an AP of its own run,
   that is what counts, and only over the images and sigmas that most of them share; a row without
   one has no AP. Where none has, published APs count for all.
3. FPS is 1000 / (base + slope x people), or the run's own pose FPS without a wish for people. Its
   interval is that of the line; without a wish for people that of the run, widened to hold that
   of the line at the mean people of all frames of its network on its boxes.
4. Each wish is checked on its own, and a row is excluded under every one that it breaks:
     fps      FPS unknown, or below min_fps
     ap       AP unknown, or more than max_ap_loss points below the best AP of the group, whatever
              else that best row breaks. Annotated boxes flatter AP: rows on them and rows on
              boxes that an app can have are each held against their own best.
     licence  commercial wanted, and not permissive
     memory   a maximum wanted, and memory unknown or above it
   Where FPS is asked for, a row is undecided, not excluded under fps, if it has fewer than five
   blocks or ten frames, if its verdict is not valid, or if min_fps lies within its interval.
   An unknown FPS or AP excludes even without a wish, since nothing could be ranked by it.
5. Of the rows that fit, one beats another if both or neither have annotated boxes, it is at least
   as good in AP and in FPS, and better in one. The shortlist is what nobody beats; the others
   that fit are marked, each with the first of the shortlist that beats it.
6. Rows on annotated boxes come last; otherwise AP falling, then FPS falling, then order as given.
7. What a wish costs: the shortlist again without that one wish; the rows that it gains.
8. Where nothing fits: by wish, the best value among the rows that break no other, else among all;
   and what the rows ran on, with the largest gain of another setting (report/faster.py).
"""

import operator
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Any

from posemark.measure.fit import Line
from posemark.measure.shared import fps_interval
from posemark.report import comparable, context, entries, faster, figures, licences
from posemark.report.evidence import command, missing
from posemark.report.rows import Row

SLACK = 1e-9
"""AP points by which binary fractions may miss a wish: 76.4 - 74.4 is 2, no more."""

COMPARABLE, FPS, AP, LICENCE, MEMORY = "comparable", "fps", "ap", "licence", "memory"


@dataclass(frozen=True)
class Wishes:
    """What an app needs; None: no wish.

    min_fps: pose FPS, with `people` in the frame. max_ap_loss: AP points (0..100) below the best.
    commercial: code and weights must allow it. max_memory: bytes.
    """

    min_fps: float | None = None
    people: int | None = None
    max_ap_loss: float | None = None
    commercial: bool = False
    max_memory: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A row, and what the decision needs to know of it whatever the wishes.

    name: its own among all rows. stranger: why it is not in the group that is judged; "" if it
    is. ap_source: measured or published. ap: 0..1; None for the reason ap_why.
    """

    row: Row
    name: str
    stranger: str
    ap_source: str
    ap: float | None
    ap_why: str
    licence: licences.Licence

    @property
    def cautions(self) -> list[str]:
        """What must be said beside it if it fits."""
        verdict = self.row.verdict
        found = [
            (_on_truth(self), "ground-truth boxes: an app needs a detector on top"),
            (verdict.kind != "valid", ": ".join((verdict.kind, *verdict.evidence[:1]))),
        ]
        return [text for applies, text in found if applies]


@dataclass(frozen=True)
class Choice:
    """A row that fits. ap: 0..1. fps: as wished. reasons: phrases. beaten_by: a name, or "".

    on_truth: measured on annotated boxes, which an app does not have.
    """

    name: str
    ap: float
    fps: float
    reasons: tuple[str, ...]
    beaten_by: str = ""
    on_truth: bool = False


@dataclass(frozen=True)
class Exclusion:
    """A row that does not fit. constraint: comparable, fps, ap, licence or memory."""

    name: str
    constraint: str
    why: str


@dataclass(frozen=True)
class Undecided:
    """A row whose speed decides nothing yet. command: what would decide it."""

    name: str
    why: str
    command: str


@dataclass(frozen=True)
class Answer:
    """shortlist: what nobody beats, best first. beaten: what fits besides.

    excluded: once for every constraint that a row breaks. gains: by wish, the names that the
    shortlist would gain without it. nearest: by wish, what comes nearest, where nothing fits.
    notes: sentences on all of it. undecided: what breaks no wish, and might break that for FPS.
    faster: where FPS is asked for and nothing fits, sentences on what was measured and what ran
    faster here.
    """

    shortlist: tuple[Choice, ...]
    beaten: tuple[Choice, ...]
    excluded: tuple[Exclusion, ...]
    gains: dict[str, tuple[str, ...]]
    nearest: dict[str, str]
    notes: tuple[str, ...]
    undecided: tuple[Undecided, ...] = ()
    faster: tuple[str, ...] = ()

    @property
    def fitting(self) -> tuple[Choice, ...]:
        """All that fits in the order of rule 6."""
        found = (*self.shortlist, *self.beaten)
        return tuple(sorted(found, key=lambda each: (each.on_truth, -each.ap, -each.fps)))


@dataclass(frozen=True)
class _Judged:
    """A candidate under given wishes. lost: AP points. broken: why, by constraint.

    open: why its speed decides nothing; "" where it does.
    """

    candidate: Candidate
    fps: float | None
    lost: float
    broken: dict[str, str]
    open: str = ""


def recommend(rows: list[Row], wishes: Wishes) -> Answer:
    """The shortlist, what every wish excluded, and what each costs."""
    field = candidates(rows)
    judged = _judge(field, wishes)
    shortlist = _shortlist(judged)
    chosen = [_choice(each, shortlist, wishes) for each in _ranked(judged)]
    return Answer(
        shortlist=tuple(each for each in chosen if not each.beaten_by),
        beaten=tuple(each for each in chosen if each.beaten_by),
        excluded=tuple(
            Exclusion(each.candidate.name, constraint, why)
            for each in judged
            for constraint, why in each.broken.items()
        ),
        undecided=tuple(
            Undecided(each.candidate.name, each.open, command(each.candidate.row))
            for each in judged
            if each.open and not each.broken
        ),
        gains={name: _gained(field, shortlist, less) for name, less in _less(wishes).items()},
        nearest={} if shortlist else _nearest(judged, wishes),
        notes=tuple(_notes(field, wishes)),
        faster=() if shortlist or wishes.min_fps is None else _faster(field),
    )


def page_data(rows: list[Row]) -> list[dict[str, Any]]:
    """What the rules above need of each row, in plain values, for the page's own script.

    ap: 0..1. base, slope: ms. memory: bytes. licence: a kind of report/licences.py.
    """
    return [
        {
            "entry": each.name,
            "stranger": each.stranger,
            "ap": each.ap,
            "ap_source": each.ap_source,
            "ap_why": each.ap_why,
            "fps": each.row.fps_pose,
            "base": each.row.intercept_ms,
            "slope": each.row.ms_per_person,
            "most_people": each.row.most_people,
            "spread": each.row.line_spread and [*each.row.line_spread],
            "fps_interval": _finite(_own_bounds(each.row)),
            "unsure": unsure(each.row),
            "command": command(each.row),
            "on_truth": _on_truth(each),
            "licence": each.licence.kind,
            "licence_why": each.licence.why,
            "memory": each.row.peak_memory,
            "cautions": each.cautions,
        }
        for each in candidates(rows)
    ]


def _finite(ends: tuple[float, float] | None) -> list[float | None] | None:
    """For JSON, which has no infinity: null."""
    return ends and [end if isfinite(end) else None for end in ends]


def candidates(rows: list[Row]) -> list[Candidate]:
    """All rows in their order: rules 1 and 2."""
    groups = comparable.groups(rows)
    group = groups[0].rows if groups else []
    others, measured = comparable.other_images(group), map(figures.measured_ap, group)
    some = any(ap is not None for ap in measured)
    source, known = ("measured", _measured_ap) if some else ("published", _published_ap)
    return [
        Candidate(
            *(row, name, _stranger(row, groups), source, *known(row, others)),
            licences.of_row(row),
        )
        for row, name in zip(rows, entries.names(rows), strict=True)
    ]


def _stranger(row: Row, groups: list[comparable.Group]) -> str:
    if row.verdict.kind == "incomparable":
        return ": ".join(("incomparable", *row.verdict.evidence[:1]))
    own = next(group for group in groups if row in group.rows)
    return "" if own is groups[0] else f"measured under other conditions: {own.title}"


def _measured_ap(row: Row, others: list[Row]) -> tuple[float | None, str]:
    """The AP, or why there is none. others: rows scored on other images than most."""
    if row in others:
        return None, f"its AP is over other images or sigmas than most ({row.frames:,} images)"
    published = row.ap_published
    known = f" (published {figures.points(published.AP)})" if published else ""
    ap = figures.measured_ap(row)
    return ap, f"no AP measured here{known}" if ap is None else ""


def _published_ap(row: Row, _: list[Row]) -> tuple[float | None, str]:
    published = row.ap_published
    return (published.AP, "") if published else (None, "no AP measured or published for it")


def _judge(field: list[Candidate], wishes: Wishes) -> list[_Judged]:
    return [_judged(each, _best(field, each), wishes) for each in field]


def _best(field: list[Candidate], own: Candidate) -> Candidate:
    """The most accurate of the group that the candidate is held against; itself if none is."""
    known = [each for each in field if each.ap is not None and not each.stranger]
    peers = [each for each in known if _on_truth(each) == _on_truth(own)]
    return max(peers, key=lambda each: each.ap or 0.0, default=own)


def _on_truth(each: Candidate) -> bool:
    return figures.on_truth(each.row)


def _judged(each: Candidate, best: Candidate, wishes: Wishes) -> _Judged:
    row, lost = each.row, 100 * ((best.ap or 0.0) - (each.ap or 0.0))
    fps = row.fps_pose if wishes.people is None else figures.fps_at(row, wishes.people)
    judged = _Judged(each, fps, lost, {COMPARABLE: each.stranger})
    if each.stranger:
        return judged
    free = each.licence.kind == licences.PERMISSIVE or not wishes.commercial
    found = {
        FPS: _fps_breaks(judged, wishes),
        AP: _ap_breaks(judged, wishes),
        LICENCE: "" if free else each.licence.why,
        MEMORY: _memory_breaks(row.peak_memory, wishes),
    }
    open_why = _open(judged, wishes)
    if open_why:
        found[FPS] = ""
    return replace(judged, broken={name: why for name, why in found.items() if why}, open=open_why)


def _open(judged: _Judged, wishes: Wishes) -> str:
    """Why the wish for speed is undecided; "" where it is decided, or nobody asked for speed."""
    if wishes.min_fps is None:
        return ""
    row = judged.candidate.row
    low, high = _bounds(row, judged.fps, wishes.people)
    crosses = low is not None and low < wishes.min_fps <= high
    known = f"{_fps_words(judged, wishes)}, {figures.three_digits(low)} to "
    known += f"{figures.three_digits(high) if isfinite(high) else 'more'}: too close to "
    return unsure(row) or (f"{known}{wishes.min_fps:g}" if crosses else "")


def unsure(row: Row) -> str:
    """Why the speed of a row answers no question, whatever is asked; "" where it may."""
    wanted = missing(row)
    if not wanted and row.verdict.kind == "valid":
        return ""
    why = ": ".join((row.verdict.kind, *row.verdict.evidence[:1]))
    why = f"only {', '.join(wanted)}" if wanted else why
    contended = row.verdict.kind == "contended"
    return f"{why}; measure it again on an idle machine" if contended else why


def _bounds(row: Row, fps: float | None, people: int | None) -> tuple[float | None, float]:
    """The ends of the 95 % interval of FPS; None and infinity where none is known."""
    if fps is None:
        return None, inf
    if people is None:
        return _own_bounds(row) or (None, inf)
    if row.line_spread is None:
        return None, inf
    return fps_interval(Line(1000 / fps, 0.0), row.line_spread, people)


def _own_bounds(row: Row) -> tuple[float, float] | None:
    """The interval of FPS with the people of its frames, widened to hold that of its network.

    Else two entries of one network, measured on other frames of the data, could be told apart.
    """
    ends = [end for known in (row.fps_interval, row.shared_fps) if known for end in known]
    return (min(ends), max(ends)) if ends else None


def _fps_breaks(judged: _Judged, wishes: Wishes) -> str:
    if judged.fps is None:
        return "no time measured" if wishes.people is None else _NO_LINE
    if wishes.min_fps is None or judged.fps >= wishes.min_fps:
        return ""
    return f"{_fps_words(judged, wishes)}, wanted {wishes.min_fps:g}"


_NO_LINE = "its time over people is not known: too few frames, or as many people in all of them"


def _fps_words(judged: _Judged, wishes: Wishes) -> str:
    words, row = f"{figures.three_digits(judged.fps)} FPS", judged.candidate.row
    if wishes.people is None:
        return words
    beyond = f" (extrapolated: at most {row.most_people:,} in a frame of the run)"
    words += f" with {figures.counted(wishes.people, 'person', 'people')}"
    return words + (beyond if figures.extrapolated(row, wishes.people) else "")


def _ap_breaks(judged: _Judged, wishes: Wishes) -> str:
    if judged.candidate.ap is None:
        return judged.candidate.ap_why
    if wishes.max_ap_loss is None or judged.lost <= wishes.max_ap_loss + SLACK:
        return ""
    return f"{_ap_words(judged)}, wanted {wishes.max_ap_loss:g}"


def _ap_words(judged: _Judged) -> str:
    lost = f"{judged.lost:.1f} below the best" if judged.lost > 0 else "the best"
    return f"AP {figures.points(judged.candidate.ap)}, {lost}"


def _memory_breaks(memory: int | None, wishes: Wishes) -> str:
    if wishes.max_memory is None:
        return ""
    if memory is None:
        return "memory not measured, for want of a process of its own: run without --no-isolate"
    if memory <= wishes.max_memory:
        return ""
    return f"{figures.size_of(memory)}, wanted {figures.size_of(wishes.max_memory)}"


def _ranked(judged: list[_Judged]) -> list[_Judged]:
    """What fits, in the order of rule 6."""
    fits = (each for each in judged if not (each.broken or each.open))
    by_worth = sorted(fits, key=_worth, reverse=True)
    return sorted(by_worth, key=lambda each: _on_truth(each.candidate))


def _shortlist(judged: list[_Judged]) -> list[_Judged]:
    """What fits and nobody beats, ranked."""
    fits = _ranked(judged)
    return [each for each in fits if not any(_beats(other, each) for other in fits)]


def _worth(each: _Judged) -> tuple[float, float]:
    """AP and FPS of a row that fits, both of which are known."""
    return each.candidate.ap or 0.0, each.fps or 0.0


def _beats(one: _Judged, other: _Judged) -> bool:
    if _on_truth(one.candidate) != _on_truth(other.candidate):
        return False
    (ap, fps), (other_ap, other_fps) = _worth(one), _worth(other)
    return ap >= other_ap and fps >= other_fps and (ap > other_ap or fps > other_fps)


def _choice(each: _Judged, shortlist: list[_Judged], wishes: Wishes) -> Choice:
    candidate = each.candidate
    winner = next((other for other in shortlist if _beats(other, each)), None)
    words = _words(each, wishes)
    told = [words[name] for name in words if name in (AP, FPS, *_less(wishes))]
    beaten = (_beaten_words(each, winner),) if winner else ()
    reasons = (*beaten, *told, *candidate.cautions)
    by = winner.candidate.name if winner else ""
    return Choice(candidate.name, *_worth(each), reasons, by, _on_truth(candidate))


def _words(each: _Judged, wishes: Wishes) -> dict[str, str]:
    """What a row has to offer for every wish."""
    return {
        AP: _ap_words(each),
        FPS: _fps_words(each, wishes),
        LICENCE: each.candidate.licence.why,
        MEMORY: figures.size_of(each.candidate.row.peak_memory),
    }


def _beaten_words(each: _Judged, winner: _Judged) -> str:
    same_ap, same_fps = map(operator.eq, _worth(each), _worth(winner))
    how = "as accurate and faster" if same_ap else "better in both"
    how = "as fast and more accurate" if same_fps else how
    return f"also fits, but {winner.candidate.name} is {how}"


def _less(wishes: Wishes) -> dict[str, Wishes]:
    """The wishes less one, for every one that was made."""
    every = {
        FPS: replace(wishes, min_fps=None),
        AP: replace(wishes, max_ap_loss=None),
        LICENCE: replace(wishes, commercial=False),
        MEMORY: replace(wishes, max_memory=None),
    }
    return {name: less for name, less in every.items() if less != wishes}


def _gained(field: list[Candidate], shortlist: list[_Judged], less: Wishes) -> tuple[str, ...]:
    have = [each.candidate for each in shortlist]
    relaxed = [each.candidate for each in _shortlist(_judge(field, less))]
    return tuple(each.name for each in relaxed if each not in have)


def _nearest(judged: list[_Judged], wishes: Wishes) -> dict[str, str]:
    """Rule 8, for every wish of which any value is known."""
    group = [each for each in judged if COMPARABLE not in each.broken]
    found: dict[str, str] = {}
    for name in _less(wishes):
        offered = [each for each in group if set(each.broken) == {name}] or group
        known = [(value, each) for each in offered if (value := _value(name, each)) is not None]
        if known:
            nearest = max(known, key=lambda pair: pair[0])[1]
            found[name] = f"{nearest.candidate.name}: {_words(nearest, wishes)[name]}"
    return found


def _faster(field: list[Candidate]) -> tuple[str, ...]:
    group = [each.row for each in field if not each.stranger]
    return faster.sentences(group, [row for row in group if not unsure(row)])


def _value(name: str, each: _Judged) -> float | None:
    """What a wish asks of a row; more is better."""
    memory = each.candidate.row.peak_memory
    return {
        FPS: each.fps,
        AP: each.candidate.ap,
        LICENCE: float(licences.LEAST_FREE_FIRST.index(each.candidate.licence.kind)),
        MEMORY: None if memory is None else -float(memory),
    }[name]


def _notes(field: list[Candidate], wishes: Wishes) -> list[str]:
    group = [each.row for each in field if not each.stranger]
    if not group:
        return ["No result here can be compared with another, so none can be recommended."]
    known = [each for each in field if each.ap is not None and not each.stranger]
    bests = sorted((each for each in known if _best(known, each) is each), key=_on_truth)
    named = (f"{figures.points(each.ap)} ({each.name})" for each in bests)
    best = f"The best AP is {', on ground-truth boxes '.join(named)}." if bests else ""
    notes = [_ap_note(field[0].ap_source, group), best]
    people = [each for row in group if (each := figures.people_per_frame(row)) is not None]
    if wishes.people is None and people:
        own = figures.span(people)
        notes.append(f"FPS is with the people of these frames, {own} on average; see --people.")
    return [note for note in notes if note]


def _ap_note(source: str, group: list[Row]) -> str:
    if source == "measured":
        return "AP and speed are of the very same runs."
    settings = context.published_settings(group) or "none known"
    ours = " / ".join(context.distinct(figures.flip(row.flip) for row in group))
    return f"No AP was measured here: it is as published ({settings}); the speed is ours ({ours})."
