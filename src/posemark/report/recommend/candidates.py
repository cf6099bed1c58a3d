"""The rows that a recommendation judges, and what it knows of each whatever the wishes."""

from collections.abc import Sequence
from dataclasses import dataclass

from posemark.report import chart_marks, comparable, formats, licences
from posemark.report.page import entries
from posemark.report.result_row import Row
from posemark.score.ap_bootstrap import difference_interval

MEASURED, PUBLISHED = "measured", "published"
"""Where the APs of all candidates are from."""


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
    def on_truth(self) -> bool:
        """Whether it was given the annotated boxes."""
        return formats.on_truth(self.row)

    @property
    def doubted(self) -> bool:
        """Whether the verdict on its speed is another than valid."""
        return not chart_marks.valid(self.row)

    @property
    def cautions(self) -> list[str]:
        """What must be said beside it if it fits."""
        verdict = self.row.verdict
        if not self.doubted:
            return []
        return [": ".join((verdict.kind, *verdict.evidence[:1]))]


@dataclass(frozen=True)
class Loss:
    """AP points below the best row. low, high: ends of the 95 % interval; None where unknown.

    The interval is paired over the images, so that what both owe to their choice cancels out.
    """

    points: float
    low: float | None = None
    high: float | None = None


def candidates(rows: list[Row]) -> list[Candidate]:
    """All rows in their order: rules 1 and 2."""
    groups = comparable.groups(rows)
    group = groups[0].rows if groups else []
    others, measured = comparable.other_images(group), map(formats.measured_ap, group)
    some = any(ap is not None for ap in measured)
    source, known = (MEASURED, _measured_ap) if some else (PUBLISHED, _published_ap)
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
    known = f" (published {formats.points(published.AP)})" if published else ""
    ap = row.compared.AP if row.compared else None
    return ap, f"no AP measured here{known}" if ap is None else ""


def _published_ap(row: Row, _: list[Row]) -> tuple[float | None, str]:
    published = row.ap_published
    return (published.AP, "") if published else (None, "no AP measured or published for it")


def best_of(field: Sequence[Candidate], own: Candidate) -> Candidate:
    """The most accurate of the group that the candidate is held against; itself if none is."""
    known = [each for each in field if each.ap is not None and not each.stranger]
    peers = [each for each in known if each.on_truth == own.on_truth]
    return max(peers, key=lambda each: each.ap or 0.0, default=own)


def loss(best: Candidate, own: Candidate) -> Loss:
    """How far the AP of a candidate is below the best: rule 5."""
    points = 100 * ((best.ap or 0.0) - (own.ap or 0.0))
    if best is own or own.ap_source == PUBLISHED:
        return Loss(points, points, points)
    theirs, ours = best.row.compared, own.row.compared
    ends = difference_interval(theirs.draws, ours.draws) if theirs and ours else None
    if ends is None or own.ap is None:
        return Loss(points)
    return Loss(points, min(points, 100 * ends[0]), max(points, 100 * ends[1]))
