"""Finds the people in a stream of pictures, one picture after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from posemark.core.errors import FrameError, UsageError
from posemark.core.frame import NOBODY, Ids, Moment, Poses
from posemark.estimator import Estimator
from posemark.measure.clock import StageClock
from posemark.predict.frames import TrackedFrame
from posemark.predict.inputs import inputs_of
from posemark.predict.shots import Input, Part, Remarks, Shot, timed
from posemark.tracking.tracker import Tracker


class Observer:
    """Finds and follows the people of one input with one estimator.

    Args:
        estimator: the estimator.
        is_clip: whether the pictures follow each other in time. If not, each stands alone: nobody
            is followed, and people have no ids.

    Raises:
        UsageError: if the estimator needs boxes, which pictures do not come with.
    """

    def __init__(self, estimator: Estimator, is_clip: bool) -> None:
        _require_no_boxes(estimator)
        self._pipeline = estimator.pipeline
        self._is_clip = is_clip
        self._tracker = Tracker()
        self._first_id: int | None = None
        self._clock = StageClock()
        self._seen = 0

    def see(self, shot: Shot, decode_ns: int) -> TrackedFrame:
        """Find the people of the next picture.

        Args:
            shot: the picture.
            decode_ns: nanoseconds that reading and decoding it took.

        Raises:
            FrameError: if the picture or the outputs of the network cannot be used.
        """
        moment = self._moment(shot)
        self._clock.start()
        found = self._pipeline.found(shot.image_bgr, NOBODY, moment, self._clock.lap)
        self._seen += 1
        poses = replace(found.poses, ids=self._ids(found.poses, moment))
        stages = {**self._clock.stages, "decode": decode_ns}
        return TrackedFrame(
            shot.name, shot.index, shot.time_s, shot.image_bgr, poses, found.boxes, stages
        )

    def _ids(self, poses: Poses, moment: Moment) -> Ids | None:
        """Return who is who: as the estimator says, or else as a tracker finds it."""
        if not self._is_clip:
            return None
        return self._tracker.update(poses, moment) if poses.ids is None else self._from_0(poses.ids)

    def _from_0(self, ids: Ids) -> Ids:
        """Return the ids that an estimator gave, counted from the first one of this input.

        An estimator does not use an id again for another input, but whoever names the ids of an
        input expects those that the input has alone.
        """
        known = ids[ids >= 0]
        if self._first_id is None and len(known):
            self._first_id = int(known.min())
        return np.where(ids >= 0, ids - (self._first_id or 0), ids)

    def _moment(self, shot: Shot) -> Moment:
        """Return a moment of one clip, or of a clip of its own for a picture that stands alone."""
        if self._is_clip:
            return Moment(0, self._seen, shot.time_s)
        return Moment(self._seen, 0, shot.time_s)


def _require_no_boxes(estimator: Estimator) -> None:
    if estimator.spec.convention is not None and not estimator.pipeline.people.looks:
        name = estimator.spec.name
        raise UsageError(
            f"{name} is top-down: it needs a detector that finds the people. Load it with one, as "
            f"in load({name!r}, detector='rtmdet-nano'), or load a bottom-up model."
        )


def observed(
    observers: Sequence[Observer], each: Input, remarks: Remarks
) -> Iterator[list[TrackedFrame]]:
    """Find the people in every picture of an input with several estimators.

    Args:
        observers: one observer of this input per estimator.
        each: the input.
        remarks: receives the pictures that cannot be used.

    Yields:
        What each observer found in the same picture.
    """
    for shot, decode_ns in timed(each.shots(remarks)):
        try:
            yield [observer.see(shot, decode_ns) for observer in observers]
        except FrameError as error:
            remarks.failed(FrameError(f"{shot.name}, picture {shot.index}: {error}"))


def track(
    estimator: object, source: object, part: Part, say: Callable[[str], object]
) -> Iterator[TrackedFrame]:
    """Yield the frames of a source with their people; posemark.track documents it."""
    if not isinstance(estimator, Estimator):
        raise UsageError(
            f"track(): expected an estimator, got {estimator!r}. posemark.load() returns one."
        )
    if not ((isinstance(source, str) or hasattr(source, "__fspath__")) and str(source)):
        raise UsageError(
            f"track(): expected a video, an image, a folder, a pattern or a camera, got "
            f"{source!r}. Give its path, or 'camera:0'."
        )
    inputs = inputs_of([str(source)], part)
    observers = [Observer(estimator, each.is_clip) for each in inputs]
    return _frames(inputs, observers, Remarks(say))


def _frames(
    inputs: Sequence[Input], observers: Sequence[Observer], remarks: Remarks
) -> Iterator[TrackedFrame]:
    for each, observer in zip(inputs, observers, strict=True):
        for note in each.notes:
            remarks.say(f"{note}.")
        for (frame,) in observed([observer], each, remarks):
            yield frame
