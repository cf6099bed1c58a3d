"""The types that `recommend`, `compare`, `tune`, `machine` and `weights doctor` print with --json.

docs/json.md is generated from them, and from Result. `printed` fills each from the objects that
the program works on, whose names may change from release to release.
"""

from typing import Annotated, Any, TypeVar

import msgspec

from posemark.report.json_descriptions import SCHEMA, about
from posemark.report.json_result import Worth

T = TypeVar("T", bound=msgspec.Struct)

_SCHEMA = about("Version of this form.")


class Wishes(msgspec.Struct, frozen=True):
    """The requirements; null: no such requirement."""

    min_fps: Annotated[float | None, about("Least pose FPS with `people` in the frame.", "1/s")]
    people: Annotated[
        int | None, about("Number of people in a frame; null: as in the frames of the run.")
    ]
    max_ap_loss: Annotated[
        float | None, about("Most AP points (0 to 100) that may be lost against the best entry.")
    ]
    commercial: Annotated[bool, about("Whether code and weights must allow commercial use.")]
    max_memory: Annotated[int | None, about("Largest peak memory.", "bytes")]


class Choice(msgspec.Struct, frozen=True):
    """An entry that fits."""

    name: Annotated[str, about("Name of the entry, unique among all that were read.")]
    ap: Annotated[float, about("AP, 0 to 1: measured or published, as the notes say.")]
    fps: Annotated[float, about("Pose FPS with the requested number of people.", "1/s")]
    reasons: Annotated[tuple[str, ...], about("Phrases that say why it fits.")]
    beaten_by: Annotated[str, about("Name of a better entry; empty in `shortlist`.")]
    on_truth: Annotated[
        bool, about("Whether it was measured on annotated boxes, which an app does not have.")
    ]
    speed_valid: Annotated[bool, about("Whether the verdict on its speed is `valid`.")]


class Exclusion(msgspec.Struct, frozen=True):
    """An entry that does not fit; listed once for every requirement that it fails."""

    name: Annotated[str, about("Name of the entry.")]
    constraint: Annotated[str, about("`comparable`, `fps`, `ap`, `licence` or `memory`.")]
    why: Annotated[str, about("The reason in words.")]


class Undecided(msgspec.Struct, frozen=True):
    """An entry whose fit noise leaves open; listed once for every open requirement."""

    name: Annotated[str, about("Name of the entry.")]
    constraint: Annotated[str, about("`fps` or `ap`.")]
    why: Annotated[str, about("The reason in words.")]
    command: Annotated[str, about("The command whose measurement would decide it.")]


class Recommendation(msgspec.Struct, frozen=True):
    """What `posemark recommend --json` prints."""

    schema: Annotated[int, _SCHEMA]
    wishes: Annotated[Wishes, about("The requirements.")]
    shortlist: Annotated[
        tuple[Choice, ...], about("Entries that fit and that no other entry beats, best first.")
    ]
    beaten: Annotated[tuple[Choice, ...], about("The other entries that fit.")]
    excluded: Annotated[tuple[Exclusion, ...], about("Entries that do not fit.")]
    gains: Annotated[
        dict[str, tuple[str, ...]],
        about("By requirement: names of the entries that the shortlist would gain without it."),
    ]
    nearest: Annotated[
        dict[str, str],
        about("By requirement: the entry that comes nearest where no entry fits, in words."),
    ]
    notes: Annotated[tuple[str, ...], about("Sentences on the whole answer.")]
    undecided: Annotated[
        tuple[Undecided, ...],
        about("Entries that fail no requirement, but might fail one for all that is known."),
    ]
    faster: Annotated[
        tuple[str, ...],
        about(
            "Where speed is required and no entry fits: sentences on the measured settings and on "
            "those that ran faster here."
        ),
    ]


class Estimate(msgspec.Struct, frozen=True):
    """A figure and the ends of its 95% interval."""

    point: Annotated[float, about("The figure itself.")]
    low: Annotated[float, about("The lower end.")]
    high: Annotated[float, about("The upper end.")]


