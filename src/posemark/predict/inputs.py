"""Finds what the words of a command mean: images, folders, globs, videos and cameras."""

import glob
import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from posemark.core.counting import counted
from posemark.core.errors import DataError, UsageError
from posemark.core.places import exists, is_file, is_folder, with_home
from posemark.predict.cameras import PREFIX, LiveCamera
from posemark.predict.images import SUFFIXES, Images
from posemark.predict.shots import WHOLE, Input, Part
from posemark.predict.videos import Video

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
"""The first bytes of JPEG and PNG files."""


def inputs_of(words: Sequence[str], part: Part = WHOLE) -> list[Input]:
    """Find the inputs that the words of a command name.

    Args:
        words: files, folders of images, globs, or camera:N.
        part: the part of each video that is wanted, and the step.

    Returns:
        All images together as the first input, then the videos and cameras in the order of the
        words.

    Raises:
        UsageError: if a word names nothing, or if a time is given for images.
        DataError: if a video cannot be read.
    """
    cameras = [LiveCamera.of(word, part) for word in words if word.startswith(PREFIX)]
    found = [_paths(word) for word in words if not word.startswith(PREFIX)]
    paths = list(dict.fromkeys(chain.from_iterable(found)))
    images = tuple(path for path in paths if _is_image(path))
    if images and part.is_timed:
        raise UsageError(
            f"--from and --to apply to videos, and {images[0]} is an image. Leave them out."
        )
    chosen = set(images)
    videos = [Video.of(path, part) for path in paths if path not in chosen]
    stills = [Images(images, part.step)] if images else []
    return [*stills, *videos, *cameras]


def _paths(word: str) -> Iterator[Path]:
    """Yield the files that a word names."""
    path = with_home(word)
    if is_folder(path):
        return iter(_images_in(path))
    if exists(path) or not glob.has_magic(word):
        return iter([_existing(path)])
    start = Path(path.anchor or ".")
    matches = start.glob(str(path.relative_to(path.anchor)))
    files = sorted(each for each in matches if is_file(each))
    if not files:
        raise UsageError(f"{word}: no file matches this pattern. Correct it, or name a file.")
    return iter(files)


def _existing(path: Path) -> Path:
    if not exists(path):
        raise UsageError(
            f"{path}: there is no such file or folder. Give an image, a folder of images, a "
            "quoted pattern such as 'photos/*.jpg', a video, or camera:0."
        )
    return path


def _images_in(folder: Path) -> list[Path]:
    """Return the images of a folder, by name.

    Raises:
        DataError: if it cannot be read, or has none.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}).") from error
    found = [folder / name for name in names if name.lower().endswith(SUFFIXES)]
    if not found:
        files = counted(len(names), "file")
        raise UsageError(
            f"{folder}: expected images ({', '.join(SUFFIXES)}), but the folder has {files} and "
            "none of them is one. Name another folder, or the videos themselves."
        )
    return found


def _is_image(path: Path) -> bool:
    """Return whether a file is to be read as an image, by its name or its first bytes."""
    if path.suffix.lower() in SUFFIXES:
        return True
    if not is_file(path):  # to open a pipe would wait for its other end
        return False
    try:
        with path.open("rb") as file:
            return file.read(8).startswith(_MAGIC)
    except OSError:
        return False  # reading it as a video says why
