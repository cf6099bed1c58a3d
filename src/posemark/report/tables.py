"""Rows as text: Markdown, CSV, JSON and a table for the terminal."""

import csv as csv_format
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from posemark.measure.latency import PERCENTILES
from posemark.report import common_settings, formats, label_placement, reproduced, steady
from posemark.report.clip_figures import Happened, Steadiness
from posemark.report.json_descriptions import cells
from posemark.report.json_result import Result, result_of
from posemark.report.result_row import STAGES, Row

Value = str | float | None
METRICS = ("AP", "AP50", "AP75", "APM", "APL", "AR")


@dataclass(frozen=True)
class Column:
    """A column of the tables.

    Attributes:
        title: its heading.
        value: the value for a row, by which the page sorts.
        write: how a value is written.
        brief: whether Markdown and the short form of the page's table have it.
        absent: text for a missing value.
        mark: a footnote mark behind the value.
        people: the number of people per frame that the value is for, if it is for one.
        long: whether its texts are long and may take several lines.
        names_row: whether it names the row.
    """

    title: str
    value: Callable[[Row], Value]
    write: Callable[[Any], str] = str
    brief: bool = False
    absent: str = formats.DASH
    mark: Callable[[Row], str] | None = None
    people: int | None = None
    long: bool = False
    names_row: bool = False

    def text(self, row: Row) -> str:
        """Return the cell of a row as it is printed."""
        value = self.value(row)
        if value is None or value == "":
            return self.absent
        return self.write(value) + (self.mark(row) if self.mark else "")

    def empty(self, rows: list[Row]) -> bool:
        """Return whether there are rows, but none of them has a value in this column."""
        return bool(rows) and all(self.value(row) in (None, "") for row in rows)

    @property
    def numeric(self) -> bool:
        """Whether the column contains numbers, which are aligned right."""
        return self.write is not str


def _metric(name: str) -> Column:
    def value(row: Row) -> Value:
        return row.ap.get(name) if row.ap else None

    return Column(name, value, formats.points, brief=name == "AP")


def _stage(name: str) -> Column:
    return Column(f"{name} ms", lambda row: row.stage_ms.get(name), formats.three_digits)


def _of_boxes(title: str, name: str) -> Column:
    def value(row: Row) -> Value:
        return row.box_accuracy.get(name) if row.box_accuracy else None

    return Column(title, value, formats.points, brief=name in ("AP", "recall"))


def _jitter(title: str, annotated: bool) -> Column:
    def value(row: Row) -> Value:
        found = row.steadiness
        return found.jitter if found and found.annotated == annotated else None

    return Column(title, value, formats.body_size)


def _happened(
    title: str, of: Callable[[Steadiness], Happened | None], annotated: bool = True
) -> Column:
    def value(row: Row) -> Value:
        found = row.steadiness
        happened = of(found) if found and found.annotated == annotated else None
        return happened and happened.share

    return Column(title, value, formats.percent)


def _detector_looks(row: Row) -> Value:
    """The share of the frames at which a detector looked that does not look at all of them."""
    looks = row.looks
    return (looks.scheduled + looks.early) / row.frames if looks and row.frames else None


def _detect_infer(row: Row) -> Value:
    """The mean milliseconds of the detector and of the pose network."""
    if row.detector is None or not row.frames or not row.timed:
        return None
    return " + ".join(formats.three_digits(row.stage_ms[name]) for name in ("detect", "infer"))


def _latency(name: str) -> Column:
    return Column(f"{name} ms", lambda row: row.latency_ms.get(name), formats.three_digits)


def _age(name: str) -> Column:
    return Column(f"age {name} ms", lambda row: row.age_ms.get(name), formats.three_digits, True)


_USUAL = (50, 95)
"""Percentiles of overlapped frames that short tables show; JSON has all."""

_LATENCIES = {percent: _latency(f"p{percent}") for percent in PERCENTILES}
_AGES = {percent: _age(f"p{percent}") for percent in _USUAL}


