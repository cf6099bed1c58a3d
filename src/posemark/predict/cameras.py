"""A connected camera as an input, which has no end of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from posemark.core.errors import FrameError, UsageError
from posemark.measure.clock import now_ns
from posemark.predict.shots import WHOLE, Part, Remarks, Shot
from posemark.video.camera import Camera

PREFIX = "camera:"
"""What the name of a camera begins with."""


@dataclass(frozen=True)
class LiveCamera:
    """A camera, whose newest picture is taken whenever the one before is finished.

    Attributes:
        number: the number of the camera, from 0.
        camera: the opened camera.
        part: the part that is wanted: seconds from the first picture on, and the step.
    """

    number: int
    camera: Camera
    part: Part

    @classmethod
    def of(cls, word: str, part: Part = WHOLE) -> "LiveCamera":
        """Open the camera that a word names.

        Raises:
            UsageError: if the word has no number.
            DataError: if there is no such camera.
        """
        number = word.removeprefix(PREFIX)
        if not (number.isascii() and number.isdecimal() and len(number) <= _DIGITS):
            raise UsageError(
                f"{word}: expected the number of a camera, such as camera:0. Cameras are numbered "
                "from 0."
            )
        return cls(int(number), Camera(int(number)), part)

    @property
    def name(self) -> str:
        """Return the name of the camera."""
        return f"{PREFIX}{self.number}"

    @property
    def stem(self) -> str:
        """Return the name of the camera as part of a file name."""
        return f"camera-{self.number}"

    @property
    def sources(self) -> tuple[Path, ...]:
        """Return no files."""
        return ()

    @property
    def is_clip(self) -> bool:
        """Return that its pictures follow each other."""
        return True

    @property
    def total(self) -> None:
        """Return that nobody knows the number of its pictures."""
        return

    @property
    def fps(self) -> None:
        """Return that its rate is unknown; it depends on how fast its pictures are taken."""
        return

    @property
    def notes(self) -> tuple[str, ...]:
        """Return no notes."""
        return ()

    def shots(self, remarks: Remarks) -> Iterator[Shot]:
        """Yield pictures until the camera gives none any more, or the end of the part."""
        begin, index = now_ns(), 0
        try:
            while True:
                self.camera.wait()
                time_s = (now_ns() - begin) / 1e9
                if self.part.end_s is not None and time_s >= self.part.end_s:
                    return
                if time_s >= self.part.start_s and index % self.part.step == 0:
                    yield Shot(self.name, index, time_s, self.camera.picture())
                index += 1
        except FrameError as error:
            remarks.say(str(error))
        finally:
            self.camera.close()


_DIGITS = 4
"""Most digits of the number of a camera."""
