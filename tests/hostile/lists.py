"""Hostile annotations and detections: JSON lists in COCO's formats."""

import json
from pathlib import Path

import numpy as np

from hostile.kind import Kind, written
from posemark.core.errors import PoseMarkError
from posemark.core.frame import Frame, Truth
from posemark.core.skeleton import COCO_17
from posemark.datasets.boxes import open_boxes
from posemark.datasets.coco import ANNOTATIONS, Coco
from posemark.geometry.conventions import HRNET
from posemark.records import truth
from posemark.score.coco import truth_json


def annotations() -> bytes:
    person = {
        "keypoints": [10.5, 20, 2] * 17,
        "bbox": [5, 5, 40, 90.5],
        "area": 1800.5,
        "iscrowd": 0,
    }
    people = [person | {"id": i, "image_id": 1 + i % 3, "category_id": 1} for i in range(5)]
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 64, "height": 48} for i in (1, 2, 3)]
    kinds = [{"id": 1, "name": "person"}]
    return json.dumps({"images": images, "annotations": people, "categories": kinds}).encode()


def read_annotations(folder: Path, content: bytes) -> object:
    (folder / ANNOTATIONS).parent.mkdir(exist_ok=True)
    written(folder / ANNOTATIONS, content)
    frames = Coco(folder).frames()
    source = open_boxes("gt", HRNET, 0.0, "coco", frames)
    for frame in frames:
        source.of(frame)
        try:
            frame.read()
        except PoseMarkError:  # there are no images
            continue
    truth.write(truth_json(frames), folder / "truth.json")
    return frames


def detections() -> list[bytes]:
    """Return boxes of a detector, and poses as predict writes them, whose boxes may be used."""
    box = {"category_id": 1, "bbox": [10, 20.5, 30, 20], "score": 0.75}
    boxes = [box | {"image_id": 1 + i % 3} for i in range(8)]
    poses = [each | {"keypoints": [10.5, 20.25, 0.5] * 17, "track_id": 3} for each in boxes]
    return [json.dumps(each).encode() for each in (boxes, poses)]


def read_detections(folder: Path, content: bytes) -> object:
    path = written(folder / "found.json", content)
    nobody = Truth(np.zeros((0, 17, 3)), np.zeros((0, 4)), np.zeros(0), np.zeros(0, bool), COCO_17)
    frames = [Frame(i, f"{i}.jpg", (64, 48), bytes, nobody) for i in (1, 2, 3)]
    source = open_boxes(f"file:{path}", HRNET, 0.0, "coco", frames)
    return [source.of(frame) for frame in frames]


KINDS = {
    "annotations": Kind(lambda: [annotations()], read_annotations, lines_of_json=True),
    "detections": Kind(detections, read_detections, lines_of_json=True),
}
