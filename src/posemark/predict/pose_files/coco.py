"""COCO results: a JSON list with one entry per person, as COCO's evaluation reads it."""

import json
from pathlib import Path

from posemark.core.skeleton import Skeleton
from posemark.predict.drafts import Draft
from posemark.predict.frames import TrackedFrame
from posemark.score.coco import results_of


class CocoResults:
    """A file of COCO results.

    `image_id` is the number that an image is named after, as in COCO (000000000139.jpg is 139), or
    else the number of the picture in its input, from 0. In a video each entry also has a
    `track_id`, which evaluations ignore.
    """

    def __init__(self, path: Path, skeleton: Skeleton) -> None:  # noqa: ARG002 (others need it)
        self._draft = Draft(path)
        self._separator = "[\n"

    def write(self, frame: TrackedFrame) -> None:
        """Add one entry per person, in lines of their own."""
        ids = frame.poses.ids
        for index, entry in enumerate(results_of(image_id(frame), frame.poses)):
            tracked = entry if ids is None else {**entry, "track_id": int(ids[index])}
            self._draft.write(self._separator + json.dumps(tracked))
            self._separator = ",\n"

    def close(self) -> None:
        """Complete the list."""
        self._draft.write("\n]\n" if self._separator != "[\n" else "[]\n")
        self._draft.finish()


def image_id(frame: TrackedFrame) -> int:
    """Return the COCO id of a picture; CocoResults says how it is chosen."""
    name = Path(frame.name).stem
    is_number = frame.poses.ids is None and name.isascii() and name.isdecimal()
    return int(name) if is_number else frame.index
