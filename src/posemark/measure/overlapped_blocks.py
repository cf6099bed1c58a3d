"""Times frames that several threads process at the same time.

Each frame has a clock of its own. Frames are prepared before a block begins, because work of the
harness during a block would take the processor from the threads that are measured.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from posemark.core.errors import FrameError
from posemark.measure.clock import Budget, StageClock
from posemark.measure.loop import Process, Timed
from posemark.pipelines.overlapped import Streams

FrameT = TypeVar("FrameT")
WorkT = TypeVar("WorkT")
ResultT = TypeVar("ResultT")

PREPARED = 8
"""Frames per stream that are prepared before a block. They stay in memory, with their images as
files and, for an untrained network, with perfect maps."""


@dataclass(frozen=True)
class _Prepared(Generic[FrameT, WorkT]):
    """A frame with its work; None with the error that its preparation raised."""

    frame: FrameT
    work: WorkT | None
    error: str | None = None


class OverlappedBlocks(Generic[FrameT, WorkT, ResultT]):
    """Blocks of frames of which several are processed at the same time.

    Args:
        streams: the number of frames that are processed at the same time.
        frames: the frames of all blocks.
        prepare: makes the work of a frame; it runs between blocks.
        process: the timed callable; several threads call it at the same time.
    """

    def __init__(
        self,
        streams: int,
        frames: Iterator[FrameT],
        prepare: Callable[[FrameT], WorkT],
        process: Process[WorkT, ResultT],
    ) -> None:
        self._frames, self._prepare, self._process = frames, prepare, process
        self._prepared: deque[_Prepared[FrameT, WorkT]] = deque()
        self._most = PREPARED * streams
        self._clocks = [StageClock() for _ in range(streams)]
        self._budget = Budget(None)
        self._streams = Streams(streams, self._timed)

    @property
    def waiting(self) -> int:
        """Return the number of frames that are prepared, but not processed yet."""
        return len(self._prepared)

    def prepare(self) -> None:
        """Prepare frames for the next block. A frame that raises FrameError fails in the block."""
        while len(self._prepared) < self._most:
            frame = next(self._frames, None)
            if frame is None:
                return
            try:
                self._prepared.append(_Prepared(frame, self._prepare(frame)))
            except FrameError as error:
                self._prepared.append(_Prepared(frame, None, str(error)))

    def run(self, seconds: float) -> Iterator[tuple[FrameT, WorkT | None, Timed[ResultT]]]:
        """Process the prepared frames; no frame begins after these seconds.

        The rest stays for the next block.

        Yields:
            What measure.loop.run_block yields, in the order of the frames.

        Raises:
            Exception: any error of a thread but FrameError, which only costs its frame.
        """
        self._budget = Budget(seconds)
        block, self._prepared = self._prepared, deque()
        for each, timed in zip(block, self._streams.run(block), strict=True):
            if timed is None:
                self._prepared.append(each)
            else:
                yield each.frame, each.work, timed

    def _timed(self, stream: int, each: _Prepared[FrameT, WorkT]) -> Timed[ResultT] | None:
        """Process a frame in a thread; return None if the time of the block is over."""
        if each.work is None:
            return Timed({}, 0, None, each.error)
        if self._budget.used_up():
            return None
        clock = self._clocks[stream]
        clock.start()
        try:
            found = self._process(each.work, clock.lap)
        except FrameError as error:
            return Timed({}, 0, None, str(error))
        frame_ns = clock.stop()
        return Timed(clock.stages, frame_ns, found, stream=stream, began_ns=clock.began_ns)

    def close(self) -> None:
        """End the threads, after the frames that they have begun."""
        self._streams.close()
