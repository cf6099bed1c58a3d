"""Comparison of two runs of the same entries: whether the speed changed, and by how much.

Frames are paired by image, so that the same work is compared. The interval of the ratio of their
times decides, not the ratio alone. A change is reported as such only where it is significant and
large enough to matter, and only where the machine was in the same state in both runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import msgspec

from posemark.core.errors import RecordError
from posemark.measure.paired_frames import SMALLEST, paired
from posemark.measure.speed_interval import FEWEST_BLOCKS, Interval, ratio_interval
from posemark.records.files import Record
from posemark.records.schema import Header, Source
from posemark.report import comparable, formats, results, tables
from posemark.report.result_row import Row, Verdict

ALIKE = 0.05
"""Relative change of time: the call is "no change" where the whole interval stays within it. A
gate replaces it."""

SENTINEL_MOVED = 0.03
"""A larger relative change of the fixed workload's median time means that the machine changed."""

DISTURBED = frozenset({"contended", "throttled", "drifting"})
"""Verdicts on a run during which the state of the machine changed. Load that comes and goes does
not always change the sentinel's median, so these decide as well."""

SLOWER, FASTER, NO_CHANGE = "slower", "faster", "no change"
INCONCLUSIVE, INCOMPARABLE = "inconclusive", "incomparable"


@dataclass(frozen=True)
class Change:
    """One entry in both runs. A pair is (base, new), a ratio is new over base.

    Attributes:
        entry: name of the entry.
        call: slower, faster, no change, inconclusive or incomparable.
        why: the reasons in words; empty where the figures suffice.
        settings: differences that do not prevent the comparison, such as
            "runtime: torch -> onnxruntime".
        frames: number of pairs of frames.
        unpaired: number of frames of each run that have no counterpart.
        fps: pose FPS over the pairs, or throughput of overlapped frames; None where the runs are
            incomparable.
        ratio: ratio of the times that fps is computed from; None where the runs are incomparable.
        time: the same ratio with its 95% interval; None with too few blocks.
        sentinel: ratio of the fixed workload's median times; None where it was not recorded.
        verdicts: what the speeds are worth.
        ap: AP in 0..1; None where there is none.
        ap_difference: new less base; None where the APs do not rest on the same images and sigmas.
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
    """Two runs, compared entry by entry.

    Attributes:
        changes: the entries in both runs, in the order of base.
        only_base: names of the entries in base alone.
        only_new: names of the entries in new alone.
    """

    changes: tuple[Change, ...]
    only_base: tuple[str, ...]
    only_new: tuple[str, ...]


def load(path: Path, left_out: Callable[[RecordError], None] | None = None) -> list[Record]:
    """Load the records of a run folder, or the one record of a file.

    Args:
        path: a run folder or a record file.
        left_out: as for results.load_rows.

    Raises:
        RecordError: if there is no record, or none of them can be used.
    """
    truths: results.Truths = {}

    def checked(record: Record) -> Record:
        results.truth_of(record, truths)
        return record

    return results.usable(results.records_in([path]), checked, left_out)


def copies(base: list[Record], new: list[Record]) -> list[str]:
    """Return a sentence on each run that is on both sides, so that its comparison says nothing."""
    return [
        f"{one.header.entry}: {one.path} and {other.path} are the same run, because their headers "
        "are equal, so this comparison says nothing. Give two runs."
        for one in base
        for other in new
        if results.run_of(one) == results.run_of(other)
    ]


def compare(base: list[Record], new: list[Record], margin: float = ALIKE) -> Comparison:
    """Pair the records of two runs by entry and compare them.

    Args:
        base: records of the run that is the reference.
        new: records of the other run.
        margin: relative change of time within which the whole interval must stay for the call
            "no change".

    Raises:
        RecordError: if the annotations beside a record cannot be read.
    """
    truths: results.Truths = {}
    before, after = ({each.header.entry: each for each in side} for side in (base, new))
    return Comparison(
        tuple(
            _change(before[name], after[name], truths, margin) for name in before if name in after
        ),
        tuple(name for name in before if name not in after),
        tuple(name for name in after if name not in before),
    )


def slower_by(comparison: Comparison, gate: float) -> list[str]:
    """Return the entries with the call "slower" whose measured change is at least the gate.

    Args:
        comparison: of two runs.
        gate: relative change of time, such as 0.05.
    """
    return [
        each.entry
        for each in comparison.changes
        if each.call == SLOWER and each.ratio is not None and each.ratio >= 1 + gate
    ]


def undecided(comparison: Comparison, gate: float) -> list[str]:
    """Return the entries in both runs for which it is unknown whether they pass the gate.

    These are incomparable entries, entries without an interval or with an interval whose half
    width is at least the gate, and entries measured while the state of the machine changed.

    Args:
        comparison: of two runs.
        gate: relative change of time, such as 0.05.
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
        why=tuple(refused) or tuple(filter(None, (why, _overlapped(rows), *_flaws(rows)))),
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
    """The reasons why the speeds are not those of the same work on the same machine."""
    sides = [replace(row, letter=side, ap=None) for row, side in zip(rows, _SIDES, strict=True)]
    found = comparable.reasons(sides)
    found += [_other_boxes(rows)] * (_boxes_of(rows[0]) != _boxes_of(rows[1]))
    return found if pairs or found else ["No image was measured in both runs."]


