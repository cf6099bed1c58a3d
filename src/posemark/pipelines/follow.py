"""Follows people through a clip, so that the detector need not look at every frame.

The detector looks at every k-th frame. In between, the boxes surround the last poses. If a person
is lost, the detector looks at the next frame, once for this person until its next turn: if it does
not find the person then, looking at every frame would only cost time. A newcomer is found when the
detector looks.
"""

from dataclasses import dataclass, replace

import numpy as np

from posemark.core.errors import UsageError
from posemark.core.frame import Boxes, Floats, Ids, Moment, Origin, Poses
from posemark.geometry.body import body_areas, counted_keypoints, extents, person_boxes
from posemark.geometry.boxes import iou
from posemark.geometry.crop import Image
from posemark.pipelines.people import People, Remembering
from posemark.tracking.clip import frames_since
from posemark.tracking.tracker import START_SCORE, Tracker

LOST_SCORE = START_SCORE / 2
"""Person score below which a followed person is lost. It is half of the score that starts a track,
so that a person near that score is not lost and found in turn."""

GONE, LEAVING = 0.1, 0.5
"""Shares of a person's box inside the image. Below the first, the person has left the image. Below
the second, a person who is lost has left it, and is not looked for."""


@dataclass(frozen=True)
class Tracked(Remembering):
    """Gives ids to the people whom others find; for given boxes and for bottom-up models as well.

    Attributes:
        people: provides the person boxes of every frame.
        tracker: gives the ids.
    """

    tracker: Tracker

    def saw(self, boxes: Boxes, poses: Poses, moment: Moment | None) -> Poses:
        """Return the poses with the ids of the tracker."""
        seen = self.people.saw(boxes, poses, moment)
        return replace(seen, ids=self.tracker.update(seen, moment))


@dataclass(frozen=True)
class _Person:
    """A person who is followed: the box (4,) around the last pose, and the score of the box.

    The score is that of the detector. A followed box keeps it: as the person score is the score of
    the box times that of its key points, it would sink from frame to frame otherwise.
    """

    box_xywh: Floats
    score: float


class Follower:
    """Finds people by a detector at every k-th frame of a clip, and follows them in between.

    Args:
        detector: looks at the image.
        every: k; at 1, the detector looks at every frame, and people only get ids.

    Raises:
        UsageError: if k is less than 1.
    """

    def __init__(self, detector: People, every: int) -> None:
        if every < 1:
            raise UsageError(
                f"A detector can look at every k-th frame for k of at least 1, got {every}. "
                "Use 1 for every frame."
            )
        self._detector, self._every = detector, every
        self._tracker = Tracker()
        self._last: Moment | None = None
        self._index = -1  # of the last frame in its clip
        self._people = dict[int, _Person]()
        self._lost = dict[int, _Person]()  # in the last frame
        self._reported = set[int]()  # who brought the detector back since its last turn

    @property
    def looks(self) -> bool:
        """Always True: it may look at any image."""
        return True

    @property
    def remembers(self) -> bool:
        """Always True: it follows people from frame to frame."""
        return True

    def find(self, image_bgr: Image, given: Boxes, moment: Moment | None) -> Boxes:
        """Return the boxes of the detector if it is its turn or somebody is lost.

        Otherwise, return the boxes of the people who are followed, cut at the border of the image
        as those of a detector; people who have left the image have none.
        """
        size_wh = image_bgr.shape[1], image_bgr.shape[0]
        origin = self._origin(size_wh, moment)
        if origin == "followed":
            people = _inside(self._people, size_wh, GONE)
            boxes = _cut(np.array([p.box_xywh for p in people]).reshape(-1, 4), size_wh)
            return Boxes(boxes, np.array([p.score for p in people]), origin=origin)
        return replace(self._detector.find(image_bgr, given, moment), origin=origin)

    def _origin(self, size_wh: tuple[int, int], moment: Moment | None) -> Origin:
        turn, last_turn = (index // self._every for index in (self._next(moment), self._index))
        if turn > last_turn or frames_since(self._last, moment) is None:
            return "detected"
        return "early" if _inside(self._lost, size_wh, LEAVING) else "followed"

    def _next(self, moment: Moment | None) -> int:
        """Return the number of the frame in its clip."""
        return self._index + 1 if moment is None else moment.index

    def saw(self, boxes: Boxes, poses: Poses, moment: Moment | None) -> Poses:
        """Take note of who is there and who is lost, and return the poses with their ids."""
        if frames_since(self._last, moment) is None:
            self._people, self._lost = {}, {}
        if boxes.origin == "detected":
            self._reported.clear()
        ids = self._tracker.update(poses, moment)
        here = _followed(boxes, poses, ids)
        missing = self._people.keys() - here.keys() - self._reported
        self._lost = {person: self._people[person] for person in missing}
        self._reported |= missing
        self._people, self._index, self._last = here, self._next(moment), moment
        return replace(poses, ids=ids)


def _followed(boxes: Boxes, poses: Poses, ids: Ids) -> dict[int, _Person]:
    """Return who is there and good enough to be followed, by id."""
    around = extents(poses.keypoints_xy, counted_keypoints(poses))
    people = person_boxes(around)
    good = (ids >= 0) & (poses.scores >= LOST_SCORE) & (body_areas(around) > 0)
    if not good.any():
        return {}
    scores = boxes.scores[iou(people, boxes.boxes_xywh).argmax(1)].tolist()
    return {int(ids[at]): _Person(people[at], scores[at]) for at in np.flatnonzero(good).tolist()}


def _inside(people: dict[int, _Person], size_wh: tuple[int, int], least: float) -> list[_Person]:
    """Return the people of whose boxes at least this share is inside the image."""

    def share(person: _Person) -> float:
        cut = _cut(person.box_xywh[None], size_wh)[0]
        return float(cut[2] * cut[3] / (person.box_xywh[2] * person.box_xywh[3]))

    return [person for person in people.values() if share(person) >= least]


def _cut(boxes_xywh: Floats, size_wh: tuple[int, int]) -> Floats:
    """Return the parts of boxes (N, 4) that are inside the image."""
    first = np.clip(boxes_xywh[:, :2], 0, size_wh)
    last = np.clip(boxes_xywh[:, :2] + boxes_xywh[:, 2:], 0, size_wh)
    return np.concatenate([first, last - first], 1)
