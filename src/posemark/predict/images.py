"""Images as an input: each stands alone, and is turned upright as its EXIF data say."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from posemark.core.counting import counted
from posemark.core.errors import FrameError
from posemark.geometry.crop import decode_bgr
from posemark.geometry.image_file import read_image
from posemark.geometry.image_header import size_wh
from posemark.geometry.orientation import UPRIGHT, orientation_of, upright
from posemark.predict.shots import Remarks, Shot

SUFFIXES = (".jpg", ".jpeg", ".png")
"""Ends of the names of image files, in lower case."""


@dataclass(frozen=True)
class Images:
    """Image files, which are read one after the other.

    Attributes:
        paths: the files.
        step: 1 for every image, n for every n-th.
    """

    paths: tuple[Path, ...]
    step: int = 1

    @property
    def name(self) -> str:
        """Return the name of the only file, or the number of files."""
        return self.paths[0].name if len(self.paths) == 1 else f"{len(self.paths):,} images"

    @property
    def stem(self) -> str:
        """Return the name of the first file without its ending."""
        return self.paths[0].stem

    @property
    def sources(self) -> tuple[Path, ...]:
        """Return the files."""
        return self.paths

    @property
    def is_clip(self) -> bool:
        """Return that images stand alone."""
        return False

    @property
    def total(self) -> int:
        """Return the number of images that are read."""
        return len(range(0, len(self.paths), self.step))

    @property
    def fps(self) -> None:
        """Return that images have no frame rate."""
        return

    @property
    def notes(self) -> tuple[str, ...]:
        """Return no notes: what is noticed is only known when an image is read."""
        return ()

    def shots(self, remarks: Remarks) -> Iterator[Shot]:
        """Yield the images that can be read; the others are reported to `remarks`."""
        turned = 0
        for index in range(0, len(self.paths), self.step):
            path = self.paths[index]
            try:
                encoded = read_image(path, "people are wanted in this image", _REMEDY)
                orientation = orientation_of(encoded)
                stored = decode_bgr(encoded, size_wh(encoded, str(path)), str(path))
            except FrameError as error:
                remarks.failed(error)
                continue
            turned += orientation != UPRIGHT
            yield Shot(path.name, index, 0.0, upright(stored, orientation))
        if turned:
            remarks.say(f"{counted(turned, 'image')} turned upright, as the EXIF data say.")


_REMEDY = "Check its permissions, or leave it out."
