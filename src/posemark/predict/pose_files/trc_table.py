"""CSV with the columns of a TRC file, the marker format that OpenSim reads, for one person.

Source of the columns: "Marker (.trc) Files", OpenSim documentation: Frame#, Time, and X, Y, Z of
every marker. A TRC file is such a table behind five lines of facts about the recording.
"""

import csv
from pathlib import Path

import numpy as np

from posemark.core.errors import UsageError
from posemark.core.skeleton import Skeleton
from posemark.predict.drafts import Draft
from posemark.predict.frames import TrackedFrame


class TrcTable:
    """A table with one row per frame and three columns per key point.

    X points to the right and Y upwards from the centre of the lowest left pixel, in pixels of the
    picture, because OpenSim's Y axis is vertical. Z is 0. The cells of a key point that was not
    found are empty, as OpenSim expects of missing markers. Frames count from 1.
    """

    def __init__(self, path: Path, skeleton: Skeleton) -> None:
        self._draft, self._markers = Draft(path), len(skeleton.keypoints)
        self._rows = csv.writer(self._draft, lineterminator="\n")
        axes = (f"{name}_{axis}" for name in skeleton.keypoints for axis in "XYZ")
        self._rows.writerow(("Frame#", "Time", *axes))

    def write(self, frame: TrackedFrame) -> None:
        """Add the row of a frame.

        Raises:
            UsageError: if the frame has several people.
        """
        if len(frame.poses) > 1:
            raise UsageError(
                f"{frame.name}: a table for TRC takes one person, got {len(frame.poses)} in frame "
                f"{frame.index}. Name one with --subject ID."
            )
        cells = ["", "", ""] * self._markers
        for points, scores in zip(
            frame.poses.keypoints_xy, frame.poses.keypoint_scores, strict=True
        ):
            height = frame.image_bgr.shape[0]
            for index in np.flatnonzero(scores > 0).tolist():
                x, y = points[index]
                up = height - 1 - y
                cells[3 * index : 3 * index + 3] = f"{x:.3f}", f"{up:.3f}", "0"
        self._rows.writerow((frame.index + 1, f"{frame.time_s:.6f}", *cells))

    def close(self) -> None:
        """Give the file its name."""
        self._draft.finish()
