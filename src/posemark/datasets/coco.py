"""COCO key-point data in the standard layout.

DIR/annotations/person_keypoints_val2017.json and DIR/val2017/*.jpg, as distributed on
cocodataset.org (annotations CC BY 4.0).
"""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from posemark.core.errors import DataError, FrameError
from posemark.core.frame import Frame, Truth

ANNOTATIONS = "annotations/person_keypoints_val2017.json"
IMAGES = "val2017"


@dataclass(frozen=True)
class Coco:
    """The images and people under one folder.

    Raises, on first use:
        DataError: if the annotations are missing, no JSON, or not COCO key points.
    """

    folder: Path

    @property
    def name(self) -> str:
        """What the record calls it."""
        return "coco"

    @property
    def fingerprint(self) -> str:
        """First 16 hex digits of the annotation file's SHA-256."""
        return hashlib.sha256(self._content).hexdigest()[:16]

    @property
    def photographs(self) -> bool:
        """Whether AP says something about a model."""
        return True

    @cached_property
    def _content(self) -> bytes:
        path = self.folder / ANNOTATIONS
        if not path.is_file():
            raise DataError(
                f"{path}: no annotations there. Expected COCO's layout: {ANNOTATIONS} and "
                f"{IMAGES}/*.jpg under the folder given as coco:DIR. Download both from "
                "cocodataset.org, or use --data sample."
            )
        return path.read_bytes()

    def frames(self) -> list[Frame]:
        """Every image by ascending id, people or not; nothing is decoded here."""
        path = self.folder / ANNOTATIONS
        content = _parsed(path, self._content)
        people: dict[int, list[dict[str, Any]]] = defaultdict(list)
        try:
            for annotation in content["annotations"]:
                people[annotation["image_id"]].append(annotation)
            images = sorted(content["images"], key=lambda image: image["id"])
            return [self._frame(image, people[image["id"]]) for image in images]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}: expected COCO person key points (17 a person), but an entry does not "
                f"fit ({type(error).__name__}: {error}). Use the original file."
            ) from error

    def _frame(self, image: dict[str, Any], people: list[dict[str, Any]]) -> Frame:
        name = image["file_name"]
        return Frame(
            image_id=image["id"],
            name=name,
            size_wh=(image["width"], image["height"]),
            read=partial(_read, self.folder / IMAGES / name),
            truth=_truth(people),
        )


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise DataError(
            f"{path}: expected JSON, but it cannot be parsed ({error}). The file is truncated "
            "or damaged: download it again."
        ) from error
    if not isinstance(parsed, dict) or not {"images", "annotations"} <= parsed.keys():
        raise DataError(
            f"{path}: expected COCO annotations with 'images' and 'annotations', found neither. "
            f"Use {ANNOTATIONS} of COCO."
        )
    return parsed


def _truth(people: list[dict[str, Any]]) -> Truth:
    return Truth(
        np.array([p["keypoints"] for p in people], np.float64).reshape(len(people), 17, 3),
        np.array([p["bbox"] for p in people], np.float64).reshape(len(people), 4),
        np.array([p["area"] for p in people], np.float64),
        np.array([bool(p["iscrowd"]) for p in people], bool),
    )


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FrameError(
            f"{path}: the annotations name this image, but it cannot be read "
            f"({error.strerror}). Download it, or run on the images you have with a shorter "
            "annotation file."
        ) from error
    # OpenCV decodes a cut-off JPEG to a picture with a grey rest, without a word.
    if content.startswith(b"\xff\xd8") and b"\xff\xd9" not in content[-1024:]:
        raise FrameError(
            f"{path}: this JPEG is cut off after {len(content)} bytes (no end marker). "
            "Download it again."
        )
    return content
