"""Recommendation: which entries fit the wishes for an app, which do not, and why.

The rules follow in their order. The page's script applies the same rules to the fields of
page_data.

1. Only the largest group of comparable rows is judged (report/comparable.py). Every other row is
   excluded as "comparable", and no further rule is applied to it.
2. AP is either measured or published, never mixed. Where any row of the group has an AP of its own
   run, measured APs count, and only over the images and sigmas that most of these rows share; a
   row without such an AP has no AP. Where no row has one, published APs count for all rows.
3. FPS is 1000 / (base + slope x people), or the run's own pose FPS without a wish for people. Its
   interval is that of the line; without a wish for people it is that of the run, widened to
   include that of the line at the mean people of all frames of its network on its boxes.
4. Each wish is checked separately, and a row is excluded under every wish that it breaks:
     fps      FPS unknown, or below min_fps
     ap       AP unknown, or more than max_ap_loss points below the best AP of the group, whichever
              other wishes that best row breaks. Annotated boxes raise AP, so rows on them and rows
              on boxes that an app can have are each compared with their own best row.
     licence  commercial use wanted, and the licence is not permissive
     memory   a maximum wanted, and memory unknown or above it
   An unknown FPS or AP excludes even without a wish, since the row could not be ranked.
5. A wish is undecided, and does not exclude, where noise could change its outcome:
     fps      if speed is wanted: fewer than five blocks or ten frames, a verdict that is neither
              valid nor noisy, or min_fps within the interval. A noisy row is decided if its whole
              interval is on one side of min_fps; without an interval it is undecided.
     ap       if a maximal loss is wanted and AP is measured: max_ap_loss within the interval of
              the difference to the best row, paired over the images (score/ap_bootstrap.py), or no
              such interval because of too few images. The best row itself is decided, as it was
              measured best. Published APs have no interval and are taken as they are.
6. Rows whose speed is not valid, and rows on annotated boxes, are in lists of their own. Within a
   list, one row beats another if it is at least as good in AP and in FPS, and better in one, both
   as measured, whatever the intervals. The shortlist has the rows that no other row beats. The
   other rows that fit are marked with the first row of the shortlist that beats them.
7. Order: rows whose speed is not valid come last, and within each part those on annotated boxes;
   then by falling AP, by falling FPS, and as given.
8. The cost of a wish: the rows that the shortlist would gain without this one wish.
9. Where no row fits: for each wish, the best value among the rows that break no other wish, else
   among all rows. For speed and accuracy, only rows without an undecided wish are named, for speed
   only those with a valid one; where there is no such row, nothing is decided yet. Where rows break
   min_fps, the answer also states the measured settings and the largest gain of another setting
   (report/faster_settings.py).

The rows are found in candidates.py (1, 2) and judged in rules.py (3 to 5); reasons.py has the
words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from posemark.report import common_settings, faster_settings, formats, licences, missing_evidence
from posemark.report.common_images import sentences
from posemark.report.recommend import reasons
from posemark.report.recommend.candidates import MEASURED, Candidate, best_of, candidates, loss
from posemark.report.recommend.rules import judge, own_bounds
from posemark.report.recommend.wishes import (
    AP,
    COMPARABLE,
    FPS,
    LICENCE,
    MEMORY,
    Judged,
    Wishes,
    less,
)
from posemark.report.result_row import Row

__all__ = ["AP", "COMPARABLE", "FPS", "LICENCE", "MEMORY", "Answer", "Wishes", "recommend"]


@dataclass(frozen=True)
class Choice:
    """A row that fits.

    Attributes:
        name: unique name of the row.
        ap: 0..1.
        fps: pose FPS with the wished number of people.
        reasons: phrases that say why it fits.
        beaten_by: name of the first row of the shortlist that beats it; "" in the shortlist.
        on_truth: whether it ran on annotated boxes, which an app does not have.
        speed_valid: whether the verdict on its speed is "valid".
    """

    name: str
    ap: float
    fps: float
    reasons: tuple[str, ...]
    beaten_by: str = ""
    on_truth: bool = False
    speed_valid: bool = True


@dataclass(frozen=True)
class Exclusion:
    """A row that does not fit, under one wish that it breaks.

    Attributes:
        name: unique name of the row.
        constraint: comparable, fps, ap, licence or memory.
        why: the reason in words.
    """

    name: str
    constraint: str
    why: str


@dataclass(frozen=True)
class Undecided:
    """A row that breaks no wish, under one wish that is undecided.

    Attributes:
        name: unique name of the row.
        constraint: fps or ap.
        why: the reason in words.
        command: the command whose measurement would decide it.
    """

    name: str
    constraint: str
    why: str
    command: str


@dataclass(frozen=True)
class Answer:
    """The answer to a set of wishes.

    Attributes:
        shortlist: rows that fit and that no other row beats, best first.
        beaten: the other rows that fit.
        excluded: rows that do not fit, once for every wish that they break.
        gains: by wish, the names of the rows that the shortlist would gain without it.
        nearest: by wish, the row that comes nearest where no row fits, in words.
        notes: sentences on the whole answer.
        undecided: rows that break no wish, once for every wish that is undecided.
        faster: where FPS is wanted and no row fits, sentences on the measured settings and on
            those that ran faster here.
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
        """All rows that fit, in the order of rule 7."""
        found = (*self.shortlist, *self.beaten)
        return tuple(sorted(found, key=_place))

    @property
    def lists(self) -> dict[str, list[Choice]]:
        """The same rows by the heading of their list."""
        found: dict[str, list[Choice]] = {}
        for each in self.fitting:
            found.setdefault(reasons.heading(each.speed_valid, each.on_truth), []).append(each)
        return found


