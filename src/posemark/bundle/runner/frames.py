"""Reads and writes frames.json: the frames of a bundle, with their files and annotated people."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from posemark.bundle.runner.json_file import UNEXPECTED, numbers, read_json, wrong_content
from posemark.core.errors import FrameError
from posemark.core.frame import Frame, Truth
from posemark.core.skeleton import Skeleton

FRAMES = "frames.json"
"""The name of the file, in the folder of the bundle."""


def frames_document(frames: Iterable[Frame], files: Mapping[int, tuple[str, str]]) -> Any:
    """Return the content of FRAMES.

    Args:
        frames: the frames, in the order of the run.
        files: by image id, the paths in the bundle of the image as the data set has it, and of
            the same image as a plain PNG, which needs no OpenCV.
    """
    return {"frames": [_row(frame, *files[frame.image_id]) for frame in frames]}


def _row(frame: Frame, file: str, plain: str) -> dict[str, Any]:
    truth = frame.truth
    return {
        "image_id": frame.image_id,
        "name": frame.name,
        "size_wh": list(frame.size_wh),
        "file": file,
        "plain": plain,
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
    return Frame(
        image_id=int(row["image_id"]),
        name=str(row["name"]),
        size_wh=(int(width), int(height)),
        read=_reader(folder / str(row["plain" if plain else "file"])),
        truth=Truth(
            numbers(truth["keypoints_xyv"], people, len(skeleton.keypoints), 3),
            boxes_xywh,
            numbers(truth["areas"], people),
            numbers(truth["is_crowd"], people).astype(np.bool_),
            skeleton,
        ),
    )


def _reader(path: Path) -> Callable[[], bytes]:
    return partial(_bytes_of, path)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FrameError(
            f"{path}: cannot read this image ({error.strerror}). Unzip the bundle again."
        ) from error
