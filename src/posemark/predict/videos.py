"""A video file as an input."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posemark.core.errors import DataError, FrameError
from posemark.predict.shots import WHOLE, Part, Remarks, Shot, in_words
from posemark.video.facts import VideoFacts, read_facts
from posemark.video.reading import VideoReader


@dataclass(frozen=True)
class Video:
    """A video file, decoded picture by picture.

    Attributes:
        facts: what the file consists of.
        wanted: the numbers of the pictures that are decoded.
    """

    facts: VideoFacts
    wanted: range

    @classmethod
    def of(cls, path: Path, part: Part = WHOLE) -> "Video":
        """Open a part of a video.

        Raises:
            UsageError: if PyAV is not installed.
            DataError: if no video can be read from the file, or the part has no picture.
        """
        facts = read_facts(path)
        end_s = np.inf if part.end_s is None else part.end_s
        times_s = facts.index.times_s
        first, last = np.searchsorted(times_s, (part.start_s, end_s)).tolist()
        if first >= last:
            raise DataError(
                f"{path}: no picture lies {in_words(part)}; the video has "
                f"{facts.duration_s:.2f} s. Choose a part within them."
            )
        return cls(facts, range(first, last, part.step))

    @property
    def name(self) -> str:
        """Return the name of the file."""
        return self.facts.path.name

    @property
    def stem(self) -> str:
        """Return the name of the file without its ending."""
        return self.facts.path.stem

    @property
    def sources(self) -> tuple[Path, ...]:
        """Return the file."""
        return (self.facts.path,)

    @property
    def is_clip(self) -> bool:
        """Return that its pictures follow each other."""
        return True

    @property
    def total(self) -> int:
        """Return the number of pictures that are decoded."""
        return len(self.wanted)

    @property
    def fps(self) -> float | None:
        """Return the pictures per second that are decoded, on average."""
        return self.facts.fps and self.facts.fps / self.wanted.step

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what was noticed about the file, in sentences."""
        return self.facts.notes

    def shots(self, remarks: Remarks) -> Iterator[Shot]:
        """Yield the pictures; those that cannot be decoded are reported to `remarks`."""
        times_s = self.facts.index.times_s
        with VideoReader(self.facts) as reader:
            for index in self.wanted:
                try:
                    image = reader.picture(index)
                except FrameError as error:
                    remarks.failed(error)
                    continue
                yield Shot(self.name, index, float(times_s[index]), image)
