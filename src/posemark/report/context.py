"""What a set of rows has in common, and what it mixes: the words around charts and tables."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from posemark.report import figures
from posemark.report.figures import counted, flaws, people_per_frame, span
from posemark.report.rows import Row


@dataclass(frozen=True)
class Coverage:
    """How many rows have an AP of this run, a published one only, or none at all."""

    measured: int
    published: int
    without: int


def coverage(rows: list[Row]) -> Coverage:
    """Count the rows by where their AP comes from."""
    unmeasured = [row for row in rows if figures.measured_ap(row) is None]
    published = sum(row.ap_published is not None for row in unmeasured)
    return Coverage(len(rows) - len(unmeasured), published, len(unmeasured) - published)


def headline(rows: list[Row]) -> str:
    """A chart title that claims "the same run" only where that is so."""
    have = coverage(rows)
    if have.measured and not have.published:
        return "Accuracy and speed of the same run"
    if have.published and not have.measured:
        return "Speed measured here, accuracy as published"
    return "Accuracy and speed of 2D human pose models"


def sentence(rows: list[Row]) -> str:
    """One sentence: what is shown and where its figures come from."""
    have = coverage(rows)
    parts = [
        (have.measured, "measured in the very same run for {}"),
        (have.published, "taken from publications for {}"),
        (have.without, "not known for {}"),
    ]
    sources = ", ".join(text.format(number) for number, text in parts if number)
    shown = counted(len(rows), "entry", "entries")
    return f"Speed (FPS) and accuracy (AP) of {shown}: the speed is measured; the AP is {sources}."


def settings(rows: list[Row]) -> list[str]:
    """Two lines at most: the machine, and what ran on it."""
    people = [each for row in rows if (each := people_per_frame(row)) is not None]
    machine = [*distinct(row.machine for row in rows), _threads(rows)]
    run = [
        *distinct(f"{row.runtime} {row.precision}".strip() for row in rows),
        *distinct(row.data for row in rows),
        _frames(rows),
        f"{span(people)} people a frame" if people else "",
    ]
    return [line for line in (_line(machine), _line(run)) if line]


def warnings(rows: list[Row]) -> list[str]:
    """Sentences on figures that stand together here but cannot be compared."""
    mixed = [
        sentence for field, sentence in _MUST_AGREE if len({str(field(row)) for row in rows}) > 1
    ]
    broken = [f"{row.entry}: {', '.join(flaws(row))}." for row in rows if flaws(row)]
    return mixed + broken


_MUST_AGREE: tuple[tuple[Callable[[Row], object], str], ...] = (
    (lambda row: row.machine, "Rows of several machines: compare speeds within one only."),
    (lambda row: row.threads, "Rows of several thread counts: speeds differ for that alone."),
    (lambda row: row.data, "Rows of several data sets: people per frame differ, and so does AP."),
    (lambda row: row.flip, "Rows with and without flip test: it about doubles the inference time."),
)


def published_settings(rows: list[Row]) -> str:
    """The settings of the published AP of these rows; "" where there is none."""
    published = [row.ap_published for row in rows if row.ap_published is not None]
    return " | ".join(distinct(figures.published_settings(each) for each in published))


def published_caption(rows: list[Row]) -> str:
    """The footnote of every published AP in a table; "" where there is none."""
    used = published_settings(rows)
    return f"{figures.PUBLISHED_MARK} published, not measured here ({used})" if used else ""


def unplotted(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows that no AP-FPS chart can show, by the reason why."""
    no_ap = [row for row in rows if figures.measured_ap(row) is None and not row.ap_published]
    no_time = [row for row in rows if row not in no_ap and not row.fps_pose]
    reasons = {"no AP measured or published": no_ap, "no time measured": no_time}
    return {reason: found for reason, found in reasons.items() if found}


def plotted(rows: list[Row]) -> list[Row]:
    """The rows that an AP-FPS chart shows."""
    left_out = [row for found in unplotted(rows).values() for row in found]
    return [row for row in rows if row not in left_out]


def by_approach(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows by approach where there are several; top-down first, as in the blog post."""
    approaches = sorted({row.approach for row in rows}, reverse=True)
    if len(approaches) < 2:
        return {}
    return {name: [row for row in rows if row.approach == name] for name in approaches}


def named(row: Row) -> str:
    """The letter, where there is one, and the entry."""
    return f"{row.letter} {row.entry}" if row.letter else row.entry


def distinct(values: Iterable[str]) -> list[str]:
    """The different non-empty values in order of appearance."""
    return [value for value in dict.fromkeys(values) if value]


def _threads(rows: list[Row]) -> str:
    counts = distinct(str(row.threads) for row in rows if row.threads)
    return f"{' / '.join(counts)} thread{'' if counts == ['1'] else 's'}" if counts else ""


def _frames(rows: list[Row]) -> str:
    """One count, or the span that a time budget leaves."""
    counts = [row.frames for row in rows]
    if len(set(counts)) == 1:
        return counted(counts[0], "frame")
    return f"{span(counts, '{:,}'.format)} frames an entry" if counts else ""


def _line(parts: list[str]) -> str:
    return " · ".join(part for part in parts if part)
