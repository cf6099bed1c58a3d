"""Two runs of the same entries: whether the speed changed, and by how much.

Frames are paired by image, so what is compared is the same work; the interval of the ratio of
their times decides, not the ratio alone. A change is called only where it is proven and large
enough to mean something, and only where the machine itself was in the same state.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from posemark.core.errors import RecordError
from posemark.measure.paired_frames import SMALLEST, paired
from posemark.measure.speed_interval import FEWEST_BLOCKS, Interval, ratio_interval
from posemark.records import files
from posemark.records.files import Record
from posemark.records.schema import Header, Source
from posemark.report import comparable, formats, results, tables
from posemark.report.result_row import Row, Verdict

ALIKE = 0.05
"""An interval within this of no change says "no change", unless a gate says how near it must be."""

SENTINEL_MOVED = 0.03
"""A larger change of the fixed workload's median time means that the machine has changed."""

DISTURBED = frozenset({"contended", "throttled", "drifting"})
"""Verdicts on a run whose machine was not the same from block to block: load that comes and goes
can leave the sentinel's median where it was."""

SLOWER, FASTER, NO_CHANGE = "slower", "faster", "no change"
INCONCLUSIVE, INCOMPARABLE = "inconclusive", "incomparable"


@dataclass(frozen=True)
class Change:
    """One entry in both runs.

    call: slower, faster, no change, inconclusive or incomparable; why: sentences, none where the
    figures say it all. settings: what
    differs and may, such as "runtime: torch -> onnxruntime". frames: pairs. unpaired: frames of
    base and of new without a partner. fps: pose FPS of base and new over the pairs. ratio: time
    of new over time of base; time: the same with its 95 % interval, None with too few blocks.
    sentinel: ratio of the fixed workload's median times, None where not recorded. ap: 0..1, of
    base and new; ap_difference: None where they do not rest on the same images and sigmas.
    """

    entry: str
    call: str
    why: tuple[str, ...]
    settings: tuple[str, ...]
    frames: int
    unpaired: tuple[int, int]
    fps: tuple[float, float] | None
    ratio: float | None
    time: Interval | None
    sentinel: float | None
    verdicts: tuple[Verdict, Verdict]
    ap: tuple[float | None, float | None]
    ap_difference: float | None


@dataclass(frozen=True)
class Comparison:
    """changes: by entry, in the order of base. only_base, only_new: entries without a partner."""

    changes: tuple[Change, ...]
    only_base: tuple[str, ...]
    only_new: tuple[str, ...]


def load(path: Path, left_out: Callable[[RecordError], None] | None = None) -> list[Record]:
    """The records of a run folder, or the one of a file; left_out as for results.load_rows.

    Raises:
        RecordError: if there is none, or none can be used.
    """
    truths: results.Truths = {}

    def read(each: Path) -> Record:
        record = files.read(each)
        results.truth_of(record, truths)
        return record

    return results.usable(results.records_in(path), read, left_out)


def compare(base: list[Record], new: list[Record], margin: float = ALIKE) -> Comparison:
    """Pair the records by entry. margin: how near 1 the interval of "no change" must lie.

    Raises:
        RecordError: if the annotations beside a record cannot be read.
    """
    truths: results.Truths = {}
    olds, news = ({each.header.entry: each for each in side} for side in (base, new))
    return Comparison(
        tuple(_change(olds[name], news[name], truths, margin) for name in olds if name in news),
        tuple(name for name in olds if name not in news),
        tuple(name for name in news if name not in olds),
    )


def slower_by(comparison: Comparison, gate: float) -> list[str]:
    """The entries proven slower (call "slower") whose measured change is at least the gate."""
    return [
        each.entry
        for each in comparison.changes
        if each.call == SLOWER and each.ratio is not None and each.ratio >= 1 + gate
    ]


def undecided(comparison: Comparison, gate: float) -> list[str]:
    """The entries in both runs of which nobody can say whether they pass the gate.

    Refused ones, those without an interval or with one at least as wide (half) as the gate, and
    those measured while the machine was in another state.
    """
    return [each.entry for each in comparison.changes if not _decided(each, gate)]


def _decided(change: Change, gate: float) -> bool:
    time = change.time
    if time is None or time.half_width >= gate or _disturbed(change.verdicts):
        return False
    return not _unsettled(time, change.sentinel)


