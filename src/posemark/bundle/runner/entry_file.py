"""Reads and writes entries/KEY.json: the record header, boxes and model files of an entry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posemark.bundle.runner.json_file import (
    REMEDY,
    UNEXPECTED,
    numbers,
    read_json,
    wrong_content,
)
from posemark.core.digests import sha256_of
from posemark.core.errors import DataError
from posemark.core.frame import NOBODY, Boxes
from posemark.core.spec import ModelSpec
from posemark.core.whole_image import Rescorer

ENTRIES = "entries"
"""The folder of the files, in the folder of the bundle."""


@dataclass(frozen=True)
class ModelFile:
    """A network as a file of the bundle.

    Attributes:
        file: its path in the folder of the bundle.
        sha256: its digest in hexadecimal digits.
        outputs: names of the network's outputs in the order of the file, for formats and engines
            that do not keep names; () for an exported model with a card, which names them itself.
    """

    file: str
    sha256: str
    outputs: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """The suffix of the file, which identifies its format: .onnx or .tflite."""
        return Path(self.file).suffix.lower()


@dataclass(frozen=True)
class EntryFile:
    """The content of entries/KEY.json.

    Attributes:
        header: the header of the record, as it would be at home; the device completes it.
        models: the network, once per format.
        boxes: the person boxes by image id; empty for a bottom-up model.
        rescorer: the weights of the network that rescores the poses, an .npz file; None without
            such a network.
    """

    header: dict[str, Any]
    models: tuple[ModelFile, ...]
    boxes: dict[int, Boxes]
    rescorer: ModelFile | None = None

    def boxes_of(self, image_id: int) -> Boxes:
        """Return the person boxes of an image; nobody if there are none."""
        return self.boxes.get(image_id, NOBODY)


def entry_document(
    header: Mapping[str, Any],
    models: Iterable[ModelFile],
    boxes: Mapping[int, Boxes],
    rescorer: ModelFile | None = None,
) -> Any:
    """Return the content of entries/KEY.json.

    Args:
        header: the header of the record as JSON values (msgspec.to_builtins of run/header).
        models: the network, once per format.
        boxes: the person boxes by image id.
        rescorer: as in EntryFile.
    """
    return {
        "header": dict(header),
        "models": [_row(each) for each in models],
        "rescorer": None if rescorer is None else _row(rescorer),
        "boxes": {
            str(image_id): {
                "boxes_xywh": each.boxes_xywh.tolist(),
                "scores": each.scores.tolist(),
                "dropped": each.dropped,
            }
            for image_id, each in boxes.items()
        },
    }


def _row(model: ModelFile) -> dict[str, Any]:
    return {"file": model.file, "sha256": model.sha256, "outputs": list(model.outputs)}


def read_entry(folder: Path, key: str) -> EntryFile:
    """Read the file of an entry.

    Args:
        folder: the folder of the bundle.
        key: the key of the entry.

    Raises:
        DataError: if the file is missing or damaged.
    """
    path = folder / ENTRIES / (key + ".json")
    content = read_json(path)
    try:
        models = [_model(each) for each in content["models"]]
        boxes = {int(image_id): _boxes(each) for image_id, each in content["boxes"].items()}
        row = content.get("rescorer")
        rescorer = None if row is None else _model(row)
        return EntryFile(dict(content["header"]), tuple(models), boxes, rescorer)
    except UNEXPECTED as error:
        raise wrong_content(path, error) from error


def _model(row: Any) -> ModelFile:
    return ModelFile(str(row["file"]), str(row["sha256"]), tuple(row["outputs"]))


def _boxes(row: Any) -> Boxes:
    boxes_xywh = numbers(row["boxes_xywh"], -1, 4)
    return Boxes(boxes_xywh, numbers(row["scores"], len(boxes_xywh)), int(row["dropped"]))


def require_intact(folder: Path, model: ModelFile) -> Path:
    """Return the path of a model file, after a comparison with its digest.

    Raises:
        DataError: if it is missing or damaged.
    """
    path = folder / model.file
    try:
        found = sha256_of(path)
    except OSError as error:
        raise DataError(
            f"{path}: cannot read this model of the bundle ({error.strerror}). {REMEDY}"
        ) from error
    if found != model.sha256:
        raise DataError(
            f"{path}: this model is damaged. Its SHA-256 is {found[:16]}..., expected "
            f"{model.sha256[:16]}.... {REMEDY}"
        )
    return path


def read_rescorer(folder: Path, file: EntryFile, spec: ModelSpec) -> Rescorer | None:
    """Return the network that rescores the poses of an entry; None if it has none.

    Args:
        folder: the folder of the bundle.
        file: the file of the entry.
        spec: the model.

    Raises:
        DataError: if the weights are missing or damaged.
    """
    rescoring = spec.method.rescoring
    if file.rescorer is None or rescoring is None:
        return None
    with np.load(str(require_intact(folder, file.rescorer))) as arrays:
        return rescoring.build({name: arrays[name] for name in arrays.files})
