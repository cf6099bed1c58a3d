"""Where annotated pictures go: image files for images, one H.264 video for a video."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import cv2

from posemark.core.errors import UsageError
from posemark.core.frame import Image
from posemark.core.places import exists, is_folder, require_place, write_whole
from posemark.predict.drafts import explained
from posemark.predict.images import SUFFIXES, Images
from posemark.predict.shots import Input
from posemark.video.writing import SUFFIXES as FILM_SUFFIXES
from posemark.video.writing import VideoWriter

FOLDER = Path("predictions")
"""The folder for annotated pictures if the user names no place."""

FILM = ".mp4"
"""The end of the name of a video that the user does not name."""

USUAL_FPS = 25.0
"""Frames per second of a video whose input does not say its own, such as a camera."""

_JPEG_QUALITY = 95


class Drawing(Protocol):
    """Receives the annotated pictures of one input."""

    def write(self, image: Image, index: int, time_s: float) -> None:
        """Add a picture, which is number `index` of its input.

        Raises:
            UsageError: if it cannot be written.
        """
        ...

    def close(self) -> None:
        """Complete what was written."""
        ...


class Stills:
    """Writes each picture as an image file.

    Args:
        paths: the files, in the order of the pictures.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def write(self, image: Image, index: int, time_s: float) -> None:  # noqa: ARG002 (videos)
        """Write a picture into its file."""
        path = self.paths[index]
        is_png = path.suffix.lower() == ".png"
        quality = [] if is_png else [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        encoded = cv2.imencode(path.suffix, image, quality)[1].tobytes()
        with explained(path):
            write_whole(path, encoded, one_of_many=True)

    def close(self) -> None:
        """Do nothing, because every file is complete."""


class Film:
    """Writes pictures as a video, which begins with the first of them.

    Args:
        path: the file.
        fps: pictures per second.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.paths = (path,)
        self._path, self._fps = path, fps
        self._writer: VideoWriter | None = None
        self._begin_s = 0.0

    def write(self, image: Image, index: int, time_s: float) -> None:  # noqa: ARG002 (images)
        """Add a picture, to be shown at its time."""
        if self._writer is None:
            height, width = image.shape[:2]
            with explained(self._path):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = VideoWriter(self._path, (width, height), self._fps)
            self._begin_s = time_s
        self._writer.write(image, time_s - self._begin_s)

    def close(self) -> None:
        """Complete the video and give it its name."""
        if self._writer is not None:
            self._writer.close()


def drawings_of(inputs: Sequence[Input], out: Path | None) -> list[Stills | Film]:
    """Decide where the annotated pictures of each input go; nothing is written yet.

    Args:
        inputs: the inputs.
        out: what -o names: a folder; for a single input, also a file. None means FOLDER.

    Raises:
        UsageError: if -o names a file that the inputs cannot be written into.
    """
    if out is not None and out.suffix and not is_folder(out):
        return [_file(inputs, out)]
    folder = out or FOLDER
    taken = set[Path]()
    return [_in_folder(each, folder, taken) for each in inputs]


def require_free(
    paths: Iterable[Path], overwrite: bool, option: str, inputs: Iterable[Input]
) -> None:
    """Check that files can be written, and none is replaced without the user's word, no input ever.

    Args:
        paths: the files that will be written.
        overwrite: whether the user allows that files are replaced.
        option: the option that names another place.
        inputs: the inputs.

    Raises:
        UsageError: if one of the files exists, is an input, or cannot be written.
    """
    paths = list(paths)
    sources = {source.resolve() for each in inputs for source in each.sources}
    own = next((path for path in paths if path.resolve() in sources), None)
    if own is not None:
        raise UsageError(
            f"{own} is an input, and would be replaced. Name another place with {option}."
        )
    used = [path for path in paths if exists(path)]
    if used and not overwrite:
        others = f" and {len(used) - 1:,} others" if len(used) > 1 else ""
        raise UsageError(
            f"{used[0]}{others} would be replaced. Add --overwrite if that is right, or name "
            f"another place with {option}."
        )
    places = {each.parent: each for each in paths} | {each: each for each in used}
    for path in places.values():
        require_place(path, f"Name another place with {option}.")


def _file(inputs: Sequence[Input], out: Path) -> Stills | Film:
    single = inputs[0] if len(inputs) == 1 else None
    suffix = out.suffix.lower()
    if isinstance(single, Images):
        if len(single.paths) == 1 and suffix in SUFFIXES:
            return Stills([out])
        wanted = f"a folder, or a file that ends in {' or '.join(SUFFIXES)} for a single image"
    elif single is not None:
        if suffix in FILM_SUFFIXES:
            return _film(single, out)
        wanted = f"a file that ends in {' or '.join(FILM_SUFFIXES)} (H.264), or a folder"
    else:
        wanted = "a folder, because there are several inputs"
    dotted = f" A folder whose name ends in {out.suffix} must exist already." if suffix else ""
    raise UsageError(f"-o {out}: expected {wanted}. Give such a name.{dotted}")


def _in_folder(each: Input, folder: Path, taken: set[Path]) -> Stills | Film:
    if isinstance(each, Images):
        return Stills([_fresh(folder / _image_name(path), taken) for path in each.paths])
    return _film(each, _fresh(folder / f"{each.stem}{FILM}", taken))


def _image_name(path: Path) -> str:
    return path.name if path.suffix.lower() in SUFFIXES else f"{path.name}.jpg"


def _film(each: Input, path: Path) -> Film:
    return Film(path, each.fps or USUAL_FPS)


def _fresh(path: Path, taken: set[Path]) -> Path:
    """Return the path, with a number if another input has the same name."""
    number, free = 1, path
    while free in taken:
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    taken.add(free)
    return free
