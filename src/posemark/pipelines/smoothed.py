"""Smoothed key points as part of a pipeline."""

from dataclasses import dataclass, field, replace

from posemark.core.errors import UsageError
from posemark.core.frame import Boxes, Moment, Poses
from posemark.pipelines.people import Remembering
from posemark.tracking.one_euro import OneEuro
from posemark.tracking.tracker import Tracker


@dataclass(frozen=True)
class Smoothed(Remembering):
    """Smooths the key points of every person by the One Euro filter.

    Attributes:
        people: provides the boxes. If it follows nobody, people are given ids here.
        filter: the filter.
        tracker: gives people their ids.
    """

    filter: OneEuro = field(default_factory=OneEuro)
    tracker: Tracker = field(default_factory=Tracker)

    def saw(self, boxes: Boxes, poses: Poses, moment: Moment | None) -> Poses:
        """Return the smoothed poses with ids, and with the positions before.

        Raises:
            UsageError: if the time of the frame is unknown.
        """
        if moment is None:
            raise UsageError(
                "An estimator that smooths needs the time of every frame. Give it the video or "
                "the camera by posemark.track(), or load it without smooth=True."
            )
        seen = self.people.saw(boxes, poses, moment)
        ids = self.tracker.update(seen, moment) if seen.ids is None else seen.ids
        smoothed = self.filter.smooth(replace(seen, ids=ids), moment)
        return replace(smoothed, unsmoothed_xy=seen.keypoints_xy)
