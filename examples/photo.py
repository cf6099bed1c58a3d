"""Find the people of a photograph with a detector and a top-down model, and draw them.

python examples/photo.py photo.jpg people.jpg
"""

import sys

import cv2

import posemark
from posemark.drawing import draw_boxes, draw_poses

source, target = sys.argv[1:]
estimator = posemark.load("tinypose-256x192", detector="rtmdet-nano", min_score=0.3)

for frame in posemark.track(estimator, source):
    draw_boxes(frame.image_bgr, frame.boxes.boxes_xywh)  # where the detector found people
    draw_poses(frame.image_bgr, frame.poses, above=0.2)
    cv2.imwrite(target, frame.image_bgr)
    print(f"{len(frame.boxes)} boxes, {len(frame.poses)} people in {target}")
