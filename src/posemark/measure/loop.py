"""The run loop: one frame after the other, as from a camera.

It is ignorant on purpose (as MLPerf's LoadGen): it gets frames and callables, times the one
callable that counts, and hands everything it saw to the writer.
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
WARM_UP_SECONDS = 2.0
"""No further warm-up pass begins after this: slow frames are warm after one."""

FEWEST_FRAMES = 3
"""A budget leaves at least this many frames: what people cost needs a line through them."""

BLOCK_SECONDS = 0.5
"""A block of frames: long enough that switching entries costs nothing, short enough that a
budget of seconds has several."""


class Process(Protocol[InputT, OutputT]):
    """The timed callable: work and lap(stage) in, a result out."""

    def __call__(self, work: InputT, lap: Callable[[str], None], /) -> OutputT: ...


@dataclass(frozen=True)
class Timed(Generic[ResultT]):
    """What one frame gave.

    Attributes:
        stages: nanoseconds by stage. frame_ns: nanoseconds of the frame as a whole.
        found: what the timed callable returned; None if the frame could not be used.
        error: why it could not; nothing else is set then.
    """

    stages: dict[str, int]
    frame_ns: int
    found: ResultT | None
    error: str | None = None


def warm_up(work: WorkT, process: Process[WorkT, object]) -> int:
    """Run a frame a few times unrecorded: caches, allocators and kernels settle.

    Returns:
        Nanoseconds of the shortest pass: roughly what such a frame will take.
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
    seconds: float,
) -> Iterator[tuple[FrameT, WorkT | None, Timed[ResultT]]]:
    """Time frames one after the other; ends after the frame that uses up the seconds.

    prepare runs outside the clock, process inside. A frame that raises FrameError is handed
    out with its message, and the run goes on; the work is None if it could not be prepared.
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
    """Nanoseconds that one call takes."""
    begin = now_ns()
    workload()
    return now_ns() - begin
