"""What an input gives: one picture after the other, never a list of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from posemark.core.errors import FrameError, UsageError
from posemark.core.frame import Image
from posemark.measure.clock import now_ns


@dataclass
class Remarks:
    """What is said while an input is read.

    Attributes:
        say: called with each sentence.
        unusable: number of pictures that could not be used.
    """

    say: Callable[[str], object]
    unusable: int = 0

    def failed(self, error: FrameError) -> None:
        """Say why a picture cannot be used. The other pictures follow."""
        self.unusable += 1
        self.say(f"left out: {error}")


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of an input, before anybody is found in it.

    Attributes:
        name: the name of the image file, or of the video or camera.
        index: number of the picture in its input, from 0; skipped ones count.
        time_s: seconds since the beginning of the video; 0 for an image, which stands alone.
        image_bgr: (H, W, 3) pixels.
    """

    name: str
    index: int
    time_s: float
    image_bgr: Image


@dataclass(frozen=True, slots=True)
class Part:
    """The part of an input that is wanted.

    Attributes:
        start_s: seconds from the beginning of a video to the first frame.
        end_s: seconds from the beginning of a video at which the part ends; None for its end.
        step: 1 for every picture, n for every n-th.
    """

    start_s: float = 0.0
    end_s: float | None = None
    step: int = 1

    @property
    def is_timed(self) -> bool:
        """Whether the part begins or ends at a time, which images do not have."""
        return self.start_s > 0 or self.end_s is not None


def in_words(part: Part) -> str:
    """Return the time of a part as words: from 2 s to 5 s, or from 2 s on."""
    return f"from {part.start_s:g} s " + ("on" if part.end_s is None else f"to {part.end_s:g} s")


WHOLE = Part()
"""All pictures of an input."""


def part_of(start_s: float, end_s: float | None, step: int) -> Part:
    """Return the part that an application wants.

    Raises:
        UsageError: if the numbers make no part.
    """
    ends = np.inf if end_s is None else end_s
    if not 0 <= start_s < ends:
        raise UsageError(
            "expected a part of a video whose end is after its start, got a part "
            f"{in_words(Part(start_s, end_s))}. Correct these times."
        )
    if step < 1:
        raise UsageError(f"step: expected 1 or more, got {step}. 1 takes every picture.")
    return Part(start_s, end_s, step)


class Input(Protocol):
    """Images, a video or a camera."""

    @property
    def name(self) -> str:
        """The name for messages, as the user wrote it."""
        ...

    @property
    def stem(self) -> str:
        """The name that its files of results are called after."""
        ...

    @property
    def sources(self) -> tuple[Path, ...]:
        """Its files, which must not be written into."""
        ...

    @property
    def is_clip(self) -> bool:
        """Whether its pictures follow each other in time. Images stand alone."""
        ...

    @property
    def total(self) -> int | None:
        """The number of its pictures, at least nearly; None if nobody knows."""
        ...

    @property
    def fps(self) -> float | None:
        """Its pictures per second; None for images."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noticed about it, and what was done about that, in sentences."""
        ...

    def shots(self, remarks: Remarks) -> Iterator[Shot]:
        """Yield its pictures.

        Args:
            remarks: receives what is noticed on the way, and pictures that cannot be read.

        Raises:
            DataError: if it cannot be read.
        """
        ...


def timed(shots: Iterator[Shot]) -> Iterator[tuple[Shot, int]]:
    """Yield the pictures, each with the nanoseconds that reading and decoding it took."""
    while True:
        begin = now_ns()
        shot = next(shots, None)
        if shot is None:
            return
        yield shot, now_ns() - begin
