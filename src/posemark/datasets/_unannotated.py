"""The truth of frames in which nobody is annotated."""

import numpy as np

from posemark.core.frame import Truth
from posemark.core.skeleton import COCO_17

NO_TRUTH = Truth(
    keypoints_xyv=np.zeros((0, len(COCO_17.keypoints), 3)),
    boxes_xywh=np.zeros((0, 4)),
    areas=np.zeros(0),
    is_crowd=np.zeros(0, bool),
    skeleton=COCO_17,
)
