"""Reads the pictures of a video one by one, with PyAV (FFmpeg), in constant memory.

Sound is ignored, a rotation that the file asks for is applied, and more than 8 bits per channel
become 8. PyAV is used rather than OpenCV's VideoCapture because it gives the exact time of every
picture, finds the rotation, and decodes in the calling thread on request.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from posemark.core.errors import FrameError
from posemark.core.frame import Image
from posemark.video.facts import VideoFacts, read_facts, video_stream
from posemark.video.library import open_container, pyav

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_TURNS = {
    90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_CLOCKWISE,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a video.

    Attributes:
        image_bgr: (H, W, 3) pixels, upright.
        time_s: seconds since the first picture.
        index: number of the picture, from 0. It skips those that cannot be decoded.
    """

    image_bgr: Image
    time_s: float
    index: int


class VideoReader:
    """Decodes a video from any picture on, in one thread.

    Use it as a context manager, or call close().

    Args:
        facts: the video, from read_facts.
    """

    def __init__(self, facts: VideoFacts) -> None:
        self.facts = facts
        self._open()

    @classmethod
    def of(cls, path: Path) -> "VideoReader":
        """Open a video.

        Raises:
            UsageError: if PyAV is not installed.
            DataError: if no video can be read from the file.
        """
        return cls(read_facts(path))

    @property
    def next_index(self) -> int:
        """Return the number of the picture that is decoded next without a jump."""
        return self._next

    def pictures(self) -> Iterator[Picture]:
        """Yield the pictures that are left, in order of time.

        Pictures that cannot be decoded are left out.

        Raises:
            FrameError: if the size of the pictures changes.
        """
        times_s = self.facts.index.times_s
        while (found := self._decoded()) is not None:
            index, frame = found
            self._next = index + 1
            if index < len(times_s):
                yield Picture(self._image(frame, index), float(times_s[index]), index)

    def picture(self, index: int) -> Image:
        """Decode one picture; the next one in order takes the least time.

        Args:
            index: the number of the picture, from 0.

        Returns:
            (H, W, 3) pixels in BGR order, upright.

        Raises:
            FrameError: if the picture cannot be decoded.
        """
        self.go_to(index)
        found = self._skipped_to(index)
        if self._jumped and (found is None or found[0] > index):
            self._reopen()
            found = self._skipped_to(index)
        self._next, self._jumped = index + 1, False
        if found is None or found[0] != index:
            self._held = found
            raise FrameError(
                f"{self._name(index)}: the picture cannot be decoded. The video is damaged or cut "
                "off there; convert it again from its source."
            )
        return self._image(found[1], index)

    def go_to(self, index: int) -> None:
        """Prepare to decode this picture next: decode, if needed, all that it depends on."""
        begin = self.facts.index.key_before(index)
        if index < self._next or begin > self._next:
            self._jump(begin)
        if not self._advance(index) and self._jumped:
            self._reopen()
            self._advance(index)
        self._next = index

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        self._container = open_container(self.facts.path)
        self._stream = video_stream(self._container, self.facts.path)
        self._reformatter = pyav().video.reformatter.VideoReformatter()
        self._restart()

    def _reopen(self) -> None:
        self.close()
        self._open()

    def _restart(self, at: int = 0, jumped: bool = False) -> None:
        self._frames = _frames_of(self._container, self._stream)
        self._held: tuple[int, VideoFrame] | None = None
        self._counted, self._next, self._jumped = 0, at, jumped

    def _jump(self, key: int) -> None:
        """Continue at a key picture; some formats, such as MPEG-TS, may miss it by a few."""
        ticks = self.facts.index.ticks
        if key == 0 or ticks is None:
            self._reopen()
        else:
            self._container.seek(int(ticks[key]), stream=self._stream)
            self._restart(key, jumped=True)

    def _advance(self, index: int) -> bool:
        """Decode up to the picture before this one; return whether the reader stands there."""
        while self._next < index:
            found = self._decoded()
            if found is None or found[0] >= index:
                self._held = found
                return False
            self._next = found[0] + 1
        return True

    def _decoded(self) -> "tuple[int, VideoFrame] | None":
        """Return the next picture that can be decoded, with its number; None at the end."""
        if self._held is not None:
            held, self._held = self._held, None
            return held
        for frame in self._frames:
            ticks, counted = self.facts.index.ticks, self._counted
            self._counted += 1
            if ticks is None:
                return counted, frame
            if frame.pts is not None:
                return int(ticks.searchsorted(frame.pts)), frame
        return None

    def _skipped_to(self, index: int) -> "tuple[int, VideoFrame] | None":
        """Return the first picture from this one on that can be decoded; None at the end."""
        while (found := self._decoded()) is not None and found[0] < index:
            pass
        return found

    def _image(self, frame: "VideoFrame", index: int) -> Image:
        facts, width, height = self.facts, frame.width, frame.height
        if facts.rotation % 180:
            width, height = height, width
        if (width, height) != facts.size_wh:  # before the conversion, for which it may be too large
            raise FrameError(
                f"{self._name(index)}: the picture has {width}x{height} pixels, those before have "
                f"{facts.size_wh[0]}x{facts.size_wh[1]}. Split the video where its size changes."
            )
        image: Image = self._reformatter.reformat(frame, format="bgr24", threads=1).to_ndarray()
        upright = cv2.rotate(image, _TURNS[facts.rotation]) if facts.rotation else image
        return upright.astype("uint8", copy=False)

    def _name(self, index: int) -> str:
        return f"{self.facts.path.name}, picture {index}"


def _frames_of(container: "InputContainer", stream: "VideoStream") -> "Iterator[VideoFrame]":
    """Decode from the current place to the end, without the pictures that are damaged."""
    packets = container.demux(stream)
    while (frames := _next_frames(packets)) is not None:
        yield from frames


def _next_frames(packets: "Iterator[Packet[VideoStream]]") -> "list[VideoFrame] | None":
    """Return the pictures that the next packet completes; None at the end of the file."""
    av = pyav()
    try:
        packet = next(packets, None)
        return None if packet is None else packet.decode()
    except (av.InvalidDataError, av.ArgumentError):
        return []  # this picture is damaged or too large; those after it may be whole
    except av.FFmpegError:
        return None  # the file is cut off here
