"""CSV with one row per person and key point, for spreadsheets and data frames."""

import csv
from pathlib import Path

from posemark.core.skeleton import Skeleton
from posemark.predict.drafts import Draft
from posemark.predict.frames import TrackedFrame

COLUMNS = (
    *("input", "frame", "time_s", "person", "person_score"),
    *("keypoint", "x", "y", "score"),
)
"""The heading. Positions are pixels, with 0, 0 at the centre of the top-left pixel."""


class LongTable:
    """A table with one row per person and key point.

    `person` is the id in a video (-1: not followed), and the number of the person in an image. The
    cells x and y are empty if the key point was not found. A frame without people has no row.
    """

    def __init__(self, path: Path, skeleton: Skeleton) -> None:
        self._draft, self._names = Draft(path), skeleton.keypoints
        self._rows = csv.writer(self._draft, lineterminator="\n")
        self._rows.writerow(COLUMNS)

    def write(self, frame: TrackedFrame) -> None:
        """Add the rows of a frame."""
        poses = frame.poses
        numbers = range(len(poses)) if poses.ids is None else poses.ids.tolist()
        for index, person in enumerate(numbers):
            who = (person, f"{poses.scores[index]:.4f}")
            where = (frame.name, frame.index, f"{frame.time_s:.6f}", *who)
            for name, (x, y), score in zip(
                self._names,
                poses.keypoints_xy[index].tolist(),
                poses.keypoint_scores[index].tolist(),
                strict=True,
            ):
                place = (f"{x:.3f}", f"{y:.3f}") if score > 0 else ("", "")
                self._rows.writerow((*where, name, *place, f"{score:.4f}"))

    def close(self) -> None:
        """Give the file its name."""
        self._draft.finish()