class Change(msgspec.Struct, frozen=True):
    """One entry in both runs; a pair is (base, new)."""

    entry: Annotated[str, about("Name of the entry.")]
    call: Annotated[
        str, about("`slower`, `faster`, `no change`, `inconclusive` or `incomparable`.")
    ]
    why: Annotated[tuple[str, ...], about("The reasons in words; empty where the figures suffice.")]
    settings: Annotated[tuple[str, ...], about("Differences that do not prevent the comparison.")]
    frames: Annotated[int, about("Number of pairs of frames.")]
    unpaired: Annotated[
        tuple[int, int], about("Number of frames of each run that are not in a pair.")
    ]
    fps: Annotated[tuple[float, float] | None, about("Pose FPS over the pairs.", "1/s")]
    ratio: Annotated[float | None, about("Pose time of new divided by that of base.")]
    time: Annotated[
        Estimate | None, about("The same ratio with its interval; null with too few blocks.")
    ]
    sentinel: Annotated[
        float | None,
        about("Ratio of the fixed workload's median times; null where it was not recorded."),
    ]
    verdicts: Annotated[tuple[Worth, Worth], about("What the speeds are worth.")]
    ap: Annotated[tuple[float | None, float | None], about("AP of both runs, 0 to 1.")]
    ap_difference: Annotated[
        float | None,
        about(
            "AP of new less that of base, -1 to 1; null where they rest on different images or "
            "sigmas."
        ),
    ]


class Gate(msgspec.Struct, frozen=True):
    """The outcome of --gate."""

    gate: Annotated[float, about("Relative change of time: 0.05 for 5%.")]
    slower: Annotated[list[str], about("Entries that are significantly slower by this much.")]
    undecided: Annotated[
        list[str], about("Entries for which it is unknown whether they are slower by this much.")
    ]


