"""Lists what a run left undecided, and the commands that measure what is missing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from posemark.cli.console import command_with

if TYPE_CHECKING:
    from posemark.report.result_row import Row
    from posemark.run.prepare import Prepared

MOST_NAMES = 2
"""If more entries than this need the same, they are named by their letters."""

MARGIN = 1.2
"""Factor on the time that the entries need, because turns do not divide it evenly."""


@dataclass(frozen=True)
class Undecided:
    """An entry whose speed is not decided.

    Attributes:
        job: The prepared job of the entry.
        wanted: What it still needs, in words.
        seconds: Measuring time that it still needs; 0 if unknown.
        all_frames: Whether it has measured all frames of its data.
        restart: Whether its measurement must start again, because nothing that was measured counts.
    """

    job: "Prepared"
    wanted: str
    seconds: float
    all_frames: bool = False
    restart: bool = False


def undecided(jobs: "Sequence[Prepared]", rows: "Mapping[int, Row]") -> list[Undecided]:
    """The entries of a run whose speed is not decided, in the order in which they were named.

    Args:
        jobs: All jobs of the run.
        rows: The rows of the entries that were begun, by place in `jobs`.
    """
    return list(_undecided(jobs, rows))


def _undecided(jobs: "Sequence[Prepared]", rows: "Mapping[int, Row]") -> Iterator[Undecided]:
    from posemark.report.missing_evidence import need, words

    for place, job in enumerate(jobs):
        if place not in rows:
            yield Undecided(job, "not started", 0.0)
        elif wanted := need(rows[place]):
            row, options = rows[place], job.job.options
            frames = len(job.frames) * options.repeat
            all_frames = not options.repeats and row.frames + row.failed_frames >= frames
            restart = bool(wanted.anew)
            yield Undecided(job, words(wanted), wanted.seconds or 0.0, all_frames, restart)


def lines(
    found: Sequence[Undecided], entries: int, opening: float, context: typer.Context, out: Path
) -> list[str]:
    """The lines to print at the end of a run; empty if every entry is decided.

    Args:
        found: The undecided entries.
        entries: Number of entries in the run.
        opening: Seconds to build a network and to warm it up.
        context: The context of the command that was given.
        out: The folder of its records.
    """
    if not found:
        return []
    said = ["undecided entries, and what each still needs:", *_needs(found)]
    continued = [each for each in found if not (each.all_frames or each.restart)]
    if continued:
        changes = _changes(continued, entries, opening, context)
        said.append(f"to continue: {command_with(context, changes | {'out': out, 'resume': True})}")
    restarted = [each for each in found if each.restart]
    if restarted:
        changes = _changes(restarted, entries, opening, context) | {"out": None, "resume": None}
        said.append(f"to measure again: {command_with(context, changes)}")
    if any(each.all_frames and not each.restart for each in found):
        said.append(
            "if all frames of the data are measured already, run again with --repeat, which goes "
            "through them several times, and another --out folder"
        )
    return said


def _needs(found: Sequence[Undecided]) -> Iterator[str]:
    """One line per need, with the entries that share it."""
    sharing: dict[str, list[Prepared]] = {}
    for each in found:
        sharing.setdefault(each.wanted, []).append(each.job)
    for wanted, jobs in sharing.items():
        many = len(jobs) > MOST_NAMES
        names = [(many and job.job.entry.letter) or job.key for job in jobs]
        yield f"  {', '.join(names)}: {wanted}"


def _changes(
    found: Sequence[Undecided], entries: int, opening: float, context: typer.Context
) -> dict[str, object]:
    """The options that must change to continue the run with only these of its entries."""
    from posemark.run.best_weights import default_weights

    options, given = found[0].job.job.options, context.params
    weights = given["weights"] or default_weights(options.data)
    names = [_name(each.job, weights) for each in found]
    changes: dict[str, object] = {
        "entries": names if len(found) < entries else given["entries"],
        "limit": None,
        "until": f"{100 * options.until:g}%" if options.until else None,
    }
    if options.repeats:
        return changes | {"budget": options.budget}
    seconds = len(found) * opening + MARGIN * _seconds(found)
    return changes | {"budget": None, "within": f"{ceil(seconds / 60)}m"}


def _seconds(found: Sequence[Undecided]) -> float:
    return sum(each.seconds for each in found)


def _name(prepared: "Prepared", weights: str) -> str:
    """The word that names an entry on a command line with these --weights."""
    from posemark.cards import built_in

    entry, own = prepared.job.entry, prepared.job.options.weights
    tag = f".{own}" if own != weights and not entry.card else ""
    known = built_in().get(entry.model)
    card = (
        entry.card if str(known) != entry.card else None
    )  # PoseMark's own cards are named by their model
    return f"{card or entry.model}{tag}@{entry.variant}"
