"""What `recommend`, `compare`, `tune` and `machine` print with --json, as types.

docs/json.md is generated from them, and from Result. Each is filled by `printed` from the objects
that the program works on, whose own names may change from release to release.
"""

from typing import Annotated, Any, TypeVar

import msgspec

from posemark.report.json_descriptions import SCHEMA, about
from posemark.report.json_result import Worth

T = TypeVar("T", bound=msgspec.Struct)

_SCHEMA = about("Version of this form.")


class Wishes(msgspec.Struct, frozen=True):
    """What was asked for; null: no wish."""

    min_fps: Annotated[float | None, about("Pose FPS with `people` in the frame.", "1/s")]
    people: Annotated[int | None, about("People in a frame; null: those of the run's frames.")]
    max_ap_loss: Annotated[
        float | None, about("AP points (0 to 100) that may be lost against the best.")
    ]
    commercial: Annotated[bool, about("Whether code and weights must allow commercial use.")]
    max_memory: Annotated[int | None, about("Peak memory.", "bytes")]


class Choice(msgspec.Struct, frozen=True):
    """An entry that fits."""

    name: Annotated[str, about("Name of the entry, its own among all that were read.")]
    ap: Annotated[float, about("AP, 0 to 1: measured or published, as the notes say.")]
    fps: Annotated[float, about("Pose FPS with as many people as wished.", "1/s")]
    reasons: Annotated[tuple[str, ...], about("Phrases that say why it fits.")]
    beaten_by: Annotated[str, about("Name of a better entry; empty in `shortlist`.")]
    on_truth: Annotated[bool, about("Measured on annotated boxes, which an app does not have.")]
    speed_valid: Annotated[bool, about("Whether the verdict on its speed is `valid`.")]


class Exclusion(msgspec.Struct, frozen=True):
    """An entry that does not fit; once for every wish that it breaks."""

    name: Annotated[str, about("Name of the entry.")]
    constraint: Annotated[str, about("`comparable`, `fps`, `ap`, `licence` or `memory`.")]
    why: Annotated[str, about("In words.")]


class Undecided(msgspec.Struct, frozen=True):
    """An entry that noise could turn; once for every wish of which that is so."""

    name: Annotated[str, about("Name of the entry.")]
    constraint: Annotated[str, about("`fps` or `ap`.")]
    why: Annotated[str, about("In words.")]
    command: Annotated[str, about("What would decide it.")]


class Recommendation(msgspec.Struct, frozen=True):
    """What `posemark recommend --json` prints."""

    schema: Annotated[int, _SCHEMA]
    wishes: Annotated[Wishes, about("What was asked for.")]
    shortlist: Annotated[tuple[Choice, ...], about("What fits and nobody beats, best first.")]
    beaten: Annotated[tuple[Choice, ...], about("What fits besides.")]
    excluded: Annotated[tuple[Exclusion, ...], about("What does not fit.")]
    gains: Annotated[
        dict[str, tuple[str, ...]],
        about("By wish: the names that the shortlist would gain without it."),
    ]
    nearest: Annotated[
        dict[str, str], about("By wish: what comes nearest, where nothing fits, in words.")
    ]
    notes: Annotated[tuple[str, ...], about("Sentences on all of it.")]
    undecided: Annotated[tuple[Undecided, ...], about("What breaks no wish, and might break one.")]
    faster: Annotated[
        tuple[str, ...],
        about("Where nothing fits: sentences on what was measured and what ran faster here."),
    ]


class Estimate(msgspec.Struct, frozen=True):
    """A figure and the ends of its 95% interval."""

    point: Annotated[float, about("The figure.")]
    low: Annotated[float, about("The lower end.")]
    high: Annotated[float, about("The upper end.")]


class Change(msgspec.Struct, frozen=True):
    """One entry in both runs; a pair is (base, new)."""

    entry: Annotated[str, about("Name of the entry.")]
    call: Annotated[
        str, about("`slower`, `faster`, `no change`, `inconclusive` or `incomparable`.")
    ]
    why: Annotated[tuple[str, ...], about("Sentences, none where the figures say it all.")]
    settings: Annotated[tuple[str, ...], about("What differs and may.")]
    frames: Annotated[int, about("Pairs of frames.")]
    unpaired: Annotated[tuple[int, int], about("Frames without a partner.")]
    fps: Annotated[tuple[float, float] | None, about("Pose FPS over the pairs.", "1/s")]
    ratio: Annotated[float | None, about("Pose time of new over that of base.")]
    time: Annotated[Estimate | None, about("The same with its interval; null with too few blocks.")]
    sentinel: Annotated[
        float | None,
        about("Ratio of the fixed workload's median times; null where not recorded."),
    ]
    verdicts: Annotated[tuple[Worth, Worth], about("What the speeds are worth.")]
    ap: Annotated[tuple[float | None, float | None], about("AP, 0 to 1.")]
    ap_difference: Annotated[
        float | None,
        about("New less base, 0 to 1; null where they rest on other images or sigmas."),
    ]


class Gate(msgspec.Struct, frozen=True):
    """What --gate found."""

    gate: Annotated[float, about("Relative change of time: 0.05 for 5%.")]
    slower: Annotated[list[str], about("Entries proven slower by this much.")]
    undecided: Annotated[list[str], about("Entries of which it cannot be said.")]


