"""Text around charts and tables: settings that rows share, and warnings about what they mix."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from posemark.report import common_images, comparable, formats
from posemark.report.formats import counted, flaws, people_per_frame, span
from posemark.report.result_row import Row


@dataclass(frozen=True)
class Coverage:
    """Numbers of rows by the source of their AP.

    Attributes:
        measured: rows with an AP of this run.
        published: rows with a published AP only.
        without: rows without any AP.
    """

    measured: int
    published: int
    without: int


def coverage(rows: list[Row]) -> Coverage:
    """Count the rows by the source of their AP."""
    unmeasured = [row for row in rows if formats.measured_ap(row) is None]
    published = sum(row.ap_published is not None for row in unmeasured)
    return Coverage(len(rows) - len(unmeasured), published, len(unmeasured) - published)


def headline(rows: list[Row]) -> str:
    """Return a chart title that says "the same run" only where that is true."""
    have = coverage(rows)
    if rows and not any(row.timed for row in rows):
        return "Accuracy of 2D human pose models"
    if have.measured and not have.published:
        return "Accuracy and speed of the same run"
    if have.published and not have.measured:
        return "Speed measured here, accuracy as published"
    return "Accuracy and speed of 2D human pose models"


def sentence(rows: list[Row]) -> str:
    """Return one sentence that says what is shown, and where the figures come from."""
    have = coverage(rows)
    parts = [
        (have.measured, "measured in the very same run for {}"),
        (have.published, "taken from publications for {}"),
        (have.without, "not known for {}"),
    ]
    sources = ", ".join(text.format(number) for number, text in parts if number)
    shown = counted(len(rows), "entry", "entries")
    timed = sum(row.timed for row in rows)
    if rows and not timed:
        return f"Accuracy (AP) of {shown}: the AP is {sources}."
    some = "" if timed == len(rows) else f" for {timed}"
    return (
        f"Speed (FPS) and accuracy (AP) of {shown}: the speed is measured{some}; the AP is "
        f"{sources}."
    )


def settings(rows: list[Row]) -> list[str]:
    """Return at most two lines: the machine, and the settings of the run."""
    people = [each for row in rows if (each := people_per_frame(row)) is not None]
    machine = [*distinct(row.machine for row in rows), _threads(rows)]
    run = [
        *distinct(f"{row.runtime} {row.precision}".strip() for row in rows),
        *distinct(row.data for row in rows),
        _frames(rows),
        f"{span(people)} people per frame" if people else "",
    ]
    return [line for line in (_line(machine), _line(run)) if line]


def warnings(rows: list[Row]) -> list[str]:
    """Return sentences on figures that cannot be compared with each other, or not be relied on."""
    flips = len({row.flip for row in rows}) > 1
    mixed = [*comparable.reasons(rows), *common_images.sentences(rows)]
    mixed += [_FLIPS] if flips else []
    broken = [f"{row.entry}: {', '.join(flaws(row))}." for row in rows if flaws(row)]
    return [*mixed, *_doubtful(rows), *broken]


_FLIPS = "Rows with and without flip test: it about doubles the inference time."


def _doubtful(rows: list[Row]) -> Iterable[str]:
    """One sentence per verdict other than "valid", with the rows that have it."""
    for kind, meaning in formats.VERDICTS.items():
        names = distinct(row.letter or row.entry for row in rows if row.verdict.kind == kind)
        if names and kind not in ("valid", "incomparable", "unmeasured"):
            yield f"Speed {kind}, {meaning}: {few(names)}."


def published_settings(rows: list[Row]) -> str:
    """Return the settings of the published APs of these rows; "" where there is none."""
    published = [row.ap_published for row in rows if row.ap_published is not None]
    return " | ".join(distinct(formats.published_settings(each) for each in published))


def published_caption(rows: list[Row]) -> str:
    """Return the footnote for published APs in a table; "" where there is none."""
    used = published_settings(rows)
    return f"{formats.PUBLISHED_MARK} published, not measured here ({used})" if used else ""


def short_published_caption(rows: list[Row]) -> str:
    """Return the same for a terminal, where several settings would take many lines."""
    used = short_published_settings(rows)
    return f"{formats.PUBLISHED_MARK} published, not measured here ({used})" if used else ""


def short_published_settings(rows: list[Row]) -> str:
    """Return the settings of the published APs; where they differ, where to find them."""
    used = published_settings(rows)
    several = "each at the settings of its publication, which the report page lists"
    return several if " | " in used else used


def unscored_caption(rows: list[Row]) -> str:
    """Say why rows with trained weights have no AP; "" where all of them have one."""
    reasons = distinct(row.unscored for row in rows)
    return f"No AP on this data: {'; '.join(reasons)}." if reasons else ""


def extrapolated_caption(rows: list[Row]) -> str:
    """Return the footnote for FPS with more people than any frame had; "" where there is none."""
    found = any(
        formats.extrapolated(row, people) and formats.fps_at(row, people)
        for row in rows
        for people in formats.PEOPLE
    )
    mark = formats.EXTRAPOLATED_MARK
    return f"{mark} extrapolated: no frame had so many people" if found else ""


def unplotted(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows that an AP-FPS chart cannot show, by reason."""
    other_images = {id(row) for row in comparable.other_images(rows)}
    found: dict[str, list[Row]] = {}
    for row in rows:
        reason = _absence(row, id(row) in other_images)
        if reason:
            found.setdefault(reason, []).append(row)
    return found


