"""The rows that a recommendation judges, with the facts that do not depend on the wishes."""

from collections.abc import Sequence
from dataclasses import dataclass

from posemark.report import chart_marks, common_settings, comparable, formats, licences
from posemark.report.page import entries
from posemark.report.result_row import Row
from posemark.score.ap_bootstrap import difference_interval

MEASURED, PUBLISHED = "measured", "published"
"""Sources of the APs of all candidates."""


@dataclass(frozen=True)
class Candidate:
    """A row with the facts that do not depend on the wishes.

    Attributes:
        row: the row.
        name: its unique name among all rows.
        not_comparable: why it is not in the group that is judged; "" if it is.
        ap_source: measured or published.
        ap: 0..1; None for the reason in ap_why.
        ap_why: why there is no AP; "" where there is one.
        licence: what its licences allow.
    """

    row: Row
    name: str
    not_comparable: str
    ap_source: str
    ap: float | None
    ap_why: str
    licence: licences.Licence

    @property
    def on_truth(self) -> bool:
        """Whether it ran on annotated boxes."""
        return formats.on_truth(self.row)

    @property
    def doubted(self) -> bool:
        """Whether the verdict on its speed is not "valid"."""
        return not chart_marks.valid(self.row)

    @property
    def cautions(self) -> list[str]:
        """Warnings that are printed beside it if it fits."""
        verdict = self.row.verdict
        if not self.doubted:
            return []
        return [": ".join((verdict.kind, *verdict.evidence[:1]))]


@dataclass(frozen=True)
class Loss:
    """AP points below the best row, with their 95% interval.

    The interval is paired over the images, so that the effect of their choice on both rows cancels.

    Attributes:
        points: AP points, 0..100.
        low: lower end of the interval; None where unknown.
        high: upper end of the interval; None where unknown.
    """

    points: float
    low: float | None = None
    high: float | None = None


def candidates(rows: list[Row]) -> list[Candidate]:
    """Return a candidate for every row, in the order given: rules 1 and 2."""
    groups = [each for each in comparable.groups(rows) if not each.rows[0].overlapped]
    group = groups[0].rows if groups else []
    others, measured = comparable.other_images(group), map(formats.measured_ap, group)
    some = any(ap is not None for ap in measured)
    source, known = (MEASURED, _measured_ap) if some else (PUBLISHED, _published_ap)
    return [
        Candidate(
            *(row, name, _not_comparable(row, groups), source, *known(row, others)),
            licences.of_row(row),
        )
        for row, name in zip(rows, entries.names(rows), strict=True)
    ]


def _not_comparable(row: Row, groups: list[comparable.Group]) -> str:
    if row.verdict.kind == "incomparable":
        return ": ".join(("incomparable", *row.verdict.evidence[:1]))
    if not row.timed:
        return common_settings.UNTIMED
    if row.overlapped:
        return common_settings.OVERLAPPED
    own = next(group for group in groups if row in group.rows)
    return "" if own is groups[0] else f"measured under other conditions: {own.title}"


def _measured_ap(row: Row, others: list[Row]) -> tuple[float | None, str]:
    """The AP, or why there is none. others: rows whose AP is over other images than most APs."""
    if row in others:
        images = formats.counted(row.compared.images if row.compared else 0, "image")
        return None, f"its AP is over other images or sigmas than most ({images})"
    published = row.ap_published
    known = f" (published {formats.points(published.AP)})" if published else ""
    ap = row.compared.AP if row.compared else None
    return ap, f"no AP measured here{known}" if ap is None else ""


def _published_ap(row: Row, _: list[Row]) -> tuple[float | None, str]:
    published = row.ap_published
    return (published.AP, "") if published else (None, "no AP measured or published for it")


def best_of(field: Sequence[Candidate], own: Candidate) -> Candidate:
    """Return the most accurate row of the candidate's group on the same kind of boxes.

    It is the candidate itself where no row of the group has an AP.
    """
    known = [each for each in field if each.ap is not None and not each.not_comparable]
    peers = [each for each in known if each.on_truth == own.on_truth]
    return max(peers, key=lambda each: each.ap or 0.0, default=own)


def loss(best: Candidate, own: Candidate) -> Loss:
    """Return how far the AP of a candidate is below the best: rule 5."""
    points = 100 * ((best.ap or 0.0) - (own.ap or 0.0))
    if best is own or own.ap_source == PUBLISHED:
        return Loss(points, points, points)
    best_ap, own_ap = best.row.compared, own.row.compared
    ends = difference_interval(best_ap.draws, own_ap.draws) if best_ap and own_ap else None
    if ends is None or own.ap is None:
        return Loss(points)
    return Loss(points, min(points, 100 * ends[0]), max(points, 100 * ends[1]))
