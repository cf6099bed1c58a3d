"""Taking turns: block by block, entry after entry, so that what drifts hits all alike."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Protocol

from posemark.core.errors import UsageError
from posemark.jobs.header import weights_bytes
from posemark.jobs.isolated import Isolated
from posemark.jobs.measurement import Circumstances, Measurement, Step
from posemark.jobs.prepare import Prepared

MEMORY_SHARE = 0.6
"""Of the memory that is free now: the rest is the system's, the data's and a margin."""

PROCESS = 200 * 2**20
"""Bytes that a process of its own holds beside the weights; the libraries' code is shared."""

BYTES_A_PIXEL = 1500
"""Of network input, while a frame is worked on: maps of the widest layers. Measured: 950."""

LONGER_SIDE = 1.5
"""Of an image to its shorter one, which is what a bottom-up model's input size names."""


class Watcher(Protocol):
    """Hears what happens; place: of a job in the list."""

    def opening(self, place: int) -> None: ...

    def step(self, place: int, step: Step) -> None: ...

    def over(self, place: int, path: Path) -> None: ...


class Lane(Protocol):
    """A measurement that can pause after each block."""

    path: Path

    def open(self) -> None: ...

    def block(self) -> bool: ...

    def close(self) -> None: ...


def run_jobs(
    turns: Sequence[Sequence[Prepared]],
    out: Path,
    resume: bool,
    isolate: bool,
    watcher: Watcher,
    ceiling: dict[str, float] | None = None,
) -> None:
    """Measure every job into its record in `out`; with resume, go on where each stopped.

    turns: groups of jobs, see groups(). isolate: a process of its own for every job; a single
    job has this one for itself anyhow. ceiling: what the machine attains, for the records.

    Raises:
        RecordError, DataError, RunError: as Measurement does. What other entries have finished
            by then stays in their records.
    """
    entries, place = sum(map(len, turns)), 0
    for group in turns:
        circumstances = Circumstances(isolate or entries == 1, len(group), ceiling)
        kind = Isolated if isolate and entries > 1 else Measurement
        lanes = [
            kind(job, out, resume, partial(watcher.step, number), circumstances)
            for number, job in enumerate(group, place)
        ]
        take_turns(lanes, place, watcher)
        place += len(group)


def take_turns(lanes: Sequence[Lane], first: int, watcher: Watcher) -> None:
    """Run every lane to its end, a block each in turn; all are closed whatever happens.

    first: place of the first lane in the whole run.
    """
    running = dict(enumerate(lanes, first))
    try:
        for place, lane in running.items():
            watcher.opening(place)
            lane.open()
        while running:
            for place, lane in list(running.items()):
                if not lane.block():
                    running.pop(place).close()
                    watcher.over(place, lane.path)
            # There and back: else each would always follow the same neighbour.
            running = dict(reversed(running.items()))
    finally:
        _close_all(lanes)


def _close_all(lanes: Sequence[Lane]) -> None:
    """Close every lane, though closing one is interrupted: Ctrl-C may come twice."""
    with ExitStack() as stack:
        for lane in lanes:
            stack.callback(lane.close)


def groups(
    jobs: Sequence[Prepared], interleave: bool | None, isolate: bool, free_bytes: int
) -> list[list[Prepared]]:
    """Which jobs take turns with each other; the groups run one after the other.

    interleave: True for all, False for none, None for as many as fit into memory. A sustained
    or paced run heats and paces its device for itself, so such entries never take turns.

    Raises:
        UsageError: if interleaving is asked for where it makes no sense.
    """
    alone = any(job.job.options.mode != "burst" for job in jobs)
    if alone and interleave:
        raise UsageError(
            "--interleave makes entries take turns, but a sustained or paced run needs the device "
            "for itself. Leave --interleave out, or use --mode burst."
        )
    if interleave:
        return [list(jobs)]
    if alone or interleave is False:
        return [[job] for job in jobs]
    return list(_fitting(jobs, isolate, MEMORY_SHARE * free_bytes))


def _fitting(
    jobs: Sequence[Prepared], isolate: bool, free_bytes: float
) -> Iterator[list[Prepared]]:
    group: list[Prepared] = []
    for job in jobs:
        if group and memory_need([*group, job], isolate) > free_bytes:
            yield group
            group = []
        group.append(job)
    if group:
        yield group


def memory_need(jobs: Sequence[Prepared], isolate: bool) -> float:
    """Bytes that these entries need while they take turns; a guess on the safe side.

    All hold their weights; only the one whose turn it is holds maps.
    """
    weights = sum(map(weights_bytes, jobs))
    processes = len(jobs) * PROCESS if isolate else PROCESS
    return weights + processes + max(_pixels(job) for job in jobs) * BYTES_A_PIXEL


def _pixels(job: Prepared) -> float:
    """Of the largest input."""
    height, width = job.spec.input_hw
    longer = 1.0 if job.spec.codec else LONGER_SIDE
    return height * width * longer * max(job.job.entry.scales) ** 2
