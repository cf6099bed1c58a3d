"""Taking turns: block by block, entry after entry, so that what drifts hits all alike."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Protocol

from posemark.core.errors import UsageError
from posemark.measure.clock import Budget
from posemark.measure.speed_interval import FEWEST_BLOCKS
from posemark.records import files
from posemark.run.header import weights_bytes
from posemark.run.measurement import (
    WARM_UP_BOXES,
    Circumstances,
    Measurement,
    Standing,
    Step,
    record_path,
    usual_people,
)
from posemark.run.prepare import Prepared
from posemark.run.time_budget import (
    PERFECT_SECONDS,
    Account,
    Work,
    next_turns,
    short_of_blocks,
    worth_opening,
)
from posemark.run.worker import Isolated

MEMORY_SHARE = 0.6
"""Of the memory that is free now: the rest is the system's, the data's and a margin."""

PROCESS = 200 * 2**20
"""Bytes that a process of its own holds beside the weights; the libraries' code is shared."""

BYTES_A_PIXEL = 1500
"""Of network input, while a frame is worked on: maps of the widest layers. Measured: 950."""

LONGER_SIDE = 1.5
"""Of an image to its shorter one, which is what a bottom-up model's input size names."""


class Watcher(Protocol):
    """Hears what happens; place: of a job in the list.

    ready: the networks of a group are built, the first block comes next; unable: the places that
    the common time cannot carry to an interval, those that were not opened included.
    """

    def opening(self, place: int) -> None: ...

    def ready(self, standings: Mapping[int, Standing], unable: Collection[int]) -> None: ...

    def step(self, place: int, step: Step) -> None: ...

    def over(self, place: int, path: Path) -> None: ...


class Lane(Protocol):
    """A measurement that can pause after each block; see Measurement."""

    path: Path

    @property
    def standing(self) -> Standing: ...

    def open(self) -> None: ...

    def block(self) -> bool: ...

    def close(self) -> None: ...


class Shareable(Lane, Protocol):
    """A measurement that can share its time with others."""

    def perfect(self, seconds: float | None) -> None: ...

    def half_width(self) -> float | None: ...

    def end(self, reason: str) -> None: ...


def run_jobs(
    turns: Sequence[Sequence[Prepared]],
    out: Path,
    resume: bool,
    isolate: bool,
    watcher: Watcher,
    ceilings: Mapping[int, dict[str, float]] | None = None,
    time: Budget | None = None,
) -> None:
    """Measure every job into its record in `out`; with resume, go on where each stopped.

    turns: groups of jobs, see groups(). isolate: a process of its own for every job; a single
    job has this one for itself anyhow. ceilings: what the machine attains, for the records, by
    threads. time: that all jobs share; each group has its part of what is left.

    Raises:
        RecordError, DataError, RunError: as Measurement does. What other entries have finished
            by then stays in their records.
    """
    entries, place = sum(map(len, turns)), 0
    kind = Isolated if isolate and entries > 1 else Measurement
    for group in turns:
        jobs = dict(enumerate(group, place))
        lanes = {
            number: kind(
                job,
                out,
                resume,
                partial(watcher.step, number),
                Circumstances(
                    own_process=isolate or entries == 1,
                    turns=len(group),
                    ceiling=(ceilings or {}).get(job.job.options.threads),
                    perfect_seconds=PERFECT_SECONDS if time else None,
                ),
            )
            for number, job in jobs.items()
        }
        if time:
            ordered = {number: lanes[number] for number in _opening_order(jobs, out)}
            works = {number: _work(job) for number, job in jobs.items()}
            share = Budget(time.left * len(group) / (entries - place))
            share_time(ordered, works, watcher, share)
        else:
            take_turns(list(lanes.values()), place, watcher)
        place += len(group)


def take_turns(lanes: Sequence[Lane], first: int, watcher: Watcher) -> None:
    """Run every lane to its end, a block each in turn; all are closed whatever happens.

    first: place of the first lane in the whole run.
    """
    running: dict[int, Lane] = dict(enumerate(lanes, first))
    try:
        for place, lane in running.items():
            watcher.opening(place)
            lane.open()
        watcher.ready({place: lane.standing for place, lane in running.items()}, [])
        while running:
            for place, lane in list(running.items()):
                if not lane.block():
                    running.pop(place).close()
                    watcher.over(place, lane.path)
            # There and back: else each would always follow the same neighbour.
            running = dict(reversed(running.items()))
    finally:
        _close_all(lanes)


