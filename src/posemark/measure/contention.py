"""Judges from the readings of its blocks whether a run had the machine to itself."""

from typing import TYPE_CHECKING, Literal

from posemark.records.files import Record

if TYPE_CHECKING:
    from posemark.measure.watch import Readings

Taken = Literal["other_cpu_ns", "stolen_ns", "held_ns"]
"""A reading of CPU time that others took."""

MOST_TAKEN: dict[Taken, float] = {"other_cpu_ns": 0.05, "stolen_ns": 0.02, "held_ns": 0.01}
"""Largest share (0..1) of the machine's CPU time that others may take, by reading of a block.

The services of an idle desktop take 1 to 2 %. A hypervisor takes CPU time in pieces of
milliseconds, which affect p99. A quota that is large enough holds nothing back at all."""

TAKEN: dict[Taken, str] = {
    "other_cpu_ns": "other processes took {} of the machine",
    "stolen_ns": "the hypervisor took {} of the machine",
    "held_ns": "a CPU quota held back {} of the machine",
}
"""A phrase for each reading; {} is the share."""


def share(record: Record, name: str) -> float | None:
    """Return the fraction of the machine's CPU time that a reading accounts for.

    Args:
        record: the run.
        name: a reading: a key of MOST_TAKEN.

    Returns:
        The fraction (0..1) over the blocks that have this reading; None if no block has it.
    """
    lines = [block.readings for block in record.blocks if block.readings]
    readings = [(getattr(line, name), line.wall_ns) for line in lines]
    known = [(value, wall_ns) for value, wall_ns in readings if value is not None]
    machine_ns = record.header.facts.cpus * sum(wall_ns for _, wall_ns in known)
    return sum(value for value, _ in known) / machine_ns if machine_ns else None


def shares(readings: "Readings", cpus: int) -> dict[Taken, float]:
    """Return the fractions (0..1) of the machine's CPU time that others took during one block.

    Args:
        readings: the readings of the block.
        cpus: the number of logical cores of the machine.

    Returns:
        The fractions by reading; readings that the platform does not provide are left out.
    """
    values: dict[Taken, int | None] = {name: getattr(readings, name) for name in MOST_TAKEN}
    machine_ns = cpus * readings.wall_ns
    return {name: value / machine_ns for name, value in values.items() if value is not None}


def contended(record: Record) -> bool:
    """Return whether others took more of the machine than a valid speed permits (MOST_TAKEN)."""
    return any((share(record, name) or 0.0) > most for name, most in MOST_TAKEN.items())