def _fps_at(people: int) -> Column:
    return Column(
        f"FPS, {formats.counted(people, 'person', 'people')}",
        lambda row: formats.fps_at(row, people),
        formats.three_digits,
        mark=lambda row: formats.extrapolated_mark(row, people),
        people=people,
    )


def _published(row: Row) -> Value:
    return row.ap_published and row.ap_published.AP


def _ap_interval(row: Row) -> Value:
    return row.ap_interval and formats.span(row.ap_interval, formats.points)


def _published_settings(row: Row) -> Value:
    published = row.ap_published
    if published is None:
        return None
    return f"{formats.published_settings(published)}; {published.source}"


def _remarks(row: Row) -> Value:
    return "; ".join([*formats.flaws(row), *row.notes])


_LETTER = Column("letter", lambda row: row.letter, brief=True, absent="")
_ENTRY = Column("entry", lambda row: row.entry, brief=True, names_row=True)
_PUBLISHED_AP = Column(
    "published AP", _published, formats.points, brief=True, mark=formats.published_mark
)
_VERDICT = Column("verdict", lambda row: row.verdict.kind, brief=True)
_FRAMES = Column("frames", lambda row: row.frames, "{:,}".format, brief=True)
_PEOPLE = Column("people / frame", formats.people_per_frame, formats.three_digits, brief=True)
_OF_PEAK = Column("of peak", lambda row: row.share, formats.short_percent, brief=True)
_MODEL_AP = Column("model AP", lambda row: row.model_ap, formats.points, brief=True)
_BOX_AP = _of_boxes("box AP", "AP")
_BOX_RECALL = _of_boxes("box recall", "recall")
_DETECT_INFER = Column("detect + infer ms", _detect_infer, brief=True)
_MACHINE = Column("machine", lambda row: row.machine, long=True)

_JITTER = _jitter("jitter", annotated=True)
_DROP_OUTS = _happened("drop-outs", lambda found: found.drop_outs)
_LOOKS = Column("detector looks", _detector_looks, formats.percent)

_THROUGHPUT = Column("throughput", lambda row: row.throughput, formats.three_digits, brief=True)
_GAIN = Column("gain", lambda row: row.overlap_gain, formats.times, brief=True)
_PREDICTED = Column("predicted", lambda row: row.predicted_gain, formats.times, brief=True)