def _close_all(lanes: Iterable[Lane]) -> None:
    """Close every lane, though closing one is interrupted: Ctrl-C may come twice."""
    with ExitStack() as stack:
        for lane in lanes:
            stack.callback(lane.close)


class Left(Protocol):
    """A time that runs out. left: seconds until it is over."""

    @property
    def left(self) -> float: ...


def share_time(
    lanes: Mapping[int, Shareable], works: Mapping[int, Work], watcher: Watcher, time: Left
) -> None:
    """Run lanes in turns for so long together; sharing.next_turns() says who is next.

    No block begins that is not expected to end in time. A lane that has a block gets its end,
    one that there was no time to open has no record. All are closed whatever happens.

    lanes: by place, in the order in which they are opened. works: what they ask.
    """
    try:
        accounts = _opened(lanes, works, watcher, time)
        unable = [place for place in lanes if place not in accounts]
        unable += short_of_blocks(accounts, time.left)
        watcher.ready({place: each.standing for place, each in accounts.items()}, unable)
        for place in [place for place, each in accounts.items() if each.standing.over]:
            lanes[place].block()  # which ends a record that has everything but its end
            _end(place, lanes[place], watcher)
        _share(lanes, accounts, watcher, time)
        for place in [place for place, each in accounts.items() if not each.standing.over]:
            lanes[place].end("within")
            _end(place, lanes[place], watcher)
    finally:
        _close_all(lanes.values())


def _opened(
    lanes: Mapping[int, Shareable], works: Mapping[int, Work], watcher: Watcher, time: Left
) -> dict[int, Account]:
    """The entries that there is time for, ready for their first block."""
    accounts: dict[int, Account] = {}
    for place, lane in lanes.items():
        before = time.left
        if not worth_opening(accounts, works[place], before):
            break
        watcher.opening(place)
        lane.open()
        accounts[place] = Account(works[place], lane.standing, before - time.left)
    return accounts


def _share(
    lanes: Mapping[int, Shareable], accounts: dict[int, Account], watcher: Watcher, time: Left
) -> None:
    """The rounds; accounts are brought up to date."""
    back = False
    while turns := next_turns(accounts, time.left):
        for number, turn in enumerate(reversed(turns) if back else turns):
            if number and turn.seconds > time.left:  # others took longer than expected
                continue
            lane, before = lanes[turn.place], time.left
            if turn.action == "block":
                lane.block()
            else:
                lane.perfect(turn.seconds)
            seconds, standing = before - time.left, lane.standing
            width = lane.half_width() if standing.blocks >= FEWEST_BLOCKS else None
            accounts[turn.place] = accounts[turn.place].charged(turn, seconds, standing, width)
            if standing.over:
                _end(turn.place, lane, watcher)
        back = not back


def _end(place: int, lane: Lane, watcher: Watcher) -> None:
    lane.close()
    watcher.over(place, lane.path)


def _evidence_key(job: Prepared) -> str:
    """The same for entries whose inference takes the same time."""
    options, entry = job.job.options, job.job.entry
    shared = (job.spec.network, job.spec.input_hw, job.boxes.kind, entry.scales, options.flip)
    running = (options.persons, options.crops_per_pass, options.threads, options.target)
    return repr((shared, running))


def _opening_order(jobs: Mapping[int, Prepared], out: Path) -> list[int]:
    """Places: what has no record first, then by what a frame costs."""

    def cost(place: int) -> tuple[bool, float]:
        job = jobs[place]
        return files.begun(record_path(job, out)), _work(job).frame

    return sorted(jobs, key=cost)


def _work(job: Prepared) -> Work:
    inputs = sum(scale**2 for scale in job.job.entry.scales)
    once = float(job.spec.macs or 0) * inputs
    people = usual_people(job.boxes, job.frames)
    return Work(_evidence_key(job), once * people, once * min(people, WARM_UP_BOXES))


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
    longer = 1.0 if job.spec.method.fixed_size else LONGER_SIDE
    return height * width * longer * max(job.job.entry.scales) ** 2