def _disturbed(verdicts: tuple[Verdict, Verdict]) -> bool:
    return any(verdict.kind in DISTURBED for verdict in verdicts)


def _change(base: Record, new: Record, truths: results.Truths, margin: float) -> Change:
    rows = results.row_of(base, truths), results.row_of(new, truths)
    blocks = paired(base, new)
    ns = [[sum(pair[side] for pair in block) for block in blocks] for side in (0, 1)]
    totals, frames = [sum(each) for each in ns], sum(map(len, blocks))
    refused = _refusals(rows, frames)
    timed = not refused and all(totals)
    time = ratio_interval(ns[1], ns[0]) if timed else None
    sentinel = _sentinel(base, new)
    verdicts = rows[0].verdict, rows[1].verdict
    call, why = _call(time, len(blocks), sentinel, verdicts, margin)
    return Change(
        entry=base.header.entry,
        call=INCOMPARABLE if refused else call,
        why=tuple(refused) or tuple(filter(None, (why, *_flaws(rows)))),
        settings=tuple(_differences(base.header, new.header)),
        frames=frames,
        unpaired=(len(base.good) - frames, len(new.good) - frames),
        fps=(frames / totals[0] * 1e9, frames / totals[1] * 1e9) if timed else None,
        ratio=totals[1] / totals[0] if timed else None,
        time=time,
        sentinel=sentinel,
        verdicts=verdicts,
        ap=(formats.measured_ap(rows[0]), formats.measured_ap(rows[1])),
        ap_difference=_ap_difference(*rows),
    )


def _refusals(rows: tuple[Row, Row], pairs: int) -> list[str]:
    """Why the speeds are not of the same work on the same machine: sentences."""
    sides = [replace(row, letter=side, ap=None) for row, side in zip(rows, _SIDES, strict=True)]
    found = comparable.reasons(sides)
    found += [_other_boxes(rows)] * (_boxes_of(rows[0]) != _boxes_of(rows[1]))
    return found if pairs or found else ["No image was measured in both."]


_SIDES = ("base", "new")


def _boxes_of(row: Row) -> tuple[str, str]:
    return row.boxes, row.fingerprint.get("boxes", "")


def _other_boxes(rows: tuple[Row, Row]) -> str:
    told = comparable.told_apart(map(_boxes_of, rows))
    sides = (f"{told[_boxes_of(row)]}: {side}" for row, side in zip(rows, _SIDES, strict=True))
    return f"Speeds on several sets of boxes are not compared. {'; '.join(sides)}."


def _named(source: Source) -> str:
    return f"{source.name} ({source.sha256[:8]})"


def _differences(base: Header, new: Header) -> list[str]:
    """What differs and may: it is what is compared."""
    ours, theirs = _facts(base), _facts(new)
    names = dict.fromkeys((*ours, *theirs))
    sides = ((name, ours.get(name, "none"), theirs.get(name, "none")) for name in names)
    return [f"{name}: {old} -> {now}" for name, old, now in sides if old != now]


def _facts(header: Header) -> dict[str, str]:
    environment = header.facts
    facts: dict[str, Any] = {
        **msgspec.to_builtins(header.settings),
        "decoder": header.decoder,
        "weights": _named(header.weights),
        "posemark": header.posemark,
        "system": environment.system,
        "python": environment.python,
        **environment.libraries,
    }
    return {name: str(value) for name, value in facts.items()}


def _sentinel(base: Record, new: Record) -> float | None:
    """The median time of the fixed workload in new over that in base."""
    times = [
        [block.readings.sentinel_ns for block in record.blocks if block.readings]
        for record in (base, new)
    ]
    return median(times[1]) / median(times[0]) if all(times) and median(times[0]) else None


def _call(
    time: Interval | None,
    blocks: int,
    sentinel: float | None,
    verdicts: tuple[Verdict, Verdict],
    margin: float,
) -> tuple[str, str]:
    """The call on a change of time, and what must be said of it besides."""
    if time is None:
        few = f"{formats.counted(blocks, 'block')} with pairs, {FEWEST_BLOCKS} are needed"
        return INCONCLUSIVE, f"no interval: {few}"
    if _disturbed(verdicts):
        return INCONCLUSIVE, "the machine was not left to the entry: run again when it is quiet"
    moved = _moved(sentinel)
    if _unsettled(time, sentinel):
        return INCONCLUSIVE, f"{moved}: the machine was not the same"
    proven, change = not time.low <= 1 <= time.high, time.point - 1
    if proven and abs(change) >= SMALLEST:
        return (SLOWER if change > 0 else FASTER), f"{moved}, which is less" if moved else ""
    if 1 - margin <= time.low and time.high <= 1 + margin:
        return NO_CHANGE, _SMALL if proven else ""
    return INCONCLUSIVE, f"the interval reaches beyond ±{100 * margin:g}%: run for longer"