def _place(each: Choice) -> tuple[bool, bool, float, float]:
    return not each.speed_valid, each.on_truth, -each.ap, -each.fps


def recommend(rows: list[Row], wishes: Wishes) -> Answer:
    """Answer which of the rows fit the wishes, by the rules in the module's docstring."""
    field = candidates(rows)
    judged = judge(field, wishes)
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
        undecided=tuple(_undecided(judged, wishes)),
        gains={name: _gained(field, shortlist, fewer) for name, fewer in less(wishes).items()},
        nearest={} if shortlist else _nearest(judged, wishes),
        notes=tuple(_notes(field, wishes)),
        faster=_faster(field) if not shortlist and _too_slow(judged) else (),
    )


def page_data(rows: list[Row]) -> list[dict[str, object]]:
    """Return what the rules need of each row, in plain values, for the page's script.

    Returns:
        One dict per row. Among its values: ap in 0..1; loss, the ends of the interval of AP points
        below the best; runs, the commands for more images of the row and of the best; base and
        slope in ms; memory in bytes; licence, a kind of report/licences.py.
    """
    field = candidates(rows)
    return [_plain(each, best_of(field, each)) for each in field]


def page_notes(rows: list[Row]) -> list[str]:
    """Return sentences on the APs that the page's answer rests on; empty without rows."""
    return _ap_notes(candidates(rows)) if rows else []


def _plain(each: Candidate, best: Candidate) -> dict[str, object]:
    row, lost = each.row, loss(best, each)
    return {
        "entry": each.name,
        "not_comparable": each.not_comparable,
        "ap": each.ap,
        "ap_source": each.ap_source,
        "ap_why": each.ap_why,
        "loss": None if lost.low is None else [lost.low, lost.high],
        "fps": row.fps_pose,
        "base": row.intercept_ms,
        "slope": row.ms_per_person,
        "most_people": row.most_people,
        "spread": row.line_spread and [*row.line_spread],
        "fps_interval": _finite(own_bounds(row)),
        "unsure": missing_evidence.unsure(row),
        "noise": missing_evidence.noise(row),
        "command": missing_evidence.command(row),
        "runs": [missing_evidence.going_on(row), missing_evidence.going_on(best.row)],
        "images": row.compared.images if row.compared else 0,
        "on_truth": each.on_truth,
        "doubted": each.doubted,
        "licence": each.licence.kind,
        "licence_why": each.licence.why,
        "memory": row.peak_memory,
        "cautions": each.cautions,
    }


def _finite(ends: tuple[float, float] | None) -> list[float | None] | None:
    """The ends with None for infinity, which JSON does not have."""
    return ends and [end if isfinite(end) else None for end in ends]


def _undecided(judged: Sequence[Judged], wishes: Wishes) -> Iterator[Undecided]:
    for each in judged:
        for constraint, why in each.open.items() if each.undecided else ():
            command = (
                _accuracy_command(each, wishes)
                if constraint == AP
                else missing_evidence.command(each.candidate.row)
            )
            yield Undecided(each.candidate.name, constraint, why, command)


def _accuracy_command(each: Judged, wishes: Wishes) -> str:
    lost, row, best = each.lost, each.candidate.row, each.best.row
    ends = None if lost.low is None or lost.high is None else (lost.low, lost.high)
    images = missing_evidence.images_for(row, lost.points, ends, wishes.max_ap_loss or 0.0)
    return missing_evidence.accuracy_command(row, best, images)


def _ranked(judged: Sequence[Judged]) -> list[Judged]:
    """The rows that fit, in the order of rule 7."""
    by_worth = sorted((each for each in judged if each.fits), key=_worth, reverse=True)
    return sorted(by_worth, key=lambda each: each.place)


