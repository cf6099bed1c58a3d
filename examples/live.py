"""Watch a camera: draw everybody into live.jpg, and print who is there and how fast it goes.

    python examples/live.py camera:0

A video file in place of the camera works as well. Ctrl-C ends it.
"""

import sys

import cv2

import posemark
from posemark.predict.overlay import annotated

estimator = posemark.load(
    "tinypose-256x192", detector="rtmdet-nano", min_score=0.3, every=5, smooth=True
)

for frame in posemark.track(estimator, sys.argv[1]):
    fps = 1e9 / frame.latency_ns
    followed = sorted(person for person in frame.poses.ids.tolist() if person >= 0)
    cv2.imwrite("live.jpg", annotated(frame, [f"{fps:.0f} FPS"]))
    print(f"{frame.time_s:6.1f} s  {fps:4.0f} FPS  people: {followed}")