_SMALL = f"proven, but below {100 * SMALLEST:g}%, which where a process lies in memory makes too"


def _moved(sentinel: float | None) -> str:
    """Whether the machine changed, in words; "" if not."""
    if sentinel is None or abs(sentinel - 1) <= SENTINEL_MOVED:
        return ""
    return f"the time of the fixed workload changed by {signed(sentinel)}"


def _unsettled(time: Interval, sentinel: float | None) -> bool:
    """Whether the machine changed so much that the change of time may be nothing else."""
    if sentinel is None or not _moved(sentinel):
        return False
    return abs(time.point - 1) <= abs(sentinel - 1) + time.half_width * time.point


def _flaws(rows: tuple[Row, Row]) -> list[str]:
    """What must be known of each record's own speed."""
    return [
        f"{side} is {row.verdict.kind}: {', '.join(row.verdict.evidence[:1])}"
        for side, row in zip(_SIDES, rows, strict=True)
        if row.verdict.kind != "valid"
    ]


def _ap_difference(base: Row, new: Row) -> float | None:
    aps = [formats.measured_ap(row) for row in (base, new)]
    if comparable.other_images([base, new]) or aps[0] is None or aps[1] is None:
        return None
    return aps[1] - aps[0]


def signed(ratio: float) -> str:
    """A ratio as a change: 1.052 -> "+5.2%"."""
    return f"{round(100 * (ratio - 1), 1) + 0.0:+.1f}%"  # no "-0.0"


def markdown(comparison: Comparison) -> str:
    """A GitHub table, and below it what must be known of each entry."""
    titles = [title for title, _ in COLUMNS]
    marks = [":---" if title in ("entry", "call") else "---:" for title in titles]
    rows = [
        [tables.markdown_text(write(change)) for _, write in COLUMNS]
        for change in comparison.changes
    ]
    table = [f"| {' | '.join(cells)} |" for cells in (titles, marks, *rows)]
    told = [f"{each.entry}: {fact}" for each in comparison.changes for fact in remarks(each)]
    notes = [f"- {tables.markdown_text(note)}" for note in (*told, *alone(comparison))]
    return "\n".join([*table, "", *notes, *([""] if notes else []), LEGEND]) + "\n"


def _time(change: Change) -> str:
    return formats.DASH if change.ratio is None else signed(change.ratio)


def _interval(change: Change) -> str:
    time = change.time
    return (
        formats.DASH
        if time is None
        else f"{signed(time.low).removesuffix('%')} to {signed(time.high)}"
    )


def _fps(change: Change) -> str:
    if change.fps is None:
        return formats.DASH
    return " -> ".join(map(formats.three_digits, change.fps))


def _ap(change: Change) -> str:
    if change.ap_difference is None:
        return formats.DASH
    return f"{formats.points(change.ap[1])} ({100 * change.ap_difference:+.1f})"


COLUMNS: tuple[tuple[str, Callable[[Change], str]], ...] = (
    ("entry", lambda change: change.entry),
    ("call", lambda change: change.call),
    ("time", _time),
    ("95% interval", _interval),
    ("pose FPS", _fps),
    ("AP", _ap),
)
LEGEND = f"time: pose stages, same frames; slower, faster: proven and {100 * SMALLEST:g}% or more"


def remarks(change: Change) -> list[str]:
    """What must be known of an entry beside its figures."""
    missing = formats.counted(sum(change.unpaired), "frame")
    partners = [f"{missing} without a partner"] if any(change.unpaired) else []
    return [*change.why, *change.settings, *partners]


def alone(comparison: Comparison) -> list[str]:
    """A sentence for the entries of one run only; none where every entry has its partner."""
    sides = ((comparison.only_base, "base"), (comparison.only_new, "new"))
    return [f"only in {side}: {', '.join(names)}" for names, side in sides if names]
