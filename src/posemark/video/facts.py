"""Reads what a video consists of: its pictures with their times, its size and its rotation.

All packets of the file are read once, and none is decoded, so that the number of pictures and
their times are exact for every format.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemark.core.counting import counted
from posemark.core.errors import DataError
from posemark.core.frame import Floats
from posemark.geometry.image_header import MOST_PIXELS
from posemark.video.library import open_container, pyav, unreadable

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_UNEVEN = 0.10
"""Share of the usual distance of two pictures by which others may differ at a constant rate."""

_UNEVEN_SECONDS = 0.0015
"""Seconds by which distances may differ at a constant rate: Matroska rounds to milliseconds."""

_MISSING_SECONDS = 1.0
"""A file is cut off if its contents end this much before its declared duration."""


@dataclass(frozen=True)
class Index:
    """The pictures of a video in the order of time.

    Attributes:
        ticks: (N,) the time stamps of the pictures in units of the stream, ascending; None if the
            file has no usable time stamps. Pictures are counted as they are decoded then.
        keys: (N,) which pictures can be decoded without the ones before.
        times_s: (N,) seconds since the first picture.
    """

    ticks: NDArray[np.int64] | None
    keys: NDArray[np.bool_]
    times_s: Floats

    def __len__(self) -> int:
        return len(self.times_s)

    def key_before(self, index: int) -> int:
        """Return the last picture up to this one at which decoding can begin."""
        found = np.flatnonzero(self.keys[: index + 1])
        return int(found[-1]) if len(found) else 0


@dataclass(frozen=True, eq=False)
class VideoFacts:
    """What a video consists of; equal only to itself.

    Attributes:
        path: the file.
        size_wh: width and height of the pictures in pixels, after rotation.
        fps: pictures per second on average; None for a single picture without a rate.
        variable: whether the distance of the pictures in time varies.
        rotation: degrees by which the stored pictures are turned counterclockwise to be upright:
            0, 90, 180 or 270.
        bits: bits per channel in the file; pictures are always given with 8.
        codec: the name of the codec, such as h264.
        index: the pictures.
        missing: what the file lacks according to its own header, in words; "" if it is whole.
    """

    path: Path
    size_wh: tuple[int, int]
    fps: float | None
    variable: bool
    rotation: int
    bits: int
    codec: str
    index: Index
    missing: str

    @property
    def frames(self) -> int:
        """Return the number of pictures."""
        return len(self.index)

    @property
    def duration_s(self) -> float:
        """Return the seconds from the first picture to the end of the last one."""
        return float(self.index.times_s[-1]) + (1 / self.fps if self.fps else 0.0)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return a sentence for each property that a user should know of."""
        name = self.path.name
        found = (
            (self.rotation, f"{name}: turned by {self.rotation} degrees, as the file says"),
            (self.bits > 8, f"{name}: {self.bits} bits per channel, converted to 8"),
            (
                self.variable,
                f"{name}: variable frame rate, {self.fps or 0:.2f} per second on average",
            ),
            (self.missing, f"{name}: {self.missing}"),
        )
        return tuple(text for applies, text in found if applies)


def read_facts(path: Path) -> VideoFacts:
    """Read what a video consists of.

    Raises:
        UsageError: if PyAV is not installed.
        DataError: if the file does not exist, is no video, has no picture or is too large.
    """
    with open_container(path) as container:
        stream = video_stream(container, path)
        index, end_s, declared = _scanned(container, stream, path)
        declared_frames, context = stream.frames, stream.codec_context
        width, height, bits = context.width, context.height, _bits(context)
        codec, fps = context.name, _fps(index, stream)
    rotation = _rotation(path)
    return VideoFacts(
        path=path,
        size_wh=(height, width) if rotation % 180 else (width, height),
        fps=fps,
        variable=_is_variable(index.times_s),
        rotation=rotation,
        bits=bits,
        codec=codec,
        index=index,
        missing=_missing(len(index), declared_frames, end_s, declared),
    )


def _bits(context: Any) -> int:
    components: Any = context.format.components if context.format else ()
    return max((part.bits for part in components), default=8)


