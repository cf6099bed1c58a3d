"""Carries out a prediction: finds people in an input, draws them, and writes their poses."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from posemark.core.frame import Image
from posemark.measure.clock import now_ns
from posemark.predict.drawings import Drawing
from posemark.predict.frames import TrackedFrame
from posemark.predict.overlay import Ledger, annotated, shown, side_by_side
from posemark.predict.pose_files import PoseFile
from posemark.predict.shots import Input, Remarks
from posemark.predict.stream import Observer, observed


@dataclass
class Tally:
    """What was done for one input so far.

    Attributes:
        frames: number of pictures in which people were searched.
        people: number of people in all of them that are drawn.
        ids: number of different people who were followed; 0 for images. As ids are numbers in the
            order of appearance, it is one more than the highest.
        wall_ns: nanoseconds that everything took, drawing and writing included.
        latencies_ns: for each model, the latency of each picture, from decoding to poses; 8 bytes
            per picture.
    """

    frames: int = 0
    people: int = 0
    ids: int = 0
    wall_ns: int = 0
    latencies_ns: "list[array[int]]" = field(default_factory=list)

    @property
    def fps(self) -> float:
        """Return the pictures per second, drawing and writing included."""
        return self.frames / (self.wall_ns / 1e9) if self.wall_ns else 0.0

    @property
    def p50_ms(self) -> list[float]:
        """Return the median latency of each model in milliseconds; no model without a picture."""
        return [float(np.median(each)) / 1e6 for each in self.latencies_ns]

    def count(self, frames: Sequence[TrackedFrame]) -> None:
        """Count a picture, as each model has seen it; the people are those of the first model."""
        poses = shown(frames[0].poses)
        self.latencies_ns = self.latencies_ns or [array("q") for _ in frames]
        for latencies, frame in zip(self.latencies_ns, frames, strict=True):
            latencies.append(frame.latency_ns)
        self.frames += 1
        self.people += len(poses)
        if poses.ids is not None:
            self.ids = max(self.ids, 1 + int(poses.ids.max(initial=-1)))


class Models:
    """One or several models that find people in the same pictures.

    Args:
        names: the names of the models.
        observers: an observer of the input for each of them.
        subject: the id of the person who alone is drawn in colour and written; None for everybody.
    """

    def __init__(
        self, names: Sequence[str], observers: Sequence[Observer], subject: int | None
    ) -> None:
        self.observers, self.subject = observers, subject
        self._names = names
        self._ledgers = [Ledger() for _ in names]

    def drawn(self, frames: Sequence[TrackedFrame], is_clip: bool) -> Image:
        """Return the picture with what each model found, side by side if there are several.

        Args:
            frames: what each model found.
            is_clip: whether the stage ledger is drawn as well.
        """
        panes: list[Image] = []
        for name, frame, ledger in zip(self._names, frames, self._ledgers, strict=True):
            title = [name] if len(frames) > 1 else []
            title += ledger.lines(frame) if is_clip else []
            panes.append(annotated(frame, title, self.subject))
        return panes[0] if len(panes) == 1 else side_by_side(panes)


@dataclass(frozen=True)
class Work:
    """An input, what finds people in it, and where the results go.

    Attributes:
        input: the input.
        models: what finds the people. The poses of the first model are written.
        drawing: receives annotated pictures; None draws nothing.
        poses: receives poses; None writes none.
    """

    input: Input
    models: Models
    drawing: Drawing | None
    poses: PoseFile | None


def carry_out(work: Work, remarks: Remarks, go_on: Callable[[Tally], bool]) -> Tally:
    """Find, draw and write the people of an input.

    If anything ends it early, what was done until then is complete, except for the file of poses,
    which may take other inputs and is closed by its owner.

    Args:
        work: the input and where its results go.
        remarks: receives what is noticed, and the pictures that cannot be used.
        go_on: called after each picture; returns whether to continue.

    Returns:
        What was done.
    """
    tally, begin = Tally(), now_ns()
    try:
        for frames in observed(work.models.observers, work.input, remarks):
            first = frames[0]
            tally.count(frames)
            if work.poses is not None:
                work.poses.write(first.only(work.models.subject))
            if work.drawing is not None:
                image = work.models.drawn(frames, work.input.is_clip)
                work.drawing.write(image, first.index, first.time_s)
            tally.wall_ns = now_ns() - begin
            if not go_on(tally):
                break
    finally:
        if work.drawing is not None:
            work.drawing.close()
    return tally
