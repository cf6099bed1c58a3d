"""The run loop: times one frame after the other, as from a camera.

As in MLPerf's LoadGen, the loop knows nothing about models: it receives frames and callables,
times one of the callables, and yields every measurement.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from posemark.core.errors import FrameError
from posemark.measure.clock import Budget, StageClock, now_ns

FrameT = TypeVar("FrameT")
WorkT = TypeVar("WorkT")
InputT = TypeVar("InputT", contravariant=True)
OutputT = TypeVar("OutputT", covariant=True)
ResultT = TypeVar("ResultT")

WARM_UP_ROUNDS = 3
"""Warm-up passes, unless WARM_UP_SECONDS have passed before."""

WARM_UP_SECONDS = 2.0
"""No further warm-up pass begins after this time: one pass warms up a slow network."""

FEWEST_FRAMES = 3
"""Frames that are measured at least, whatever the budget: the line over people needs them."""

BLOCK_SECONDS = 0.5
"""Duration of a block of frames: long enough that switching between entries costs little, short
enough that a budget of seconds has several blocks."""


class Process(Protocol[InputT, OutputT]):
    """The timed callable: it takes the work and lap(stage), and returns a result."""

    def __call__(self, work: InputT, lap: Callable[[str], None], /) -> OutputT: ...


@dataclass(frozen=True)
class Timed(Generic[ResultT]):
    """The measurement of one frame.

    Attributes:
        stages: nanoseconds by stage.
        frame_ns: nanoseconds from start to end.
        found: what the timed callable returned; None if the frame could not be used.
        error: why the frame could not be used; the other fields are empty then.
        stream: number of the thread that processed the frame; 0 if there is only one.
        began_ns: monotonic time of the start if frames overlap; else 0.
    """

    stages: dict[str, int]
    frame_ns: int
    found: ResultT | None
    error: str | None = None
    stream: int = 0
    began_ns: int = 0


def warm_up(work: WorkT, process: Process[WorkT, object]) -> int:
    """Run a frame a few times without recording, until caches, allocators and kernels are warm.

    Returns:
        Nanoseconds of the shortest pass, an estimate of the time of such a frame.
    """
    clock, enough = StageClock(), Budget(WARM_UP_SECONDS)
    taken_ns: list[int] = []
    while len(taken_ns) < WARM_UP_ROUNDS:
        clock.start()
        process(work, clock.lap)
        taken_ns.append(clock.stop())
        if enough.used_up():
            break
    return min(taken_ns)


def run_block(
    frames: Iterator[FrameT],
    prepare: Callable[[FrameT], WorkT],
    process: Process[WorkT, ResultT],
    seconds: float | None,
) -> Iterator[tuple[FrameT, WorkT | None, Timed[ResultT]]]:
    """Time frames one after the other, until the seconds are used up.

    A frame that raises FrameError is yielded with the message of the error, and the run
    continues.

    Args:
        frames: the frames.
        prepare: makes the work of a frame; it runs outside the clock.
        process: the timed callable.
        seconds: the block ends after the frame in which this time passes; None if it ends with
            the last frame.

    Yields:
        The frame, its work (None if it could not be prepared) and its measurement.
    """
    clock, budget = StageClock(), Budget(seconds)
    for frame in frames:
        work = None
        try:
            work = prepare(frame)
            clock.start()
            found = process(work, clock.lap)
            timed = Timed(clock.stages, clock.stop(), found)
        except FrameError as error:
            timed = Timed[ResultT]({}, 0, None, str(error))
        yield frame, work, timed
        if budget.used_up():
            return


def time_of(workload: Callable[[], object]) -> int:
    """Return the nanoseconds that one call takes."""
    begin = now_ns()
    workload()
    return now_ns() - begin
