"""Runs the pose network on ground-truth boxes, outside the clock, in a run with a detector.

The AP of these poses is that of the pose network alone. Beside the AP of the whole pipeline, it
shows what the detector costs.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from posemark.core.errors import FrameError
from posemark.core.frame import Boxes, Frame, Poses
from posemark.datasets.boxes import open_boxes
from posemark.geometry.conventions import HRNET
from posemark.records.schema import OnTruthLine, People
from posemark.run.prepare import Prepared
from posemark.run.record_lines import people, usable


def truth_boxes(prepared: Prepared) -> Callable[[Frame], Boxes]:
    """Return the function that gives the ground-truth boxes of a frame of a job."""
    convention = prepared.spec.convention or HRNET
    return open_boxes("gt", convention, 0, prepared.dataset.name, prepared.frames).of


def needs_poses_on_truth(prepared: Prepared) -> bool:
    """Return whether a job has a detector, and an AP that its own boxes can be compared with."""
    return bool(prepared.detector and prepared.checkpoint and prepared.dataset.photographs)


class OnTruth:
    """Finds the poses of measured frames on their ground-truth boxes, once per image.

    Args:
        boxes: returns the ground-truth boxes of a frame.
        poses: runs the network on the boxes of a frame.
        have: ids of the images whose lines are in the record already.
    """

    def __init__(
        self,
        boxes: Callable[[Frame], Boxes],
        poses: Callable[[Frame, Boxes], Poses],
        have: set[int],
    ) -> None:
        self._boxes, self._poses, self._have = boxes, poses, have

    def lines(self, frames: Iterable[Frame]) -> Iterator[OnTruthLine]:
        """Yield a line for each of these frames that has none yet and can be used."""
        for frame in frames:
            if frame.image_id in self._have:
                continue
            self._have.add(frame.image_id)
            with suppress(FrameError):  # the measurement of the frame reports the error
                yield from self._line(frame)

    def _line(self, frame: Frame) -> Iterator[OnTruthLine]:
        boxes = self._boxes(frame)
        if not len(boxes):  # without a look at the image: a video would be decoded again
            yield OnTruthLine(frame.image_id, People([], []))
            return
        found = self._poses(frame, boxes)
        if usable(found):
            yield OnTruthLine(frame.image_id, people(found))
