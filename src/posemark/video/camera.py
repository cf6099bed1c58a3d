"""Takes pictures from a camera that is connected to this machine, with OpenCV."""

import cv2

from posemark.core.errors import DataError, FrameError
from posemark.core.frame import Image


class Camera:
    """A connected camera, which gives its newest picture.

    Use close() to let other programs have it.

    Args:
        number: the number of the camera, from 0.

    Raises:
        DataError: if there is no such camera, it is in use, or it gives no picture.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._capture = _opened(number)
        # A queue of older pictures would show the past.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def wait(self) -> None:
        """Wait for the next picture.

        Raises:
            FrameError: if none comes.
        """
        if not self._capture.grab():
            raise FrameError(
                f"camera {self._number} gives no picture any more. Connect it again, and run again."
            )

    def picture(self) -> Image:
        """Decode the picture that came last.

        Returns:
            (H, W, 3) pixels in BGR order.

        Raises:
            FrameError: if it cannot be decoded.
        """
        found, image = self._capture.retrieve()
        if not found:
            raise FrameError(f"camera {self._number}: a picture cannot be decoded.")
        return image.astype("uint8", copy=False)

    def close(self) -> None:
        """Release the camera."""
        self._capture.release()


def _opened(number: int) -> cv2.VideoCapture:
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(0)  # the error below says it once, and says what to do
    try:
        capture = cv2.VideoCapture(number)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if not capture.isOpened():
        raise DataError(
            f"camera:{number}: there is no such camera, another program uses it, or this user may "
            "not open it. Cameras are numbered from 0. Close the other program, or name another "
            "camera. In `posemark run`, name one entry, or add --no-isolate."
        )
    return capture