def _absence(row: Row, on_other_images: bool) -> str:
    if row.overlapped:
        return OVERLAPPED
    if not row.timed:
        return UNTIMED
    if not row.fps_pose:
        return "no time measured"
    return "AP over other images or sigmas than most" if on_other_images else ""


UNTIMED = "its speed was not measured (--mode accuracy)"
OVERLAPPED = "its frames overlapped, and a throughput is not compared with pose FPS"


def plotted(rows: list[Row]) -> list[Row]:
    """Return the rows that an AP-FPS chart shows, including those in its strip without any AP."""
    left_out = {id(row) for found in unplotted(rows).values() for row in found}
    return [row for row in rows if id(row) not in left_out]


def by_approach(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows by approach, top-down first; empty where there is only one approach."""
    approaches = sorted({row.approach for row in rows}, reverse=True)
    if len(approaches) < 2:
        return {}
    return {name: [row for row in rows if row.approach == name] for name in approaches}


def hosts(rows: list[Row]) -> dict[str, str]:
    """Return a short name for each machine; machines with the same short name are numbered."""
    short = {row.machine: row.host or row.machine for row in rows}
    shared = Counter(short.values())
    seen: Counter[str] = Counter()
    for machine, name in short.items():
        seen[name] += 1
        short[machine] = f"{name} ({seen[name]})" if shared[name] > 1 else name
    return short


def several_machines(rows: list[Row]) -> bool:
    """Return whether the rows come from several machines."""
    return len({row.machine for row in rows}) > 1


def named(row: Row) -> str:
    """Return the letter of an entry, where there is one, and its name."""
    return f"{row.letter} {row.entry}" if row.letter else row.entry


def distinct(values: Iterable[str]) -> list[str]:
    """Return the distinct non-empty values in order of appearance."""
    return [value for value in dict.fromkeys(values) if value]


def few(names: list[str]) -> str:
    """Return names for a sentence; of many names the first ones and the number of the others."""
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    first = names[: _MOST_NAMES - 1]
    return f"{', '.join(first)} and {len(names) - len(first)} more"


_MOST_NAMES = 6


def _threads(rows: list[Row]) -> str:
    counts = distinct(str(row.threads) for row in rows if row.threads)
    return f"{' / '.join(counts)} thread{'' if counts == ['1'] else 's'}" if counts else ""


def _frames(rows: list[Row]) -> str:
    """The number of frames, or its range where entries differ, as with a time budget."""
    counts = [row.frames for row in rows]
    if len(set(counts)) == 1:
        return counted(counts[0], "frame")
    return f"{span(counts, '{:,}'.format)} frames per entry" if counts else ""


def _line(parts: list[str]) -> str:
    return " · ".join(part for part in parts if part)
