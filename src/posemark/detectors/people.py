"""The stage "detect" of a pipeline with a person detector."""

from dataclasses import dataclass

import numpy as np

from posemark.core.frame import Boxes, Image, Moment, Poses
from posemark.detectors import MIN_SCORE, MOST_PEOPLE, Detector


@dataclass(frozen=True)
class DetectedPeople:
    """Provides the best boxes that a detector finds; it implements pipelines.people.People.

    Attributes:
        detector: the detector.
        min_score: the least score of a box that is used.
        most: the largest number of boxes per image.
        looks: always True, because the detector needs the image.
        remembers: always False, because every image is looked at alone.
    """

    detector: Detector
    min_score: float = MIN_SCORE
    most: int = MOST_PEOPLE
    looks: bool = True
    remembers: bool = False

    def find(
        self,
        image_bgr: Image,
        given: Boxes,  # noqa: ARG002 (a detector needs none)
        moment: Moment | None,  # noqa: ARG002 (it does not remember)
    ) -> Boxes:
        """Return the boxes that the detector finds in the image; none if it finds nobody."""
        found = self.detector.detect(image_bgr)
        boxes, scores = found.boxes_xywh, found.scores
        used = (np.arange(len(scores)) < self.most) & (scores >= self.min_score)
        unused = np.concatenate([boxes[~used], scores[~used, None]], 1)
        return Boxes(boxes[used], scores[used], origin="detected", unused_xywhs=unused)

    def saw(self, boxes: Boxes, poses: Poses, moment: Moment | None) -> Poses:  # noqa: ARG002
        """Return the poses unchanged, because nobody is followed."""
        return poses