def video_stream(container: "InputContainer", path: Path) -> "VideoStream":
    """Return the video of a container, set to decode in the calling thread.

    With threads of its own, FFmpeg decodes ahead while the application does something else. The
    time of a call would then be nearly nothing, and the time of everything else too long.

    Raises:
        DataError: if there is none, or its pictures are too large.
    """
    cover = pyav().stream.Disposition.attached_pic
    streams = [each for each in container.streams.video if not each.disposition & cover]
    if not streams:
        kinds = ", ".join(sorted({each.type for each in container.streams})) or "nothing"
        raise DataError(
            f"{path}: expected a video, but the file has no pictures, only {kinds}. Name a file "
            "with a video."
        )
    stream = streams[0]
    context = stream.codec_context
    if not (context and context.width and context.height):
        raise unreadable(path, "its codec is unknown")
    if context.width * context.height > MOST_PIXELS:
        raise DataError(
            f"{path}: the pictures have {context.width}x{context.height} pixels, above the limit "
            f"of {MOST_PIXELS}. Make the video smaller."
        )
    context.thread_count = 1
    context.options = {"max_pixels": str(MOST_PIXELS)}  # also if a later picture is larger
    return stream


def _scanned(
    container: "InputContainer", stream: "VideoStream", path: Path
) -> tuple[Index, float, float]:
    """Read all packets; return the index, the end of the contents and that of the header, in s."""
    stamps: list[int | None] = []
    keys: list[bool] = []
    end_s, av = 0.0, pyav()
    try:
        for packet in container.demux():
            if not packet.size or packet.is_discard:
                continue
            if packet.dts is not None:
                end_s = max(end_s, float(packet.dts * packet.time_base))
            if packet.stream.index == stream.index:
                stamps.append(packet.pts)
                keys.append(packet.is_keyframe)
    except av.FFmpegError:
        pass  # the file ends here; what is missing is said by comparison with its header
    if not stamps:
        raise unreadable(path, "it holds no picture")
    begin_s = (container.start_time or 0) / av.time_base
    declared_s = (container.duration or 0) / av.time_base + begin_s
    return _index(stamps, keys, stream), end_s, declared_s


def _index(stamps: list[int | None], keys: list[bool], stream: "VideoStream") -> Index:
    known = np.array([stamp for stamp in stamps if stamp is not None], np.int64)
    if len(known) < len(stamps) or len(np.unique(known)) < len(stamps):
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        return Index(None, np.zeros(len(stamps), bool), np.arange(len(stamps)) / rate)
    order = np.argsort(known)
    ticks = known[order]
    times_s = (ticks - ticks[0]) * float(stream.time_base or 1)
    return Index(ticks, np.array(keys, bool)[order], times_s)


def _rotation(path: Path) -> int:
    """Return the rotation of the first picture that can be decoded, in steps of 90 degrees."""
    av = pyav()
    with open_container(path) as container:
        stream = video_stream(container, path)
        try:
            for packet in container.demux(stream):
                try:
                    for frame in packet.decode():
                        return round(frame.rotation / 90) % 4 * 90
                except av.InvalidDataError:
                    continue
        except av.FFmpegError as error:
            raise unreadable(path, str(error.strerror)) from error
    raise unreadable(path, "no picture can be decoded")


def _fps(index: Index, stream: "VideoStream") -> float | None:
    if len(index) > 1 and index.ticks is not None:
        return round((len(index) - 1) / float(index.times_s[-1]), 6)
    return float(stream.average_rate) if stream.average_rate else None


def _is_variable(times_s: Floats) -> bool:
    if len(times_s) < 3:
        return False
    steps = np.diff(times_s)
    usual = float(np.median(steps))
    return bool(np.abs(steps - usual).max() > max(_UNEVEN * usual, _UNEVEN_SECONDS))


def _missing(found: int, declared: int, end_s: float, declared_s: float) -> str:
    if declared > found:
        pictures = counted(declared, "picture")
        return f"cut off after {found} of {pictures}; the rest of the file is missing"
    if declared_s - end_s > _MISSING_SECONDS:
        return f"cut off after {end_s:.1f} of {declared_s:.1f} s; the rest of the file is missing"
    return ""