_SIDES = ("base", "new")


def _boxes_of(row: Row) -> tuple[str, str]:
    return row.boxes, row.fingerprint.get("boxes", "")


def _other_boxes(rows: tuple[Row, Row]) -> str:
    names = comparable.distinct_texts(map(_boxes_of, rows))
    sides = (f"{names[_boxes_of(row)]}: {side}" for row, side in zip(rows, _SIDES, strict=True))
    return f"Speeds on several sets of boxes are not compared. {'; '.join(sides)}."


def _named(source: Source) -> str:
    return f"{source.name} ({source.sha256[:8]})"


def _differences(base: Header, new: Header) -> list[str]:
    """Differences that do not prevent the comparison, since they may be its subject."""
    before, after = _facts(base), _facts(new)
    names = dict.fromkeys((*before, *after))
    if base.bundled != new.bundled:
        # A bundle notes the packages that it uses, and a run those of PoseMark.
        names = {name: None for name in before if name in after}
    sides = ((name, before.get(name, "none"), after.get(name, "none")) for name in names)
    return [f"{name}: {old} -> {now}" for name, old, now in sides if old != now]


def _facts(header: Header) -> dict[str, str]:
    environment = header.facts
    facts: dict[str, object] = {
        **msgspec.to_builtins(header.settings),
        "decoder": header.decoder,
        "weights": _named(header.weights),
        "posemark": header.posemark,
        "system": environment.system,
        "python": environment.python,
        **environment.libraries,
    }
    return {name: "none" if value is None else str(value) for name, value in facts.items()}


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
    """The call on a change of time, and the reason in words, which may be ""."""
    if time is None:
        few = f"{formats.counted(blocks, 'block')} with pairs, {FEWEST_BLOCKS} are needed"
        return INCONCLUSIVE, f"no interval: {few}"
    if _disturbed(verdicts):
        return INCONCLUSIVE, "the machine was disturbed during a run: repeat it on an idle machine"
    moved = _moved(sentinel)
    if _unsettled(time, sentinel):
        return INCONCLUSIVE, f"{moved}: the machine was not in the same state"
    significant, change = not time.low <= 1 <= time.high, time.point - 1
    if significant and abs(change) >= SMALLEST:
        return (SLOWER if change > 0 else FASTER), f"{moved}, which is less" if moved else ""
    if 1 - margin <= time.low and time.high <= 1 + margin:
        return NO_CHANGE, _SMALL if significant else ""
    return INCONCLUSIVE, f"the interval extends beyond ±{100 * margin:g}%: run for longer"


_SMALL = f"significant, but below {100 * SMALLEST:g}%: memory layout alone can cause that"


def _moved(sentinel: float | None) -> str:
    """A phrase that the machine changed; "" where it did not."""
    if sentinel is None or abs(sentinel - 1) <= SENTINEL_MOVED:
        return ""
    return f"the time of the fixed workload changed by {signed(sentinel)}"


def _unsettled(time: Interval, sentinel: float | None) -> bool:
    """Whether the machine changed so much that this alone may explain the change of time."""
    if sentinel is None or not _moved(sentinel):
        return False
    return abs(time.point - 1) <= abs(sentinel - 1) + time.half_width * time.point


def _overlapped(rows: tuple[Row, Row]) -> str:
    """A phrase that the figures are not those of one frame after the other; "" if they are."""
    what = "FPS is the throughput, and time the wall time of a frame over all stages"
    return f"{formats.mode(rows[1])}: {what}" if rows[1].overlapped else ""


def _flaws(rows: tuple[Row, Row]) -> list[str]:
    """The verdict on each record whose speed is not valid, in words."""
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
    """Return a ratio as a relative change: 1.052 -> "+5.2%"."""
    return f"{round(100 * (ratio - 1), 1) + 0.0:+.1f}%"  # no "-0.0"


def markdown(comparison: Comparison) -> str:
    """Return a comparison as a GitHub table with remarks on its entries below."""
    titles = [title for title, _ in COLUMNS]
    marks = [":---" if title in ("entry", "call") else "---:" for title in titles]
    rows = [
        [tables.markdown_text(write(change)) for _, write in COLUMNS]
        for change in comparison.changes
    ]
    table = [f"| {' | '.join(cells)} |" for cells in (titles, marks, *rows)]
    facts = [f"{each.entry}: {fact}" for each in comparison.changes for fact in remarks(each)]
    notes = [f"- {tables.markdown_text(note)}" for note in (*facts, *alone(comparison))]
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
    ("FPS", _fps),
    ("AP", _ap),
)
LEGEND = (
    f"time, FPS: pose stages, same frames; slower, faster: significant, {100 * SMALLEST:g}% or more"
)


def remarks(change: Change) -> list[str]:
    """Return the remarks on an entry: reasons, differing settings, frames without counterpart."""
    count = formats.counted(sum(change.unpaired), "frame")
    unpaired = [f"{count} in only one of the runs"] if any(change.unpaired) else []
    return [*change.why, *change.settings, *unpaired]


def alone(comparison: Comparison) -> list[str]:
    """Return one phrase per run that names the entries which only this run has."""
    sides = ((comparison.only_base, "base"), (comparison.only_new, "new"))
    return [f"only in {side}: {', '.join(names)}" for names, side in sides if names]