class ComparedRuns(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `posemark compare --json` prints."""

    schema: Annotated[int, _SCHEMA]
    changes: Annotated[tuple[Change, ...], about("By entry, in the order of base.")]
    only_base: Annotated[tuple[str, ...], about("Entries of base without a partner.")]
    only_new: Annotated[tuple[str, ...], about("Entries of new without a partner.")]
    gate: Annotated[Gate | None, about("Absent without --gate.")] = None


class Loss(msgspec.Struct, frozen=True):
    """What a setting loses against the reference, on the same frames."""

    frames: Annotated[int, about("Frames compared.")]
    oks: Annotated[float | None, about("Mean similarity of the poses; null without people.")]
    ap_loss: Annotated[float | None, about("AP points (0 to 100); negative for a gain.")]
    unknown: Annotated[str, about("Why there is no AP; empty where there is one.")]


class TunedStep(msgspec.Struct, frozen=True):
    """A step that was tried."""

    step: Annotated[str, about("What was changed.")]
    options: Annotated[dict[str, Any], about("The options with it, as those of `posemark run`.")]
    kept: Annotated[bool, about("Whether it was kept.")]
    total: Annotated[float, about("Speed-up of all steps kept so far.")]
    gain: Annotated[
        Estimate | None, about("Speed-up over the best before it; null where not measured.")
    ]
    cost: Annotated[Loss | None, about("What it loses; null where speed had decided already.")]
    why: Annotated[str, about("In words; empty for a step kept without reserve.")]


class Tuning(msgspec.Struct, frozen=True):
    """What `posemark tune --json` prints."""

    schema: Annotated[int, _SCHEMA]
    entry: Annotated[str, about("Name of the entry.")]
    setting: Annotated[str, about("The file that keeps the fastest setting.")]
    start: Annotated[dict[str, Any], about("The options at the start.")]
    rungs: Annotated[tuple[TunedStep, ...], about("Every step in the order tried.")]
    best: Annotated[dict[str, Any], about("The options with all that was kept.")]
    total: Annotated[
        Estimate | None,
        about("Speed-up of best over start, measured directly; null where it was not."),
    ]
    cost: Annotated[Loss | None, about("What best loses; null where no step was kept.")]


class Identity(msgspec.Struct, frozen=True):
    """The machine, as records keep it."""

    label: Annotated[str | None, about("The user's own name (POSEMARK_MACHINE).")]
    board: Annotated[str | None, about("Computer or board, as its firmware names it.")]
    cpu: Annotated[str, about("The processor.")]
    cores: Annotated[int, about("Cores that this process may use.")]
    cpus: Annotated[int, about("Cores that the machine has.")]
    gpus: Annotated[tuple[str, ...], about("NVIDIA GPUs.")]
    memory_gib: Annotated[float, about("Memory of the machine.", "GiB")]
    os: Annotated[str, about("Operating system and version.")]


class Attained(msgspec.Struct, frozen=True):
    """How fast the machine does something."""

    per_second: Annotated[
        float, about("Median of all samples: multiply-accumulates, or bytes for memory.", "1/s")
    ]
    spread: Annotated[float, about("Distance between the quartiles as a share of the median.")]
    how: Annotated[str, about("The work that attained it.")]


class MachinePeaks(msgspec.Struct, frozen=True):
    """What `posemark machine --json` prints."""

    schema: Annotated[int, _SCHEMA]
    machine: Annotated[Identity, about("Which machine this is.")]
    threads: Annotated[int, about("CPU threads.")]
    peak: Annotated[dict[str, Attained], about("Arithmetic by precision.")]
    bandwidth: Annotated[Attained, about("From and to memory.")]
    taken: Annotated[
        dict[str, float],
        about("What other programs took meanwhile by kind, as a share of the machine."),
    ]
    disturbed: Annotated[
        str, about("What shows that the figures are too low, and were not kept; else empty.")
    ]
    measured: Annotated[str, about("Wall-clock time, ISO 8601, UTC.")]


class Address(msgspec.Struct, frozen=True):
    """An address of the registry, and what it says today."""

    name: Annotated[str, about("What the file is called, such as MODEL.TAG.")]
    url: Annotated[str, about("The address.")]
    host: Annotated[str, about("Its host.")]
    reachable: Annotated[bool, about("Whether the file is there.")]
    size: Annotated[
        str,
        about("`right` or `wrong`, as registered; `stated`: only the server says one; `unknown`."),
    ]
    bytes: Annotated[int | None, about("Size that the server states.", "bytes")]
    pin: Annotated[str, about("`SHA-256`, `prefix only`, `MD5 only` or `unpinned`.")]
    reason: Annotated[str, about("Why the file is not there, in words; else empty.")]
    doubt: Annotated[str, about("Why the host may not be what it was; else empty.")]


class Addresses(msgspec.Struct, frozen=True):
    """What `posemark weights doctor --json` prints."""

    schema: Annotated[int, _SCHEMA]
    addresses: Annotated[tuple[Address, ...], about("All that are registered, file by file.")]


def printed(kind: type[T], **parts: Any) -> str:
    """JSON text of one object with the version of its form.

    Args:
        kind: its type.
        parts: its fields but for the version; dataclasses and structs become the types declared.

    Returns:
        Indented JSON without a line feed at its end.
    """
    found = msgspec.convert({"schema": SCHEMA, **parts}, kind, from_attributes=True)
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
