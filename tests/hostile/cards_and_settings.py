"""Hostile TOML files: cards of models and of person detectors, and settings."""

from pathlib import Path

import made_cards
import made_detectors
from hostile.kind import Kind, written
from posemark import cards
from posemark.cards import detector as detector_of_card
from posemark.cards import reading
from posemark.cards.model import with_artefact
from posemark.core.model_file import Artefact, FileOutput
from posemark.run import setting

OUTPUTS = """
refine = "dark"
stride = 4
[outputs]
sources = ["maps"]
order = [16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
[[published]]
ap = 0.65
boxes = "gt"
flip = false
source = "a table"
"""
SETTING = b"""# found by posemark tune
runtime = "openvino"
precision = "bf16"
device = "cpu"
threads = 2
persons = "batched"
max_batch = 8
codec = "dark:11"
"""


def card() -> bytes:
    """Return a card with most of the fields that a card may have."""
    file = f'name = "tiny.onnx"\nsha256 = "{"0123456789abcdef" * 4}"\nparameters = 12'
    changes = {
        'origin = "tests"': 'origin = "tests"\nlicence = "MIT"',
        'name = "tiny.onnx"': file,
        'convention = "hrnet"': 'convention = "hrnet"\npadding = 1.25',
    }
    return made_cards.text(changes, add=OUTPUTS).encode()


def read_card(folder: Path, content: bytes) -> object:
    path = written(folder / "made.toml", content)
    found = reading.read(path)
    made = Artefact(
        path, "0" * 64, found.file.precision, "nchw", "float32", None, FileOutput("maps")
    )
    return with_artefact(found, made)


def people_card() -> bytes:
    """Return the card of a model whose file finds the people itself."""
    return cards.built_in()["movenet-multipose-256"].read_bytes()


def detector_card() -> bytes:
    """Return a card of a person detector with most of the fields that it may have."""
    file = f'name = "detector.onnx"\nsha256 = "{"0123456789abcdef" * 4}"\nparameters = 12'
    codec = 'rows = "grid"\nstrides = [8, 16]\nclasses = 80\nperson = 3\nnms = 0.65\nleast = 0.01'
    changes = {
        'origin = "tests"': 'origin = "tests"\nlicence = "MIT"',
        'name = "detector.onnx"': file,
        'rounding = "nearest"': 'rounding = "down"\nfill = 114',
        'rows = "corners"': f"{codec}\nmost = 50",
    }
    return made_cards.text(changes, card=made_detectors.CARD).encode()


def read_detector_card(folder: Path, content: bytes) -> object:
    path = written(folder / "made.toml", content)
    found = reading.read_detector(path)
    precision = found.file.precision
    made = Artefact(path, "0" * 64, precision, "nchw", "float32", None, FileOutput("dets"))
    detector_of_card.require_size(found, 64)
    return detector_of_card.with_artefact(found, made, 64)


def read_setting(folder: Path, content: bytes) -> object:
    return setting.read(written(folder / "made.toml", content))


KINDS = {
    "cards": Kind(lambda: [card(), people_card()], read_card),
    "detector-cards": Kind(lambda: [detector_card()], read_detector_card),
    "settings": Kind(lambda: [SETTING], read_setting),
}
