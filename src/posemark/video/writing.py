"""Writes videos as H.264, which every player and browser shows.

A video is written under another name beside its own, and gets its own name when it is complete.
If the program is interrupted, the pictures up to then become the video.
"""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2

from posemark.core.drafts import draft_of
from posemark.core.durable import place
from posemark.core.errors import RunError, UsageError
from posemark.core.frame import Image
from posemark.video.library import pyav

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")
"""Endings of the files that can be written."""

_TICKS = 90_000
"""Time stamps per second: fine enough for any frame rate, and usual in video."""

_QUALITY = {"crf": "20", "preset": "veryfast"}
"""No visible loss at a third of the time of x264's own preset."""

_BT709 = 1
"""Number of the colours of HD video (ITU-T H.273) for matrix, primaries and transfer."""


class VideoWriter:
    """Writes the pictures of one video; use it as a context manager.

    Args:
        path: the file, with one of SUFFIXES; an older one is replaced at the end.
        size_wh: width and height of the pictures. H.264 needs even sides: a column or row at the
            right or bottom is repeated if one is odd.
        fps: the usual pictures per second. The time of each picture decides when it is shown.

    Raises:
        UsageError: if PyAV is not installed, or the file has another ending.
        RunError: if the file cannot be written.
    """

    def __init__(self, path: Path, size_wh: tuple[int, int], fps: float) -> None:
        if path.suffix.lower() not in SUFFIXES:
            raise UsageError(
                f"{path}: expected a name that ends in {', '.join(SUFFIXES)} for a video. Give it "
                "one of these endings."
            )
        self.path, self._size_wh = path, size_wh
        draft = draft_of(path)
        self._draft = draft.with_name(draft.name + path.suffix.lower())  # it decides on the format
        self._last = -1
        self._container, self._stream = self._opened(fps)

    @property
    def written(self) -> bool:
        """Return whether a picture was written."""
        return self._last >= 0

    def write(self, image_bgr: Image, time_s: float) -> None:
        """Add a picture.

        Args:
            image_bgr: (H, W, 3) pixels of the size that was given.
            time_s: when it is shown, in seconds from the start, later than the one before.

        Raises:
            ValueError: if its size is another, or it is not later than the one before.
            RunError: if it cannot be written.
        """
        height, width = image_bgr.shape[:2]
        ticks = round(time_s * _TICKS)
        if (width, height) != self._size_wh:
            wanted = f"{self._size_wh[0]}x{self._size_wh[1]}"
            raise ValueError(f"a picture of {width}x{height} in a video of {wanted}")
        if ticks <= self._last:
            raise ValueError(f"a picture at {time_s} s after one at {self._last / _TICKS} s")
        av = pyav()
        even = cv2.copyMakeBorder(
            image_bgr, 0, height % 2, 0, width % 2, borderType=cv2.BORDER_REPLICATE
        )
        frame = av.VideoFrame.from_ndarray(even, format="bgr24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts, frame.time_base = ticks, Fraction(1, _TICKS)
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        self._last = ticks

    def close(self) -> None:
        """Finish the file and give it its name; without a picture, nothing is left.

        Raises:
            RunError: if it cannot be written to the end.
        """
        av = pyav()
        try:
            if self.written:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            if self.written:
                place(self._draft, self.path)
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        finally:
            self._draft.unlink(missing_ok=True)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            self.close()
        except RunError:
            if error is None:  # else it is the consequence of the error that is on its way
                raise

    def _opened(self, fps: float) -> tuple[Any, Any]:  # PyAV leaves packets without a type
        av = pyav()
        width, height = (side + side % 2 for side in self._size_wh)
        options = {"movflags": "+faststart"} if self._draft.suffix != ".mkv" else {}
        try:
            container = av.open(str(self._draft.absolute()), "w", options=options)
            rate = Fraction(fps).limit_denominator(1001)
            stream = container.add_stream("libx264", rate=rate, options=_QUALITY)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            context = stream.codec_context
            context.time_base = Fraction(1, _TICKS)
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            container.start_encoding()
        except (av.FFmpegError, OSError, ValueError) as error:
            self._draft.unlink(missing_ok=True)
            raise self._failed(error) from error
        return container, stream

    def _failed(self, error: Exception) -> RunError:
        reason = getattr(error, "strerror", None) or error
        return RunError(
            f"{self.path}: the video cannot be written ({reason}). Make room or correct the "
            "permissions of the folder, or choose another file."
        )
