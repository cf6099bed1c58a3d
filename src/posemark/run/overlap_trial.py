"""Measures frames one by one before an overlapped run, to predict the gain of overlapping."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from posemark.core.errors import FrameError
from posemark.core.frame import Frame
from posemark.measure.clock import Budget, StageClock
from posemark.measure.loop import FEWEST_FRAMES, warm_up
from posemark.pipelines import Pipeline, Work
from posemark.records.schema import TrialLine
from posemark.run.build import build_estimator, set_image_threads
from posemark.run.prepare import Prepared

SECONDS = 3.0
"""Seconds after which no further frame is measured."""

MOST_FRAMES = 40
"""Number of frames, the first of the run, which it will measure in any case."""


def trial(prepared: Prepared, stream: Pipeline[Any], frames: Iterable[Frame]) -> list[TrialLine]:
    """Measure frames alone: on all threads of the job, and on those of one stream, in turns.

    Args:
        prepared: an overlapped job.
        stream: its pipeline, whose sessions have the threads of one stream.
        frames: the frames of the run; those that cannot be used are left out.

    Raises:
        PoseMarkError: if the network cannot be opened on all threads.
    """
    options = replace(prepared.job.options, mode="burst", streams=None)
    one_by_one = replace(prepared, job=replace(prepared.job, options=options))
    whole = build_estimator(one_by_one).pipeline
    sides = (_Side(whole, options.threads), _Side(stream, prepared.job.options.threads_per_frame))
    try:
        return list(_lines(prepared, sides, frames))
    finally:
        sides[1].use_threads()


class _Side:
    """A pipeline and the number of threads that it has; OpenCV's are those of the process."""

    def __init__(self, pipeline: Pipeline[Any], threads: int) -> None:
        self.pipeline, self._threads, self._warm = pipeline, threads, False

    def use_threads(self) -> None:
        set_image_threads(self._threads)

    def measured(self, work: Work[Any]) -> dict[str, int]:
        """Return nanoseconds by stage."""
        self.use_threads()
        if not self._warm:
            warm_up(work, self.pipeline.process)
            self._warm = True
        clock = StageClock()
        clock.start()
        self.pipeline.process(work, clock.lap)
        return clock.stages


def _lines(
    prepared: Prepared, sides: tuple[_Side, _Side], frames: Iterable[Frame]
) -> Iterator[TrialLine]:
    budget = Budget(SECONDS)
    for number, frame in enumerate(frames):
        if number >= MOST_FRAMES or (number >= FEWEST_FRAMES and budget.used_up()):
            return
        boxes = prepared.boxes.of(frame)
        try:
            works = [side.pipeline.prepare(frame, boxes) for side in sides]
            # The order alternates, because the second of two equal frames may find warm caches.
            order = (0, 1) if number % 2 else (1, 0)
            stages = {at: sides[at].measured(works[at]) for at in order}
        except FrameError:  # the measurement of the frame reports the error
            continue
        yield TrialLine(frame.image_id, stages[0], stages[1])
