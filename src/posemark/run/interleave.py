"""Runs the entries of a group in turns, block by block.

A drift of the machine, such as rising temperature, then affects all entries alike.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from posemark.core.errors import UsageError
from posemark.measure.clock import Budget
from posemark.measure.speed_interval import FEWEST_BLOCKS
from posemark.records import files
from posemark.run.header import weights_bytes
from posemark.run.measurement import (
    Circumstances,
    Measurement,
    NothingMeasuredError,
    Standing,
    Step,
    record_path,
    usual_people,
)
from posemark.run.prepare import Prepared
from posemark.run.time_budget import (
    PERFECT_SECONDS,
    Account,
    Turn,
    Work,
    next_turns,
    short_of_blocks,
    worth_opening,
)
from posemark.run.warm_up import WARM_UP_BOXES
from posemark.run.worker import Isolated, WorkerDiedError

MEMORY_SHARE = 0.6
"""Share of the free memory that a group may use; the rest is for the system, data and a margin."""

PROCESS_BYTES = 200 * 2**20
"""Bytes that each worker process needs besides the weights; the code of libraries is shared."""

BYTES_PER_PIXEL = 1500
"""Assumed memory for the maps of the widest layers, per pixel of network input. Measured: 950."""

ASPECT_RATIO = 1.5
"""Assumed ratio of the sides of an image. The input size of a bottom-up model names the shorter
side."""

Failed = WorkerDiedError | NothingMeasuredError
"""The errors that end one entry, while the others continue."""

T = TypeVar("T")


class Watcher(Protocol):
    """Receives the progress of a run; a place is the index of a job in the whole run."""

    def opening(self, place: int) -> None:
        """Called before the network of a job is built."""
        ...

    def ready(self, standings: Mapping[int, Standing], unable: Collection[int]) -> None:
        """Called when the networks of a group are built, before its first block.

        Args:
            standings: the progress of the opened jobs, by place.
            unable: places of the jobs that cannot reach an interval in the common time, including
                those that were not opened.
        """
        ...

    def step(self, place: int, step: Step) -> None:
        """Called after each frame."""
        ...

    def over(self, place: int, path: Path) -> None:
        """Called when a job has ended.

        Args:
            place: the place of the job.
            path: its record.
        """
        ...


class RunWatcher(Watcher, Protocol):
    """A watcher that also receives the entries that cannot continue."""

    def died(self, place: int, error: Failed) -> None:
        """Called when a job cannot continue; the other jobs do."""
        ...


class Lane(Protocol):
    """A measurement that can pause after each block.

    Measurement documents the methods.

    Attributes:
        path: the record.
    """

    path: Path

    @property
    def standing(self) -> Standing:
        """Return the progress."""
        ...

    def open(self) -> None:
        """Prepare the first block."""
        ...

    def block(self) -> bool:
        """Run one block; return False once the run is over."""
        ...

    def close(self) -> None:
        """Release the record and the network."""
        ...


class Shareable(Lane, Protocol):
    """A lane that can share one time budget with others."""

    def perfect(self, seconds: float | None) -> None:
        """Decode perfect outputs for the given time."""
        ...

    def half_width(self) -> float | None:
        """Return the relative half width of the interval of the pose FPS."""
        ...

    def end(self, reason: str) -> None:
        """Write the end of the record."""
        ...


def run_jobs(
    turns: Sequence[Sequence[Prepared]],
    out: Path,
    resume: bool,
    isolate: bool,
    watcher: RunWatcher,
    ceilings: Mapping[int, dict[str, float]] | None = None,
    time: Budget | None = None,
    alone: bool = True,
) -> None:
    """Measure every job into its record in a folder.

    If the process of a job dies, or nothing of it can be measured, the watcher receives the reason
    and the other jobs continue.

    Args:
        turns: the groups of jobs, from groups(); the jobs of a group take turns.
        out: the folder of the records.
        resume: whether each job continues its record where it stopped.
        isolate: whether each job runs in a process of its own. A single job runs in this process,
            which it does not share.
        watcher: receives the progress.
        ceilings: the measured peaks of the machine for the records, by number of threads.
        time: the budget of all jobs together. Each group gets its part of the remaining time; None
            without limit.
        alone: whether this process does nothing else, so that a single job may run in it.

    Raises:
        RecordError, DataError, RunError: as Measurement does, also NothingMeasuredError for a
            single job. The finished frames of all entries stay in their records.
    """
    entries, place = sum(map(len, turns)), 0
    single = alone and entries == 1
    kind = Isolated if isolate and not single else Measurement
    died = _raised if single else watcher.died
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
                    trial=time is None,
                ),
            )
            for number, job in jobs.items()
        }
        if time:
            ordered = {number: lanes[number] for number in _opening_order(jobs, out)}
            works = {number: _work(job) for number, job in jobs.items()}
            share = Budget(time.left * len(group) / (entries - place))
            share_time(ordered, works, watcher, share, died)
        else:
            take_turns(list(lanes.values()), place, watcher, died)
        place += len(group)


Died = Callable[[int, Failed], None]
"""Receives the place of a lane that cannot continue, and the reason."""


def _raised(_: int, error: Failed) -> None:
    raise error


def take_turns(lanes: Sequence[Lane], first: int, watcher: Watcher, died: Died = _raised) -> None:
    """Run all lanes to their ends, one block of each per round.

    All lanes are closed, even after an error.

    Args:
        lanes: the lanes.
        first: the place of the first lane in the whole run.
        watcher: receives the progress.
        died: is called if the process of a lane died or nothing of it could be measured, and the
            other lanes continue. Without it, the error is raised.
    """
    running: dict[int, Lane] = dict(enumerate(lanes, first))
    try:
        for place, lane in list(running.items()):
            watcher.opening(place)
            with _left_out(running, place, died):
                lane.open()
        watcher.ready({place: lane.standing for place, lane in running.items()}, [])
        while running:
            for place, lane in list(running.items()):
                with _left_out(running, place, died):
                    if not lane.block():
                        running.pop(place).close()
                        watcher.over(place, lane.path)
            # Every second round runs backwards. Otherwise each lane would always follow the same
            # neighbour.
            running = dict(reversed(running.items()))
    finally:
        _close_all(lanes)


@contextmanager
def _left_out(running: dict[int, T], place: int, died: Died) -> Generator[None]:
    """Remove a lane from those that run if it cannot continue after the block."""
    try:
        yield
    except (WorkerDiedError, NothingMeasuredError) as error:
        running.pop(place, None)
        died(place, error)


def _close_all(lanes: Iterable[Lane]) -> None:
    """Close all lanes, even if closing one is interrupted: Ctrl-C may come twice."""
    with ExitStack() as stack:
        for lane in lanes:
            stack.callback(lane.close)


class Left(Protocol):
    """A time limit that approaches, such as a Budget."""

    @property
    def left(self) -> float:
        """Return the remaining seconds."""
        ...


def share_time(
    lanes: Mapping[int, Shareable],
    works: Mapping[int, Work],
    watcher: Watcher,
    time: Left,
    died: Died = _raised,
) -> None:
    """Run lanes in turns within one common time; time_budget.next_turns() chooses the turns.

    A block begins only if it is expected to end in time; next_turns() names the one exception. A
    lane that was opened gets an end in its record. A lane for which there was no time is not opened
    and has no record. All lanes are closed, even after an error.

    Args:
        lanes: the lanes by place, in the order in which they are opened.
        works: the work of each lane, by place.
        watcher: receives the progress.
        time: the common time.
        died: as for take_turns.
    """
    try:
        accounts = _opened(lanes, works, watcher, time, died)
        unable = [place for place in lanes if place not in accounts]
        unable += short_of_blocks(accounts, time.left)
        watcher.ready({place: each.standing for place, each in accounts.items()}, unable)
        for place in [place for place, each in accounts.items() if each.standing.over]:
            with _left_out(accounts, place, died):
                lanes[place].block()  # writes the end that the record lacks
                _end(place, lanes[place], watcher)
        _share(lanes, accounts, watcher, time, died)
        for place in [place for place, each in accounts.items() if not each.standing.over]:
            with _left_out(accounts, place, died):
                lanes[place].end("within")
                _end(place, lanes[place], watcher)
    finally:
        _close_all(lanes.values())


def _opened(
    lanes: Mapping[int, Shareable],
    works: Mapping[int, Work],
    watcher: Watcher,
    time: Left,
    died: Died,
) -> dict[int, Account]:
    """Open the entries for which there is time; return their accounts, by place."""
    accounts: dict[int, Account] = {}
    for place, lane in lanes.items():
        before = time.left
        if not worth_opening(accounts, works[place], before):
            break
        watcher.opening(place)
        with _left_out(accounts, place, died):
            lane.open()
            accounts[place] = Account(works[place], lane.standing, before - time.left)
    return accounts


def _share(
    lanes: Mapping[int, Shareable],
    accounts: dict[int, Account],
    watcher: Watcher,
    time: Left,
    died: Died,
) -> None:
    """Run rounds until no turn fits into the remaining time, and update the accounts."""
    back = False
    while turns := next_turns(accounts, time.left):
        for number, turn in enumerate(reversed(turns) if back else turns):
            if number and turn.seconds > time.left:  # others took longer than expected
                continue
            if turn.place not in accounts:  # its process died in this round
                continue
            with _left_out(accounts, turn.place, died):
                _run_turn(turn, lanes[turn.place], accounts, time)
                if accounts[turn.place].standing.over:
                    _end(turn.place, lanes[turn.place], watcher)
        back = not back


def _run_turn(turn: Turn, lane: Shareable, accounts: dict[int, Account], time: Left) -> None:
    before = time.left
    if turn.action == "block":
        lane.block()
    else:
        lane.perfect(turn.seconds)
    seconds, standing = before - time.left, lane.standing
    width = lane.half_width() if standing.blocks >= FEWEST_BLOCKS else None
    accounts[turn.place] = accounts[turn.place].charged(turn, seconds, standing, width)


def _end(place: int, lane: Lane, watcher: Watcher) -> None:
    lane.close()
    watcher.over(place, lane.path)


def _evidence_key(job: Prepared) -> str:
    """Return a text that is equal for entries whose inference takes the same time."""
    options, entry = job.job.options, job.job.entry
    shared = (job.spec.network, job.spec.input_hw, job.boxes.kind, entry.scales, options.flip)
    running = (options.persons, options.crops_per_pass, options.threads, options.target)
    return repr((shared, running))


def _opening_order(jobs: Mapping[int, Prepared], out: Path) -> list[int]:
    """Return the places: jobs without a record first, and among these those with cheaper frames."""

    def cost(place: int) -> tuple[bool, float]:
        job = jobs[place]
        return files.begun(record_path(job, out)), _work(job).frame

    return sorted(jobs, key=cost)


def _work(job: Prepared) -> Work:
    inputs = sum(scale**2 for scale in job.job.entry.scales)
    once = float(job.spec.macs or 0) * inputs
    people = usual_people(job, job.frames)
    return Work(_evidence_key(job), once * people, once * min(people, WARM_UP_BOXES))


def groups(
    jobs: Sequence[Prepared], interleave: bool | None, isolate: bool, free_bytes: int
) -> list[list[Prepared]]:
    """Divide jobs into groups that run one after the other; the jobs of a group take turns.

    A sustained or paced run needs its device for itself, so such jobs never take turns.

    Args:
        jobs: the jobs.
        interleave: True for one group of all jobs, False for groups of one job, None for groups as
            large as fit into memory.
        isolate: whether each job runs in a process of its own.
        free_bytes: the free memory.

    Raises:
        UsageError: if interleave is True and a run is sustained or paced.
    """
    alone = any(job.job.options.repeats for job in jobs)
    if alone and interleave:
        raise UsageError(
            "--interleave makes entries take turns, but a sustained or paced run needs the device "
            "for itself. Leave --interleave out, or use --mode burst or overlapped."
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
    """Return the bytes that entries need while they take turns, estimated cautiously.

    All entries hold their weights, but only the running one holds maps. Each stream of an entry
    has weights and maps of its own.
    """
    weights = sum(weights_bytes(job) * job.job.options.frames_at_once for job in jobs)
    processes = len(jobs) * PROCESS_BYTES if isolate else PROCESS_BYTES
    return weights + processes + max(map(_pixels_at_once, jobs)) * BYTES_PER_PIXEL


def _pixels_at_once(job: Prepared) -> float:
    """Return the assumed number of pixels of the largest network inputs at the same time."""
    height, width = job.spec.input_hw
    longer = 1.0 if job.spec.method.fixed_size else ASPECT_RATIO
    pixels = height * width * longer * max(job.job.entry.scales) ** 2
    return pixels * job.job.options.frames_at_once