COLUMNS = (
    _LETTER,
    _ENTRY,
    Column("pose FPS", lambda row: row.fps_pose, formats.three_digits, brief=True),
    _THROUGHPUT,
    Column("±", formats.half_width, formats.plus_minus, brief=True),
    _metric("AP"),
    Column("AP, 95%", _ap_interval, brief=True),
    Column(
        "AP, common images", lambda row: row.ap_common and row.ap_common.AP, formats.points, True
    ),
    _MODEL_AP,
    _BOX_AP,
    _BOX_RECALL,
    _DETECT_INFER,
    _PUBLISHED_AP,
    _VERDICT,
    Column("weights", lambda row: row.weights, brief=True, long=True),
    Column("boxes", lambda row: row.boxes, brief=True, long=True),
    _FRAMES,
    _PEOPLE,
    Column("pipeline FPS", lambda row: row.fps_pipeline, formats.three_digits, brief=True),
    _OF_PEAK,
    Column("base ms", lambda row: row.intercept_ms, formats.three_digits, brief=True),
    Column("ms / person", lambda row: row.ms_per_person, formats.three_digits, brief=True),
    Column("ceiling", lambda row: row.codec_ceiling, formats.points, brief=True),
    _GAIN,
    _PREDICTED,
    *_LATENCIES.values(),
    *_AGES.values(),
    *map(_fps_at, formats.PEOPLE),
    Column("camera FPS", lambda row: row.sustainable_fps, formats.three_digits),
    Column("dropped", lambda row: row.dropped_share, formats.percent),
    Column("peak memory", lambda row: row.peak_memory, formats.size_of),
    Column("weights size", lambda row: row.weights_bytes or None, formats.size_of),
    Column("energy / frame", formats.energy),
    *map(_metric, METRICS[1:]),
    _JITTER,
    _DROP_OUTS,
    _happened("swaps", lambda found: found.swaps),
    _happened("identity switches", lambda found: found.identity_switches),
    _jitter("jitter bound", annotated=False),
    _happened("gaps in tracks", lambda found: found.drop_outs, annotated=False),
    Column("lag, frames", lambda row: row.steadiness and row.steadiness.lag, formats.three_digits),
    _LOOKS,
    *(_of_boxes(f"box {name}", name) for name in ("AP50", "AP75", "APS", "APM", "APL", "AR100")),
    Column("detector", formats.detector),
    Column("published AP: settings", _published_settings, long=True),
    Column("published AP: reproduced", lambda row: row.expected),
    *map(_stage, STAGES),
    Column("family", lambda row: row.family),
    Column("model", lambda row: row.model),
    Column("approach", lambda row: row.approach),
    Column("input h x w", formats.size),
    Column("scales", formats.scales),
    Column("parameters", lambda row: row.parameters, "{:,}".format),
    Column("MACs", lambda row: row.macs, "{:,}".format),
    Column("codec", lambda row: row.codec),
    Column("flip test", lambda row: "yes" if row.flip else "no"),
    Column("runtime", lambda row: row.runtime),
    Column("precision", lambda row: row.precision),
    Column("threads", lambda row: row.threads, "{:,}".format),
    Column("device", lambda row: row.device),
    Column("mode", formats.mode),
    Column("people run", lambda row: row.persons_mode),
    Column("data", lambda row: row.data),
    Column("people, all frames", lambda row: row.persons, "{:,}".format),
    Column("code licence", lambda row: row.licence or "unknown"),
    Column("weights licence", lambda row: _weights_licence(row)),
    _MACHINE,
    Column("blocks", lambda row: row.blocks, "{:,}".format),
    Column("evidence", lambda row: "; ".join(row.verdict.evidence), long=True),
    Column("remarks", _remarks, long=True),
)
BRIEF = tuple(column for column in COLUMNS if column.brief)


def brief(rows: list[Row]) -> list[Column]:
    """Return the main columns that are not empty.

    The machine is among them where there are several, and the latency where frames overlapped:
    then it does not follow from the speed.
    """
    extra = [_MACHINE] if common_settings.several_machines(rows) else []
    if any(row.overlapped for row in rows):
        extra += [_LATENCIES[percent] for percent in _USUAL]
    wanted = (column for column in COLUMNS if column.brief or column in extra)
    return [column for column in wanted if not column.empty(rows)]


def _weights_licence(row: Row) -> Value:
    return None if row.weights == "none" else row.weights_licence or "unknown"


def markdown(rows: list[Row]) -> str:
    """Return a GitHub table of the main columns, with settings and warnings below it."""
    columns = brief(rows)
    lines = [
        _markdown_line([column.title for column in columns]),
        _markdown_line(["---:" if column.numeric else ":---" for column in columns]),
        *(_markdown_line([column.text(row) for column in columns]) for row in rows),
    ]
    used = common_settings.published_caption(rows)
    notes = [f"{markdown_text(note)}\n" for note in captions(rows, used)]
    return "\n".join([*lines, "", *notes, *_steady(rows), *_against_published(rows)])


def _steady(rows: list[Row]) -> list[str]:
    """The table of Markdown on clips; empty where no row has such figures."""
    found = steady.shown(rows)
    if not found:
        return []
    titles = steady.titles(found)
    lines = [
        ["entry", *titles],
        [":---", *(["---:"] * len(titles))],
        *([row.entry, *steady.cells(row, titles)] for row in found),
    ]
    return [f"{steady.HEADING}:\n", *map(_markdown_line, lines), f"\n{steady.CAPTION}\n"]


