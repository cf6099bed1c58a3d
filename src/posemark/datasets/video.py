"""Reads videos and folders of images or videos as frames, in which nobody is annotated.

They show the speed, the stability and the looks of a model on footage of one's own; there is
nothing to compute AP from. A video is a clip, and so is a folder of images. A folder of videos is
one clip after the other, in the order of their names.

The pictures of a video are decoded inside the clock, as an application would do. All that a
picture depends on is decoded outside.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path

from posemark.core.counting import counted
from posemark.core.digests import sha256_of
from posemark.core.errors import DataError, FrameError, UsageError
from posemark.core.frame import Encoded, Frame, Image, Moment
from posemark.core.places import with_home
from posemark.core.text import escaped
from posemark.datasets import DataKind
from posemark.datasets._unannotated import NO_TRUTH
from posemark.geometry.image_file import read_image
from posemark.geometry.image_header import size_wh
from posemark.video.facts import VideoFacts, read_facts
from posemark.video.reading import VideoReader

IMAGE_FPS = 30.0
"""Images per second of a folder of images, which do not say when they were taken."""

_IMAGES = frozenset((".jpg", ".jpeg", ".png"))
_VIDEOS = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg"),
        *(".mpeg", ".3gp", ".wmv", ".flv", ".ogv", ".mxf", ".gif"),
    )
)
_READERS = 2
"""Readers of one video: one decodes what the run prepares, one what it measures."""

_OPEN_VIDEOS = 2
"""Videos that are open at a time; every reader holds some tens of megabytes."""


@dataclass(frozen=True)
class Video:
    """The frames of a video file, or of a folder of images or videos.

    The files are read on first use. DataError is raised then if they are no videos or images.

    Attributes:
        place: the file or folder.
    """

    place: Path

    @property
    def name(self) -> str:
        """Return the name in records and reports."""
        return "video"

    @property
    def fingerprint(self) -> str:
        """Return 16 hex digits of the SHA-256 of the file, or of all files with their names."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digests = [(path, sha256_of(path)) for path in self._files]
        if self._files == [self.place]:
            return digests[0][1][:16]
        listed = "".join(f"{digest} {path.name}\n" for path, digest in digests)
        return hashlib.sha256(os.fsencode(listed)).hexdigest()[:16]

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what was converted, turned or is missing, one sentence each."""
        if self._of_images:
            taken = f"taken as a clip of {IMAGE_FPS:g} per second, in the order of their names"
            return (f"{escaped(self.place.name)}: {counted(len(self._files), 'image')} {taken}",)
        return tuple(note for facts in self._videos for note in facts.notes)

    @property
    def photographs(self) -> bool:
        """Return that the frames are photographs, for which trained weights are made."""
        return True

    def frames(self) -> list[Frame]:
        """Return every picture in order of time, numbered from 1; none is decoded here."""
        if self._of_images:
            return [_image_frame(number, path) for number, path in enumerate(self._files, 1)]
        frames: list[Frame] = []
        for clip, facts in enumerate(self._videos, 1):
            frames += _video_frames(facts, clip, first=len(frames) + 1)
        return frames

    @property
    def _of_images(self) -> bool:
        return self._files[0].suffix.lower() in _IMAGES

    @cached_property
    def _videos(self) -> list[VideoFacts]:
        return [read_facts(path) for path in self._files]

    @cached_property
    def _files(self) -> list[Path]:
        """The file, or the images or videos of the folder, in the order of their names."""
        if not self.place.is_dir():
            return [self.place]
        files = sorted(self.place.iterdir(), key=_natural_order)
        videos = [path for path in files if path.suffix.lower() in _VIDEOS]
        images = [path for path in files if path.suffix.lower() in _IMAGES]
        if bool(videos) == bool(images):
            found = (
                f"{counted(len(images), 'image')} and {counted(len(videos), 'video')}"
                if videos
                else f"neither among {counted(len(files), 'entry', 'entries')}"
            )
            raise DataError(
                f"{self.place}: expected a folder of images ({', '.join(sorted(_IMAGES))}) or of "
                f"videos ({', '.join(sorted(_VIDEOS))}), got {found}. Name a video file, or a "
                "folder with files of one kind."
            )
        return videos or images


def _natural_order(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts frame2 before frame10."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(int(part) if part.isdecimal() else -1, part) for part in parts]


def _image_frame(number: int, path: Path) -> Frame:
    try:
        size = size_wh(_read_image(path), str(path))
    except FrameError as error:
        raise DataError(f"{error} Or remove it from the folder.") from error
    moment = Moment(1, number - 1, (number - 1) / IMAGE_FPS)
    return Frame(number, escaped(path.name), size, partial(_read_image, path), NO_TRUTH, moment)


def _read_image(path: Path) -> bytes:
    return read_image(path, "this image is in the folder", "Correct its permissions.")


def _video_frames(facts: VideoFacts, clip: int, first: int) -> Iterator[Frame]:
    for index, time_s in enumerate(facts.index.times_s.tolist()):
        yield Frame(
            image_id=first + index,
            name=f"{escaped(facts.path.name)}#{index}",
            size_wh=facts.size_wh,
            read=partial(_ready_picture, facts, index),
            truth=NO_TRUTH,
            moment=Moment(clip, index, time_s),
        )


# ----------------------------------------------------------------------------- decoding


def _ready_picture(facts: VideoFacts, index: int) -> Encoded:
    players = _players(facts)
    players.prepare(index)
    return partial(players.picture, index)


class _Players:
    """Readers of one video that take turns, so that a picture may be decoded more than once.

    A run decodes a picture once to prepare for it, if a detector looks at it, and again inside the
    clock. Both times take as long as the picture takes, because each has a reader of its own that
    stands just before it.
    """

    def __init__(self, facts: VideoFacts) -> None:
        self._facts = facts
        self._readers: list[VideoReader] = []
        self._calls = 0

    def prepare(self, index: int) -> None:
        """Move as many readers to this picture as decoded the one before."""
        wanted, self._calls = min(max(1, self._calls), _READERS), 0
        ready = [each for each in self._readers if each.next_index == index]
        while len(ready) < wanted:
            reader = self._free(ready)
            reader.go_to(index)
            ready.append(reader)

    def picture(self, index: int) -> Image:
        """Decode the picture."""
        self._calls += 1
        ready = [each for each in self._readers if each.next_index == index]
        return (ready[0] if ready else self._free([])).picture(index)

    def _free(self, taken: Sequence[VideoReader]) -> VideoReader:
        """Return a reader that is not taken, and open one if there may be more."""
        if len(self._readers) < _READERS:
            self._readers.append(VideoReader(self._facts))
            return self._readers[-1]
        free = (each for each in self._readers if each not in taken)
        return min(free, key=lambda each: each.next_index)


@lru_cache(maxsize=_OPEN_VIDEOS)
def _players(facts: VideoFacts) -> _Players:
    return _Players(facts)


def _open(place: str) -> Video:
    if not place:
        raise UsageError(
            "--data video: expected a file or folder after a colon, such as video:clip.mp4."
        )
    return Video(with_home(place))


KIND = DataKind(
    "video",
    "video:FILE or video:FOLDER (a video, or a folder of videos or images; nobody is annotated)",
    _open,
    annotated=False,
    any_order=False,
)