class ComparedRuns(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `posemark compare --json` prints."""

    schema: Annotated[int, _SCHEMA]
    changes: Annotated[tuple[Change, ...], about("The entries in both runs, in the order of base.")]
    only_base: Annotated[tuple[str, ...], about("Entries in base alone.")]
    only_new: Annotated[tuple[str, ...], about("Entries in new alone.")]
    gate: Annotated[Gate | None, about("The outcome of --gate; absent without it.")] = None


class Loss(msgspec.Struct, frozen=True):
    """What a setting loses against the reference, on the same frames."""

    frames: Annotated[int, about("Number of compared frames.")]
    oks: Annotated[
        float | None, about("Mean similarity (OKS) of the poses, 0 to 1; null without people.")
    ]
    ap_loss: Annotated[float | None, about("Lost AP in points (0 to 100); negative for a gain.")]
    unknown: Annotated[str, about("Why there is no AP; empty where there is one.")]


class TunedStep(msgspec.Struct, frozen=True):
    """A step that was tried."""

    step: Annotated[str, about("The change that was tried.")]
    options: Annotated[
        dict[str, Any], about("All options with this change, as those of `posemark run`.")
    ]
    kept: Annotated[bool, about("Whether the change was kept.")]
    total: Annotated[float, about("Speed-up of all changes kept so far.")]
    gain: Annotated[
        Estimate | None,
        about("Speed-up over the best options before it; null where it was not measured."),
    ]
    cost: Annotated[
        Loss | None, about("Loss of accuracy; null where the speed had already decided.")
    ]
    why: Annotated[str, about("The reason in words; empty for a change kept without reservation.")]


class Tuning(msgspec.Struct, frozen=True):
    """What `posemark tune --json` prints."""

    schema: Annotated[int, _SCHEMA]
    entry: Annotated[str, about("Name of the entry.")]
    setting: Annotated[str, about("The file in which the fastest setting is stored.")]
    goal: Annotated[
        str,
        about(
            "`latency`: speed-ups are those of the pose stages of one frame after the other; "
            "`throughput`: those of frames per second of wall time, all stages."
        ),
    ]
    start: Annotated[dict[str, Any], about("The options at the start.")]
    rungs: Annotated[tuple[TunedStep, ...], about("Every step in the order in which it was tried.")]
    best: Annotated[dict[str, Any], about("The options with all changes that were kept.")]
    total: Annotated[
        Estimate | None,
        about(
            "Speed-up of `best` over `start`, measured directly; null where it was not measured."
        ),
    ]
    cost: Annotated[
        Loss | None, about("Loss of accuracy of `best`; null where no change was kept.")
    ]


class Identity(msgspec.Struct, frozen=True):
    """What identifies the machine, as in records."""

    label: Annotated[str | None, about("The user's name for it (POSEMARK_MACHINE).")]
    board: Annotated[str | None, about("Computer or board, as its firmware names it.")]
    cpu: Annotated[str, about("Name of the processor.")]
    cores: Annotated[int, about("Number of cores that this process may use.")]
    cpus: Annotated[int, about("Number of cores of the machine.")]
    gpus: Annotated[tuple[str, ...], about("Names of NVIDIA GPUs.")]
    memory_gib: Annotated[float, about("Memory of the machine.", "GiB")]
    os: Annotated[str, about("Operating system and version.")]


class Attained(msgspec.Struct, frozen=True):
    """A rate that the machine attains."""

    per_second: Annotated[
        float,
        about("Median rate of all samples: multiply-accumulates, or bytes for memory.", "1/s"),
    ]
    spread: Annotated[float, about("Distance between the quartiles as a share of the median.")]
    how: Annotated[str, about("The workload that attained it.")]


class MachinePeaks(msgspec.Struct, frozen=True):
    """What `posemark machine --json` prints."""

    schema: Annotated[int, _SCHEMA]
    machine: Annotated[Identity, about("The machine.")]
    threads: Annotated[int, about("Number of CPU threads.")]
    peak: Annotated[dict[str, Attained], about("Peak arithmetic, by precision.")]
    bandwidth: Annotated[Attained, about("Memory bandwidth, reading and writing together.")]
    taken: Annotated[
        dict[str, float],
        about("Share of the machine that other programs used during the measurement, by kind."),
    ]
    disturbed: Annotated[
        str,
        about("Why the figures are too low and were not stored, in words; empty where they are."),
    ]
    measured: Annotated[str, about("Wall-clock time of the measurement, ISO 8601, UTC.")]


class Address(msgspec.Struct, frozen=True):
    """An address of the registry, and the present answer of its server."""

    name: Annotated[str, about("Name of the file, such as MODEL.TAG.")]
    url: Annotated[str, about("The address.")]
    host: Annotated[str, about("Host of the address.")]
    reachable: Annotated[bool, about("Whether the server has the file.")]
    size: Annotated[
        str,
        about(
            "`right` or `wrong`: whether the size is the registered one; `stated`: no size is "
            "registered, but the server states one; `unknown`."
        ),
    ]
    bytes: Annotated[int | None, about("Size that the server states.", "bytes")]
    pin: Annotated[
        str,
        about("Registered checksum: `SHA-256`, `prefix only`, `MD5 only` or `unpinned` (none)."),
    ]
    reason: Annotated[str, about("Why the file is not available, in words; else empty.")]
    doubt: Annotated[
        str, about("Why the address may fail or lead to another owner's files; else empty.")
    ]


class Addresses(msgspec.Struct, frozen=True):
    """What `posemark weights doctor --json` prints."""

    schema: Annotated[int, _SCHEMA]
    addresses: Annotated[tuple[Address, ...], about("All registered addresses, file by file.")]


def printed(kind: type[T], **parts: Any) -> str:
    """Return an object as JSON text with the version of its form.

    Args:
        kind: the type of the object.
        parts: its fields without the version; dataclasses and structs become the declared types.

    Returns:
        Indented JSON without a line feed at its end.
    """
    found = msgspec.convert({"schema": SCHEMA, **parts}, kind, from_attributes=True)
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