def _against_published(rows: list[Row]) -> list[str]:
    """The second table of Markdown; empty where no AP was measured."""
    found = reproduced.comparisons(rows)
    if not found:
        return []
    alignments = ["---:" if title in reproduced.NUMERIC else ":---" for title in reproduced.TITLES]
    lines = (reproduced.TITLES, alignments, *(each.cells for each in found))
    return [
        "Measured against published AP:\n",
        *(_markdown_line(list(cells)) for cells in lines),
        f"\n{reproduced.CAPTION}\n",
    ]


def captions(rows: list[Row], published: str) -> list[str]:
    """Return the sentences below a table: settings, footnotes and warnings.

    Args:
        rows: the rows of the table.
        published: the footnote for published APs; "" for none.
    """
    lines = [
        *common_settings.settings(rows),
        published,
        common_settings.unscored_caption(rows),
        *common_settings.warnings(rows),
    ]
    return [line for line in lines if line]


def _markdown_line(cells: list[str]) -> str:
    return f"| {' | '.join(markdown_text(cell) for cell in cells)} |"


def markdown_text(text: str) -> str:
    """Return text escaped for Markdown, on one line."""
    flat = " ".join(text.split())
    for special in "\\|*_`[]":
        flat = flat.replace(special, "\\" + special)
    return flat.replace("&", "&amp;").replace("<", "&lt;")


def csv(rows: list[Row]) -> str:
    """Return the fields of Result as CSV, unrounded; nested fields as "stage_ms.infer", "ap.AP"."""
    flat = [cells(result_of(row), Result) for row in rows]
    names = common_settings.distinct(name for row in flat for name in row)
    text = io.StringIO()
    writer = csv_format.DictWriter(text, names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def to_json(rows: list[Row]) -> str:
    """Return a JSON array with a Result for every row."""
    results = msgspec.json.encode([result_of(row) for row in rows])
    return msgspec.json.format(results, indent=2).decode() + "\n"


def json_lines(rows: list[Row]) -> str:
    """Return one JSON object per line: a Result for every row."""
    return "".join(msgspec.json.encode(result_of(row)).decode() + "\n" for row in rows)


def console(rows: list[Row], width: int = 100) -> Group:
    """Return a table for a terminal with one line per entry, and settings and warnings below it.

    Where not all columns fit, the least informative ones are left out, and a sentence says so. The
    sentences are as wide as the terminal, not as the table.

    Args:
        rows: the rows.
        width: width of the terminal in characters.
    """
    names = dict(zip(map(id, rows), label_placement.short_names(rows), strict=True))
    machines = {machine: str(at) for at, machine in enumerate(common_settings.hosts(rows), 1)}
    untrained = all(row.weights == "none" for row in rows)
    unmeasured = [row for row in rows if formats.measured_ap(row) is None]
    several = len(machines) > 1
    entry = Column("entry", lambda row: names[id(row)])
    machine = Column("on", lambda row: machines[row.machine] if several else None)
    wanted = [_Narrow(_LETTER, heading=""), _Narrow(entry), _Narrow(machine), *_CONSOLE]
    shown = [each for each in wanted if not each.column.empty(rows)]
    columns, left_out = _fitting(shown, rows, width)
    notes = [
        *([left_out] if left_out else []),
        *([_UNTRAINED] if untrained and rows else []),
        *(f"machine {at}: {machine}" for machine, at in machines.items() if several),
        _given(rows),
        *captions(rows, common_settings.short_published_caption(unmeasured)),
    ]
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for each in columns:
        justify = "right" if each.column.numeric else "left"
        table.add_column(each.above, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(each.column.text(row)) for each in columns))
    return Group(table, *(Text(note, style="dim") for note in notes if note))


_UNTRAINED = "weights by formula: only the speed is measured"