def _worth(each: Judged) -> tuple[float, float]:
    return each.worth


def _shortlist(judged: Sequence[Judged]) -> list[Judged]:
    """The rows that fit and that no other row beats, in the order of rule 7."""
    fits = _ranked(judged)
    return [each for each in fits if not any(other.beats(each) for other in fits)]


def _choice(each: Judged, shortlist: Sequence[Judged], wishes: Wishes) -> Choice:
    candidate = each.candidate
    winner = next((other for other in shortlist if other.beats(each)), None)
    offers = reasons.offers(each, wishes)
    asked = [offers[name] for name in offers if name in (AP, FPS, *less(wishes))]
    beaten = (reasons.beaten(each, winner),) if winner else ()
    phrases = (*beaten, *asked, *candidate.cautions)
    by = winner.candidate.name if winner else ""
    valid = not candidate.doubted
    return Choice(candidate.name, *each.worth, phrases, by, candidate.on_truth, valid)


def _gained(
    field: Sequence[Candidate], shortlist: Sequence[Judged], fewer: Wishes
) -> tuple[str, ...]:
    have = [each.candidate for each in shortlist]
    relaxed = [each.candidate for each in _shortlist(judge(field, fewer))]
    return tuple(each.name for each in relaxed if each not in have)


def _nearest(judged: Sequence[Judged], wishes: Wishes) -> dict[str, str]:
    """The nearest row of rule 9, for every wish for which a value is known."""
    group = [each for each in judged if COMPARABLE not in each.broken]
    found: dict[str, str] = {}
    for name in less(wishes):
        decided = [each for each in group if _decided(name, each)]
        if group and not decided:
            found[name] = reasons.NOTHING_DECIDED
        offered = [each for each in decided if set(each.broken) == {name}] or decided
        known = [(value, each) for each in offered if (value := _value(name, each)) is not None]
        if known:
            nearest = max(known, key=lambda pair: pair[0])[1]
            found[name] = f"{nearest.candidate.name}: {reasons.offers(nearest, wishes)[name]}"
    return found


def _decided(name: str, each: Judged) -> bool:
    """Whether a row may be named as nearest to a wish; licence and memory are never noisy."""
    return {
        FPS: not each.open and _sound(each.candidate.row),
        AP: not each.open,
    }.get(name, True)


def _sound(row: Row) -> bool:
    """Whether its speed is valid and rests on enough blocks and frames."""
    return not (missing_evidence.unsure(row) or missing_evidence.noise(row))


def _value(name: str, each: Judged) -> float | None:
    """The value of a row under a wish, larger is better; None where it is unknown."""
    memory = each.candidate.row.peak_memory
    return {
        FPS: each.fps,
        AP: each.candidate.ap,
        LICENCE: float(licences.LEAST_FREE_FIRST.index(each.candidate.licence.kind)),
        MEMORY: None if memory is None else -float(memory),
    }[name]


def _too_slow(judged: Sequence[Judged]) -> bool:
    return any(FPS in each.broken or FPS in each.open for each in judged)


def _faster(field: Sequence[Candidate]) -> tuple[str, ...]:
    group = [each.row for each in field if not each.not_comparable]
    return faster_settings.sentences(group, [row for row in group if _sound(row)])


def _notes(field: Sequence[Candidate], wishes: Wishes) -> list[str]:
    group = [each.row for each in field if not each.not_comparable]
    people = [each for row in group if (each := formats.people_per_frame(row)) is not None]
    notes = _ap_notes(field)
    if wishes.people is None and people:
        own = formats.span(people)
        notes.append(f"FPS is with the people of these frames, {own} on average; see --people.")
    return notes


def _ap_notes(field: Sequence[Candidate]) -> list[str]:
    group = [each.row for each in field if not each.not_comparable]
    if not group:
        return ["No result here can be compared with another, so none can be recommended."]
    known = [each for each in field if each.ap is not None and not each.not_comparable]
    bests = [each for each in known if best_of(known, each) is each]
    bests.sort(key=lambda each: each.on_truth)
    named = (f"{formats.points(each.ap)} ({each.name})" for each in bests)
    best = f"The best AP is {', on ground-truth boxes '.join(named)}." if bests else ""
    return [note for note in (_ap_note(field[0].ap_source, group), best) if note]


def _ap_note(source: str, group: list[Row]) -> str:
    if source == MEASURED:
        return " ".join(["AP and speed are of the very same runs.", *sentences(group)])
    settings = common_settings.short_published_settings(group) or "none known"
    flips = " / ".join(common_settings.distinct(formats.flip(row.flip) for row in group))
    return (
        f"No AP was measured here, so APs are as published ({settings}); the speed was measured "
        f"here ({flips})."
    )
