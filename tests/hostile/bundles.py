"""Hostile bundles on a device: entries, frames, plain PNG images, records to continue."""

import json
from pathlib import Path

import numpy as np

from hostile.checksums import png_with_sums
from hostile.kind import Kind, written
from hostile.run_records import numbered, records
from posemark.bundle.runner.entry_file import ENTRIES, ModelFile, entry_document, read_entry
from posemark.bundle.runner.frames import FRAMES, ImageFile, frames_document, read_frames
from posemark.bundle.runner.record import read_record
from posemark.core.errors import FrameError
from posemark.core.frame import Boxes, Frame, Truth
from posemark.core.skeleton import COCO_17
from posemark.geometry.image_header import MOST_PIXELS, size_wh
from posemark.geometry.plain_png import plain_pixels, plain_png


def entry() -> bytes:
    models = [ModelFile("models/made.onnx", "0" * 64, ("heatmaps",))]
    boxes = {3: Boxes(np.array([[1.0, 2, 30, 40]]), np.array([0.5]), 1)}
    return json.dumps(entry_document({"run": "made"}, models, boxes)).encode()


def read_entry_file(folder: Path, content: bytes) -> object:
    (folder / ENTRIES).mkdir(exist_ok=True)
    written(folder / ENTRIES / "made.json", content)
    found = read_entry(folder, "made")
    return found.boxes_of(3), [model.suffix for model in found.models]


def frames() -> bytes:
    person = Truth(
        np.ones((1, 17, 3)), np.array([[1.0, 2, 30, 40]]), np.ones(1), np.zeros(1, bool), COCO_17
    )
    made = [Frame(3, "3.png", (32, 24), bytes, person)]
    files = ImageFile("frames/3.png", 0), ImageFile("plain/3.png", 0)
    return json.dumps(frames_document(made, {3: files})).encode()


def read_frames_file(folder: Path, content: bytes) -> object:
    (folder / FRAMES).parent.mkdir(exist_ok=True)
    written(folder / FRAMES, content)
    return [frame.truth.boxes_xywh for frame in read_frames(folder, COCO_17, plain=True)]


def image() -> bytes:
    return plain_png(np.arange(12 * 8 * 3, dtype=np.uint8).reshape(12, 8, 3))


def read_image(folder: Path, content: bytes) -> object:
    """Decode as geometry/crop does, which reads the size before."""
    width, height = size_wh(content, "made")
    if width * height > MOST_PIXELS:
        raise FrameError("made: too large")
    try:
        return plain_pixels(content)
    except ValueError as error:  # converted to a FrameError, like the errors of OpenCV
        raise FrameError(str(error)) from error


def continue_record(folder: Path, content: bytes) -> object:
    found = read_record(written(folder / "made.jsonl", content))
    return found and (found.complete, found.measured, found.blocks)


KINDS = {
    "bundle-entries": Kind(lambda: [entry()], read_entry_file, lines_of_json=True),
    "bundle-frames": Kind(lambda: [frames()], read_frames_file, lines_of_json=True),
    "bundle-records": Kind(records, continue_record, lines_of_json=True, repair=numbered),
    "plain-png": Kind(lambda: [image()], read_image, repair=png_with_sums),
}