def _given(rows: list[Row]) -> str:
    """The boxes and weights of the rows, which their short names may not state."""
    boxes = common_settings.distinct(row.boxes for row in rows if row.approach == "top-down")
    trained = common_settings.distinct(row.weights for row in rows if row.weights != "none")
    formula = any(row.weights == "none" for row in rows) and bool(trained)
    weights = [*trained, *(["none (by formula)"] * formula)]
    parts = (("boxes", boxes), ("weights", weights))
    return " · ".join(f"{what}: {', '.join(names)}" for what, names in parts if names)


@dataclass(frozen=True)
class _Narrow:
    """A column of the terminal's table.

    Attributes:
        column: the column.
        heading: its heading, if it is not the title.
        named: what the sentence on columns that are left out calls it, if not by the title.
        leaves: the place in which it leaves a narrow terminal, the lowest first; 0: never.
    """

    column: Column
    heading: str | None = None
    named: str = ""
    leaves: int = 0

    @property
    def above(self) -> str:
        """The heading."""
        return self.column.title if self.heading is None else self.heading

    def width(self, rows: list[Row]) -> int:
        """Return the characters of the longest line in it."""
        return max(map(len, [*self.above.split("\n"), *map(self.column.text, rows)]))


def _fitting(columns: list[_Narrow], rows: list[Row], width: int) -> tuple[list[_Narrow], str]:
    """As many of the columns as fit, and a sentence on the others; "" where all of them fit."""
    left, needed = columns, _needed(columns, rows)
    for each in sorted((c for c in columns if c.leaves), key=lambda c: c.leaves):
        if _needed(left, rows) <= width:
            break
        left = [other for other in left if other is not each]
    gone = [each.named or each.column.title for each in columns if each not in left]
    return left, _LEFT_OUT.format(", ".join(gone), needed) if gone else ""


_LEFT_OUT = (
    "Not shown here: {}. A terminal {} characters wide shows all; so does `posemark report "
    "FOLDER -o report.html` (or .md, .csv, .json)."
)


def _needed(columns: list[_Narrow], rows: list[Row]) -> int:
    """Characters of a line of the table."""
    return sum(1 + each.width(rows) for each in columns) - 1


def _best_ap(row: Row) -> str:
    """The measured AP with its interval; the published AP where none was measured."""
    if formats.measured_ap(row) is None:
        return _PUBLISHED_AP.text(row)
    own = row.compared
    span = formats.span(own.interval, formats.points) if own and own.interval else ""
    return formats.points(own.AP if own else None) + (f" ({span})" if span else "")


def _short_pose_fps(row: Row) -> Value:
    return None if row.overlapped else formats.short_fps(row)


def _short_throughput(row: Row) -> Value:
    return formats.short_fps(row) if row.overlapped else None


_CONSOLE = (
    _Narrow(_FRAMES, leaves=4),
    _Narrow(_PEOPLE, "people\n/frame", leaves=3),
    _Narrow(Column("pose FPS", _short_pose_fps, lambda text: text)),
    _Narrow(Column("throughput", _short_throughput, lambda text: text), "FPS,\nthroughput"),
    _Narrow(_GAIN, "gain", leaves=6),
    _Narrow(_PREDICTED, "predicted", leaves=5),
    _Narrow(_AGES[50], "age\np50 ms", leaves=7),
    _Narrow(_VERDICT),
    _Narrow(Column("AP", _best_ap, lambda text: text)),
    _Narrow(_MODEL_AP, "model\nAP", leaves=7),
    _Narrow(_BOX_AP, "box\nAP", leaves=6),
    _Narrow(_DETECT_INFER, "detect +\ninfer ms", leaves=5),
    _Narrow(_LOOKS, "detector\nlooks", leaves=7),
    _Narrow(_JITTER, "jitter", leaves=8),
    _Narrow(_DROP_OUTS, "drop-\nouts", leaves=8),
    _Narrow(_OF_PEAK, "of\npeak", leaves=2),
    _Narrow(
        Column("line", formats.line, lambda text: text),
        "ms = base\n+ per person",
        named="ms per frame and person",
        leaves=1,
    ),
)
"""The columns of the terminal's table behind the names of the entry and its machine."""
