"""Warms up a pipeline before the first measured frame."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from posemark.core.errors import FrameError
from posemark.core.frame import Boxes, Frame
from posemark.measure.clock import now_ns
from posemark.measure.loop import warm_up
from posemark.pipelines import Pipeline, Work

WARM_UP_BOXES = 2
"""Largest number of people in the warm-up frame: few, but enough to run all of the code."""


Choice = tuple[Frame, Boxes, int]
"""A frame with its boxes and the expected number of people in it."""


def warm_up_pipeline(
    pipeline: Pipeline[Any],
    choices: Iterable[Choice],
    usual_people: Callable[[], float],
    passes: int = 1,
) -> float:
    """Warm up on the first frame with people that can be used.

    Frames that cannot be used are skipped here; their measurement reports the error.

    Args:
        pipeline: the pipeline.
        choices: the frames.
        usual_people: returns the mean number of people per frame.
        passes: how often each frame will be measured. Preparing it takes longer the first time: a
            built-in scene is drawn, and a file comes from the disk.

    Returns:
        Expected seconds of a frame with the usual number of people; 0.0 if no frame can be used.
    """
    usable = _prepared(pipeline, choices)
    for first in usable:
        choice, work, people, _ = first
        try:
            taken_ns = warm_up(work, pipeline.process)
        except FrameError:
            continue
        # The first frame also waited for what is loaded only once, so the next one is asked.
        *_, fresh_ns = next(usable, first)
        *_, again_ns = next(_prepared(pipeline, [choice]), first)
        prepared_ns = (fresh_ns + (passes - 1) * again_ns) / passes
        return (prepared_ns + taken_ns * usual_people() / people) / 1e9
    return 0.0


def _prepared(
    pipeline: Pipeline[Any], choices: Iterable[Choice]
) -> Iterator[tuple[Choice, Work[Any], int, int]]:
    """Prepare the usable frames with people; yield each, its work, people and nanoseconds."""
    for frame, boxes, people in choices:
        if not people:
            continue
        few = replace(
            boxes,
            boxes_xywh=boxes.boxes_xywh[:WARM_UP_BOXES],
            scores=boxes.scores[:WARM_UP_BOXES],
        )
        began_ns = now_ns()
        try:
            work = pipeline.prepare(frame, few)
        except FrameError:
            continue
        yield (frame, boxes, people), work, len(few) or people, now_ns() - began_ns
