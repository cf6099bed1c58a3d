"""A table of measured against published AP, with the reasons where they cannot be compared."""

from dataclasses import dataclass

from rich.console import Group
from rich.table import Table
from rich.text import Text

from posemark.report import common_settings, expected_ap, formats, label_placement
from posemark.report.result_row import Published, Row

TITLES = ("entry", "published", "measured at", "got", "difference", "verdict", "why")
NUMERIC = ("published", "got", "difference")
CAPTION = (
    "AP in points; published ones are on COCO val2017. Within tolerance: at most "
    f"{expected_ap.TOLERANCE} points off. "
    "A difference is given only where boxes or scales, flip test and images are those of the "
    "published figure."
)
_NOTHING = "nothing published"


@dataclass(frozen=True)
class Comparison:
    """A row of the table, as text.

    Attributes:
        entry: name of the entry, with its letter.
        short: shorter name, for use below the table of results.
        published: published AP in points.
        brief: settings of the published figure in short.
        settings: the same settings in full, with the source.
        got: measured AP in points.
        difference: measured less published AP in points.
        verdict: kind of Reproduction, or that no AP is published.
        why: what prevents the comparison, the most serious reason first.
    """

    entry: str
    short: str
    published: str
    brief: str
    settings: str
    got: str
    difference: str
    verdict: str
    why: tuple[str, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of the row, in the order of TITLES."""
        first = (self.entry, self.published, self.settings, self.got, self.difference)
        return (*first, self.verdict, "; ".join(self.why))


def comparisons(rows: list[Row]) -> list[Comparison]:
    """Compare every row that has a measured AP with its published AP, in the order given."""
    named = zip(rows, label_placement.short_names(rows), strict=True)
    return [_comparison(row, name) for row, name in named if formats.measured_ap(row) is not None]


def _comparison(row: Row, name: str) -> Comparison:
    got, published, found = formats.measured_ap(row), row.ap_published, row.reproduction
    difference = formats.DASH
    if published and got is not None and found and not found.why:
        difference = f"{100 * (got - published.AP):+.1f}"
    return Comparison(
        entry=f"{row.letter} {name}" if row.letter else name,
        short=f"{row.letter} {row.model}" if row.letter else name,
        published=formats.points(published.AP if published else None),
        brief=expected_ap.in_brief(published.boxes, published.flip) if published else formats.DASH,
        settings=_settings(published) if published else formats.DASH,
        got=formats.points(got),
        difference=difference,
        verdict=found.kind if found else _NOTHING,
        why=found.why if found else (),
    )


def _settings(published: Published) -> str:
    return f"{formats.published_settings(published)}; {published.source}"


def console(rows: list[Row]) -> Group | None:
    """Return the table for a terminal with reasons below it; None where no AP was measured."""
    found = comparisons(rows)
    if not found:
        return None
    table = Table(
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        header_style="bold",
        title="measured against published AP",
        title_justify="left",
    )
    for title in TITLES[:-1]:
        justify = "right" if title in NUMERIC else "left"
        heading = title.replace("difference", "diff.")
        table.add_column(heading, justify=justify, overflow="fold", no_wrap=title != "entry")
    for each in found:
        cells = (each.short, each.published, each.brief, each.got, each.difference, each.verdict)
        table.add_row(*map(Text, cells))
    return Group(table, *(Text(note, style="dim") for note in (*_reasons(found), CAPTION)))


def _reasons(found: list[Comparison]) -> list[str]:
    """One sentence per reason, with the entries that it applies to."""
    by_reason: dict[str, list[str]] = {}
    for each in found:
        for why in each.why:
            by_reason.setdefault(why, []).append(each.short)
    return [
        f"Not comparable, {why.replace('it is', 'the published AP is', 1)}: "
        f"{_names(names, len(found))}."
        for why, names in by_reason.items()
    ]


def _names(names: list[str], all_of_them: int) -> str:
    """Letters of these entries, or names where they have none; "all" where it is every entry."""
    if len(names) == all_of_them > 1:
        return "all"
    short = [name.split()[0] if len(name.split()[0]) == 1 else name for name in names]
    return common_settings.few(short)
