"""Reads and writes frames.json: the frames of a bundle, with their files and annotated people."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from posemark.bundle.runner.json_file import UNEXPECTED, numbers, read_json, wrong_content
from posemark.core.errors import FrameError
from posemark.core.frame import Frame, Truth
from posemark.core.skeleton import Skeleton

FRAMES = "frames.json"
"""The name of the file, in the folder of the bundle."""


@dataclass(frozen=True)
class ImageFile:
    """An image file of a bundle.

    Attributes:
        path: its path in the folder of the bundle.
        crc32: the CRC-32 of its bytes. A damaged JPEG is decoded without a word, with other
            pixels and so with other poses.
    """

    path: str
    crc32: int

    @classmethod
    def of(cls, path: str, content: bytes) -> "ImageFile":
        """Return the file with this path and content."""
        return cls(path, crc32(content) & 0xFFFFFFFF)


def frames_document(
    frames: Iterable[Frame], files: Mapping[int, tuple[ImageFile, ImageFile]]
) -> Any:
    """Return the content of FRAMES.

    Args:
        frames: the frames, in the order of the run.
        files: by image id, the image as the data set has it, and the same image as a plain PNG,
            which needs no OpenCV.
    """
    return {"frames": [_row(frame, *files[frame.image_id]) for frame in frames]}


def _row(frame: Frame, file: ImageFile, plain: ImageFile) -> dict[str, Any]:
    truth = frame.truth
    return {
        "image_id": frame.image_id,
        "name": frame.name,
        "size_wh": list(frame.size_wh),
        "file": file.path,
        "file_crc32": file.crc32,
        "plain": plain.path,
        "plain_crc32": plain.crc32,
        "truth": {
            "keypoints_xyv": truth.keypoints_xyv.tolist(),
            "boxes_xywh": truth.boxes_xywh.tolist(),
            "areas": truth.areas.tolist(),
            "is_crowd": truth.is_crowd.tolist(),
        },
    }


def read_frames(folder: Path, skeleton: Skeleton, plain: bool) -> list[Frame]:
    """Read the frames of a bundle.

    Args:
        folder: the folder of the bundle.
        skeleton: the key points that people are annotated with.
        plain: whether frames are read from the plain PNG files.

    Returns:
        The frames; the file of each is read when its `read` is called.

    Raises:
        DataError: if the file is missing or damaged.
    """
    path = folder / FRAMES
    content = read_json(path)
    try:
        return [_frame(folder, row, skeleton, plain) for row in content["frames"]]
    except UNEXPECTED as error:
        raise wrong_content(path, error) from error


def _frame(folder: Path, row: Any, skeleton: Skeleton, plain: bool) -> Frame:
    truth = row["truth"]
    boxes_xywh = numbers(truth["boxes_xywh"], -1, 4)
    people = len(boxes_xywh)
    width, height = row["size_wh"]
    image = "plain" if plain else "file"
    return Frame(
        image_id=int(row["image_id"]),
        name=str(row["name"]),
        size_wh=(int(width), int(height)),
        read=partial(_bytes_of, folder / str(row[image]), int(row[image + "_crc32"])),
        truth=Truth(
            numbers(truth["keypoints_xyv"], people, len(skeleton.keypoints), 3),
            boxes_xywh,
            numbers(truth["areas"], people),
            numbers(truth["is_crowd"], people).astype(np.bool_),
            skeleton,
        ),
    )


def _bytes_of(path: Path, expected: int) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FrameError(
            f"{path}: cannot read this image ({error.strerror}). Unzip the bundle again."
        ) from error
    if crc32(content) & 0xFFFFFFFF != expected:
        raise FrameError(
            f"{path}: this image is damaged: its CRC-32 is not that of the bundle. Unzip the "
            "bundle again."
        )
    return content
