"""Whether a run had the machine for itself, from what its blocks tell."""

from typing import TYPE_CHECKING

from posemark.records.files import Record

if TYPE_CHECKING:
    from posemark.measure.watch import Readings

MOST_TAKEN = {"other_cpu_ns": 0.05, "stolen_ns": 0.02, "held_ns": 0.01}
"""Of the machine's CPU time, by reading of a block. The services of an idle desktop take 1 to 2 %;
a hypervisor takes it in pieces of milliseconds, which reach p99; a quota that does not bite holds
nothing back at all."""

TAKEN = {
    "other_cpu_ns": "other processes took {} of the machine",
    "stolen_ns": "the hypervisor took {} of the machine",
    "held_ns": "a CPU quota held back {} of the machine",
}
"""What each reading says, in words; {} is the share."""


def share(record: Record, name: str) -> float | None:
    """Of the machine's CPU time over the blocks that tell this reading; None if none does."""
    readings = [block.readings for block in record.blocks if block.readings]
    told = [(getattr(each, name), each.wall_ns) for each in readings]
    told = [(value, wall_ns) for value, wall_ns in told if value is not None]
    machine_ns = record.header.facts.cpus * sum(wall_ns for _, wall_ns in told)
    return sum(value for value, _ in told) / machine_ns if machine_ns else None


def shares(readings: "Readings", cpus: int) -> dict[str, float]:
    """Of the machine's CPU time during one block, by the readings that the platform tells."""
    told = {name: getattr(readings, name) for name in MOST_TAKEN}
    machine_ns = cpus * readings.wall_ns
    return {name: value / machine_ns for name, value in told.items() if value is not None}


def contended(record: Record) -> bool:
    """Whether more of the machine was taken by others than a speed can bear."""
    return any((share(record, name) or 0.0) > most for name, most in MOST_TAKEN.items())
