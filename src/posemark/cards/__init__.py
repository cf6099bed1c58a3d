"""L4: cards of exported models. A card is a TOML file with the facts that a model file lacks.

`schema` defines the keys of a card, `reading` reads it and explains mistakes, `model` makes a
ModelSpec of it, `detector` a person detector, `check` compares it with the file. The cards in
light/ are the suite `light`, those in boxes/ the person detectors.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from posemark.cards.reading import mistaken_for_card, read, read_detector, require_there
from posemark.cards.schema import Card, DetectorCard

SUFFIX = ".toml"

_LIGHT = Path(__file__).parent / "light"
_BOXES = Path(__file__).parent / "boxes"


@cache
def built_in() -> dict[str, Path]:
    """Return the paths of the cards that PoseMark contains, by model name, without model files."""
    return {read(path).name: path for path in _in_order(_LIGHT.glob(f"*{SUFFIX}"))}


@cache
def built_in_detectors() -> dict[str, Path]:
    """Return the paths of the person detectors' cards that PoseMark contains, by name."""
    return {read_detector(path).name: path for path in sorted(_BOXES.glob(f"*{SUFFIX}"))}


def _in_order(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: (read(path).approach, path.name))


__all__ = [
    "SUFFIX",
    "Card",
    "DetectorCard",
    "built_in",
    "built_in_detectors",
    "mistaken_for_card",
    "read",
    "read_detector",
    "require_there",
]
