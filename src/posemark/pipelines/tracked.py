"""Ids for the people of any model, and smoothed key points, as part of a pipeline."""

from dataclasses import replace

from posemark.core.errors import UsageError
from posemark.core.frame import Boxes, Image, Moment, Poses
from posemark.pipelines.people import People
from posemark.tracking.one_euro import OneEuro
from posemark.tracking.tracker import Tracker


class WithIds:
    """Gives ids to poses that have none, and otherwise does what other People do.

    A frame whose moment has the index 0 begins another clip, in which nobody is known.

    Args:
        people: provides the boxes.
    """

    def __init__(self, people: People) -> None:
        self._people = people
        self._tracker = Tracker()

    @property
    def looks(self) -> bool:
        """Return whether the boxes are found in the image."""
        return self._people.looks

    def find(self, image_bgr: Image, given: Boxes, moment: Moment | None) -> Boxes:
        """Return the person boxes."""
        return self._people.find(image_bgr, given, moment)

    def saw(self, boxes: Boxes, poses: Poses, moment: Moment | None) -> Poses:
        """Return the poses with ids."""
        seen = self._people.saw(boxes, poses, moment)
        if moment is not None and moment.index == 0:
            self._tracker.forget()
        return seen if seen.ids is not None else replace(seen, ids=self._tracker.update(seen))


class Smoothed(WithIds):
    """Smooths the key points of every person by the One Euro filter, and gives people ids.

    Args:
        people: provides the boxes.
    """

    def __init__(self, people: People) -> None:
        super().__init__(people)
        self._filter = OneEuro()

    def saw(self, boxes: Boxes, poses: Poses, moment: Moment | None) -> Poses:
        """Return the smoothed poses with ids.

        Raises:
            UsageError: if the time of the frame is unknown.
        """
        seen = super().saw(boxes, poses, moment)
        if moment is None:
            raise UsageError(
                "An estimator that smooths needs the time of every frame. Give it the video or "
                "the camera by posemark.track(), or load it without smooth=True."
            )
        if moment.index == 0:
            self._filter.forget()
        return self._filter.smooth(seen, moment.time_s)
