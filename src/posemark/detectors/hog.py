"""OpenCV's people detector: histograms of oriented gradients and a linear classifier.

Paper: Dalal and Triggs, Histograms of Oriented Gradients for Human Detection, CVPR 2005. The
classifier is part of OpenCV 4 and needs no file. OpenCV 5 has moved it out of its main modules.
"""

from typing import Any, cast

import cv2
import numpy as np

from posemark.core.errors import FrameError
from posemark.core.frame import Boxes, Floats, Image
from posemark.detectors import BuiltIn
from posemark.geometry.boxes import clipped_xywh, croppable

_SIZE = 640
_WINDOW_WH = 64, 128
_ZOOM, _STRIDE = 1.05, (8, 8)
"""Ratio of neighbouring sizes and step of the window in pixels, as in OpenCV's example."""

_INSIDE = np.array([0.1, 0.07, 0.8, 0.8])
"""The person within a window: x, y, w and h as shares of its sides, as in OpenCV's example."""


class HogDetector:
    """Finds upright people of 100 or more pixels; it implements detectors.Detector.

    Args:
        size: images with a longer side in pixels are reduced to it.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        hog = cast("Any", cv2).HOGDescriptor
        self._hog: Any = hog()
        self._hog.setSVMDetector(hog.getDefaultPeopleDetector())

    def detect(self, image_bgr: Image) -> Boxes:
        """Return the boxes of the people; see detectors.Detector.

        A score is 1 - exp(-d), where d is the distance to the classifier's threshold. It orders
        the boxes, but is no probability.
        """
        size_wh = image_bgr.shape[1], image_bgr.shape[0]
        reduced, zoom_xy = self._reduced(image_bgr)
        if reduced.shape[1] < _WINDOW_WH[0] or reduced.shape[0] < _WINDOW_WH[1]:
            return Boxes(np.zeros((0, 4)), np.zeros(0), origin="detected")
        try:
            windows, distances = self._hog.detectMultiScale(
                reduced, winStride=_STRIDE, padding=_STRIDE, scale=_ZOOM
            )
        except cv2.error as error:
            raise FrameError(
                f"OpenCV's people detector cannot use this image ({error})."
            ) from error
        windows = np.asarray(windows, np.float64).reshape(-1, 4)
        scores = 1 - np.exp(-np.maximum(0, np.asarray(distances, np.float64).reshape(-1)))
        boxes = clipped_xywh(_corners(windows) / np.tile(zoom_xy, 2), size_wh)
        best = np.argsort(-scores, kind="stable")
        best = best[croppable(boxes[best], size_wh)]
        return Boxes(boxes[best], scores[best], origin="detected")

    def _reduced(self, image_bgr: Image) -> tuple[Image, Floats]:
        """Return an image that is not larger than the size, and its zoom along x and y."""
        longest = max(image_bgr.shape[:2])
        if longest <= self._size:
            return image_bgr, np.ones(2)
        sides = [max(1, round(side * self._size / longest)) for side in image_bgr.shape[1::-1]]
        small = cv2.resize(image_bgr, sides, interpolation=cv2.INTER_AREA)
        return small.astype(np.uint8, copy=False), np.divide(sides, image_bgr.shape[1::-1])


def _corners(windows_xywh: Floats) -> Floats:
    """Return the corners (N, 4) of the people in windows (N, 4)."""
    sides = np.tile(windows_xywh[:, 2:], 2)
    inside = _INSIDE * sides
    first = windows_xywh[:, :2] + inside[:, :2]
    return np.concatenate([first, first + inside[:, 2:]], 1)


def _unavailable() -> str:
    if hasattr(cv2, "HOGDescriptor"):
        return ""
    return (
        f"OpenCV {cv2.__version__} is installed, but its main modules have this detector up to "
        "version 4 only. Run `pip install 'opencv-python-headless<5'`, or use another detector."
    )


def _version() -> str:
    return f"opencv {cv2.__version__}"


DETECTOR = BuiltIn(
    name="hog",
    says="OpenCV's HOG people detector, without a file",
    licence="Apache-2.0",
    runtime="opencv",
    version=_version,
    size=_SIZE,
    unavailable=_unavailable,
    open=HogDetector,
)
