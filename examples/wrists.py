"""Follow the people of a video, and write the path of their wrists as CSV.

python examples/wrists.py walk.mp4 wrists.csv
"""

import csv
import sys
from pathlib import Path

import posemark

source, target = sys.argv[1:]
estimator = posemark.load(
    "tinypose-256x192", detector="rtmdet-nano", min_score=0.3, every=5, smooth=True
)
names = estimator.spec.skeleton.keypoints
wrists = [names.index("left_wrist"), names.index("right_wrist")]

with Path(target).open("w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["time_s", "person", "left_x", "left_y", "right_x", "right_y"])
    for frame in posemark.track(estimator, source):
        for person, points in zip(frame.poses.ids, frame.poses.keypoints_xy, strict=True):
            if person >= 0:  # the others are too doubtful to be followed
                table.writerow([frame.time_s, person, *points[wrists].ravel().round(1)])
