"""Pictures with people who are spots of one colour, and an estimator that finds such people."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from posemark.core.frame import Poses
from posemark.core.skeleton import COCO_17
from posemark.estimator import Estimator
from posemark.models import spec_of
from posemark.pipelines import Pipeline
from posemark.pipelines.people import GIVEN, People

RED, BLUE = (0, 0, 230), (230, 0, 0)
BODY = np.array(
    [
        *((0, -50), (4, -54), (-4, -54), (8, -52), (-8, -52), (16, -35), (-16, -35)),
        *((24, -15), (-24, -15), (28, 5), (-28, 5), (10, 5), (-10, 5), (12, 35), (-12, 35)),
        *((12, 60), (-12, 60)),
    ],
    float,
)
"""(17, 2) key points around the spot of a person, in pixels."""


def picture(spots, size_wh=(320, 240)):
    """Return a grey picture with spots, by colour: {RED: (x, y)}."""
    image = np.full((size_wh[1], size_wh[0], 3), 120, np.uint8)
    for colour, (x, y) in spots.items():
        cv2.circle(image, (round(x), round(y)), 12, colour, cv2.FILLED)
    return image


def centre(image, colour):
    """Return the centre of the spot of this colour; None if there is none."""
    near = np.abs(image.astype(int) - colour).max(-1) < 60
    rows, columns = np.nonzero(near)
    return (columns.mean(), rows.mean()) if len(rows) > 50 else None


class Session:
    """The session of a network that does nothing."""

    runtime, precision, device = "fake", "fp32", "cpu"

    def prepare(self, shape):
        pass


@dataclass(frozen=True)
class SpotPipeline(Pipeline):
    """Finds a person around every spot."""

    session: Session = Session()  # noqa: RUF009 (it has no state)
    people: People = GIVEN
    trained: bool = True

    def pixels(self, work):
        return 0

    def _ready(self, size_wh, people):
        pass

    def _perfect_outputs(self, frame, boxes):
        raise NotImplementedError

    def _decoded(self, outputs, frame, boxes):
        raise NotImplementedError

    def _load(self, boxes, poses):
        return len(poses)

    def _poses(self, image, boxes, perfect, lap):
        lap("infer")
        found = [spot for each in (RED, BLUE) if (spot := centre(image, each))]
        points = np.array([BODY + spot for spot in found]).reshape(-1, 17, 2)
        scores = np.linspace(0.9, 0.8, len(found))
        return Poses(points, np.full((len(found), 17), 0.9), scores, COCO_17)


def finder(**changes):
    """Return an estimator that finds the people of `picture`; it is bottom-up."""
    return Estimator(spec_of("openpose-coco"), replace(SpotPipeline(), **changes))


def walk(frame):
    """Return the spots of two people who walk towards each other."""
    return {RED: (40 + 3 * frame, 100), BLUE: (280 - 3 * frame, 130)}


def make_video(path, frames=20, fps=10.0, size_wh=(320, 240), spots=walk):
    """Write a video of two people."""
    from posemark.video.writing import VideoWriter

    writer = VideoWriter(path, size_wh, fps)
    for index in range(frames):
        writer.write(picture(spots(index), size_wh), index / fps)
    writer.close()
    return path
