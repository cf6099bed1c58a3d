"""What a run leaves undecided: what each such entry still needs, and the command that goes on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from posemark.cli.console import command_again

if TYPE_CHECKING:
    from posemark.report.result_row import Row
    from posemark.run.prepare import Prepared

MOST_NAMES = 2
"""Entries that are named in full where they need the same."""

MARGIN = 1.2
"""Of the time that the entries need: turns do not divide it without a rest."""


@dataclass(frozen=True)
class Undecided:
    """An entry whose speed is not decided: what it wants, in words and in seconds.

    all_frames: it has measured all of its data. anew: nothing that was measured counts.
    """

    job: "Prepared"
    wanted: str
    seconds: float
    all_frames: bool = False
    anew: bool = False


def undecided(jobs: "Sequence[Prepared]", rows: "Mapping[int, Row]") -> list[Undecided]:
    """Entries of a run without a decided speed, in the order in which they were named.

    rows: of those that were begun, by place in jobs.
    """
    return list(_undecided(jobs, rows))


def _undecided(jobs: "Sequence[Prepared]", rows: "Mapping[int, Row]") -> Iterator[Undecided]:
    from posemark.report.missing_evidence import need, words

    for place, job in enumerate(jobs):
        if place not in rows:
            yield Undecided(job, "not begun", 0.0)
        elif wanted := need(rows[place]):
            row, options = rows[place], job.job.options
            frames = len(job.frames) * options.repeat
            all_frames = options.mode == "burst" and row.frames + row.failed_frames >= frames
            anew = bool(wanted.anew)
            yield Undecided(job, words(wanted), wanted.seconds or 0.0, all_frames, anew)


def lines(
    found: Sequence[Undecided], entries: int, opening: float, context: typer.Context, out: Path
) -> list[str]:
    """What is printed at the end of a run; nothing where every entry is decided.

    entries: of the run. opening: seconds to build a network and warm it up. context: of the
    command that was given. out: its records.
    """
    if not found:
        return []
    said = ["undecided, and what each still needs:", *_needs(found)]
    again = [each for each in found if not (each.all_frames or each.anew)]
    if again:
        changes = _changes(again, entries, opening, context)
        said.append(f"to go on: {command_again(context, changes | {'out': out, 'resume': True})}")
    anew = [each for each in found if each.anew]
    if anew:
        changes = _changes(anew, entries, opening, context) | {"out": None, "resume": None}
        said.append(f"to measure anew: {command_again(context, changes)}")
    if any(each.all_frames and not each.anew for each in found):
        said.append(
            "where all frames of the data are measured, --repeat goes through them several times, "
            "in another --out folder"
        )
    return said


def _needs(found: Sequence[Undecided]) -> Iterator[str]:
    """One line per need, with the entries that share it; many are named by their letters."""
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
    """The options that differ when a run goes on with these of its entries."""
    from posemark.run.best_weights import default_weights

    options, given = found[0].job.job.options, context.params
    weights = given["weights"] or default_weights(options.data)
    names = [_name(each.job, weights) for each in found]
    changes: dict[str, object] = {
        "entries": names if len(found) < entries else given["entries"],
        "limit": None,
        "until": f"{100 * options.until:g}%" if options.until else None,
    }
    if options.mode != "burst":
        return changes | {"budget": options.budget}
    seconds = len(found) * opening + MARGIN * _seconds(found)
    return changes | {"budget": None, "within": f"{ceil(seconds / 60)}m"}


def _seconds(found: Sequence[Undecided]) -> float:
    return sum(each.seconds for each in found)


def _name(prepared: "Prepared", weights: str) -> str:
    """What stands for an entry on a command line with these --weights."""
    from posemark.cards import built_in

    entry, own = prepared.job.entry, prepared.job.options.weights
    tag = f".{own}" if own != weights and not entry.card else ""
    known = built_in().get(entry.model)
    card = entry.card if str(known) != entry.card else None  # its model is name enough
    return f"{card or entry.model}{tag}@{entry.variant}"
