"""The size rule of person detectors: the whole image, resized and padded to a fixed size.

The image keeps its aspect ratio and is placed in the top left corner. Resizing and boxes use the
edges of pixels: the left edge of the image is the left edge of the input.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from posemark.core.errors import FrameError
from posemark.core.frame import Floats, Image
from posemark.core.spec import Pixels
from posemark.geometry.boxes import clipped_xywh
from posemark.geometry.crop import normalise

Rounding = Literal["nearest", "down"]


@dataclass(frozen=True)
class Letterbox:
    """How an image becomes the input of a detector, and how boxes come back.

    Attributes:
        input_wh: width and height of the input in pixels.
        rounding: how the sides of the resized image become whole numbers.
        pixels: channel order, normalisation and fill value.
    """

    input_wh: tuple[int, int]
    rounding: Rounding
    pixels: Pixels

    def resized_wh(self, image_wh: tuple[int, int]) -> tuple[int, int]:
        """Return the size in pixels at which an image of this size is in the input."""
        pairs = zip(self.input_wh, image_wh, strict=True)
        zoom = min(wanted / side for wanted, side in pairs)
        more = 0.5 if self.rounding == "nearest" else 0.0
        width, height = (max(1, int(side * zoom + more)) for side in image_wh)
        return width, height

    def network_input(self, image_bgr: Image) -> NDArray[np.float32]:
        """Return the input (1, 3, H, W) for an image (H, W, 3).

        Raises:
            FrameError: if OpenCV cannot resize the image.
        """
        image_wh = image_bgr.shape[1], image_bgr.shape[0]
        width, height = self.resized_wh(image_wh)
        canvas = np.full((*self.input_wh[::-1], 3), self.pixels.fill, np.uint8)
        try:
            canvas[:height, :width] = cv2.resize(image_bgr, (width, height))
        except cv2.error as error:
            raise FrameError(
                f"OpenCV cannot resize this image of {image_wh[0]}x{image_wh[1]} to {width}x"
                f"{height} pixels ({error.err}). Use a smaller image."
            ) from error
        batch = np.empty((1, 3, *canvas.shape[:2]), np.float32)
        normalise(canvas, self.pixels, batch[0])
        return batch

    def to_image(self, corners_xyxy: Floats, image_wh: tuple[int, int]) -> Floats:
        """Return boxes in pixels of the image, clipped to it.

        Args:
            corners_xyxy: (N, 4) left, top, right and bottom edges in pixels of the input.
            image_wh: width and height of the image.

        Returns:
            (N, 4) boxes x, y, w, h, with x and y measured from the edges of the image, as COCO's.
        """
        zoom_xy = np.divide(self.resized_wh(image_wh), image_wh)
        return clipped_xywh(corners_xyxy / np.tile(zoom_xy, 2), image_wh)
