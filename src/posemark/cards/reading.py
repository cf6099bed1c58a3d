"""Reads cards. Messages about mistakes name the file, the key, the expected and the given value."""

import difflib
import re
import reprlib
from collections import Counter
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any, get_args

import msgspec

from posemark.cards.schema import PATTERNS, Card, DetectorCard
from posemark.core import toml
from posemark.core.checkpoint_names import is_checkpoint_name
from posemark.core.errors import CardError
from posemark.core.text import shortened
from posemark.runtimes.registry import formats

_Schema = type[Card] | type[DetectorCard]

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 120

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<key>.*)`)?$", re.DOTALL)
_PATTERN = re.compile(r"Expected `str` matching regex (?P<pattern>'.*')", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<name>.*)`")
_MISSING = re.compile(r"missing required field `(?P<name>.*)`")


def read(path: Path) -> Card:
    """Read a card of a pose model and check all its keys.

    Raises:
        CardError: if the file does not exist or is not TOML, if a key is missing or unknown or
            has the wrong type, if keys contradict each other, or if it is the card of a person
            detector.
    """
    card = read_any(path)
    if isinstance(card, Card):
        return card
    raise CardError(
        f"{path}: this card describes a person detector, and a pose model is expected. Give the "
        f"card of a pose model; the detector finds its people with --boxes detector:{path}."
    )


def read_detector(path: Path) -> DetectorCard:
    """Read a card of a person detector and check all its keys.

    Raises:
        CardError: as read, and if it is the card of a pose model.
    """
    card = read_any(path)
    if isinstance(card, DetectorCard):
        return card
    raise CardError(
        f"{path}: expected the card of a person detector, whose codec.kind is boxes, but "
        f"codec.kind is {type(card.codec).__struct_config__.tag}. docs/detectors.md has an example."
    )


def read_any(path: Path) -> Card | DetectorCard:
    """Read a card of either kind, which follows from codec.kind, and check all its keys.

    Raises:
        CardError: as read, for a card of either kind.
    """
    return _card(path, _content(path))


@lru_cache(maxsize=64)  # planning asks for the built-in cards again and again
def _card(path: Path, content: bytes) -> Card | DetectorCard:
    fields = _parsed(path, content)
    schema = DetectorCard if _value(fields, "codec.kind") == "boxes" else Card
    try:
        card = msgspec.convert(fields, schema)
    except msgspec.ValidationError as error:
        raise CardError(f"{path}: {_explained(str(error), fields, schema)}") from None
    for problem in _contradictions(card):
        raise CardError(f"{path}: {problem}")
    return card


def require_there(path: Path) -> None:
    """Check that a file exists that may be a card.

    Raises:
        CardError: if it does not exist, cannot be opened, or is a model file or a checkpoint.
    """
    _content(path)


def mistaken_for_card(path: Path) -> str:
    """Return what to do with a file that belongs to a model but is no card; "" for all others.

    Args:
        path: a file that was given as a card or as an entry; only its name counts.
    """
    if path.suffix.lower() in formats():
        return (
            f"{path}: this is a model file; give its card, a .toml file that describes its input "
            "and output. docs/add-a-model.md has a complete example: copy it, and set "
            f'file.name = "{path.name}" there.'
        )
    if is_checkpoint_name(path):
        return (
            f"{path}: this is a checkpoint, the weights of a model without the model; name the "
            f"model, too: `posemark run MODEL --weights {path}`. `posemark weights import {path}` "
            "recognises which one of PoseMark's models it is for."
        )
    return ""


def _content(path: Path) -> bytes:
    if instead := mistaken_for_card(path):
        raise CardError(instead)
    try:
        return toml.content_of(path)
    except (OSError, ValueError) as error:  # ValueError: impossible file name, or too large
        absent = isinstance(error, FileNotFoundError)
        why = "no such card" if absent else f"it cannot be read ({_reason(error)})"
        raise CardError(
            f"{path}: {why}. Give the path of a .toml file; docs/add-a-model.md has a "
            "complete example."
        ) from None


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    try:
        return _with_lower_digests(toml.parsed(content))
    except ValueError as error:
        raise CardError(f"{path}: expected TOML, but it cannot be read: {error}.") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _with_lower_digests(fields: dict[str, Any]) -> dict[str, Any]:
    """Write digests in lower case, because some programs print them in capitals."""
    if isinstance(fields.get("file"), dict):
        file: dict[str, Any] = fields["file"]
        for key in ("sha256", "data_sha256"):
            if isinstance(file.get(key), str):
                file[key] = file[key].lower()
    return fields


def _explained(message: str, fields: dict[str, Any], schema: _Schema) -> str:
    """Rewrite a message of msgspec: the key, what was expected, what came, what to do.

    A test holds every form of message that is read here (tests/cards/test_reading.py).
    """
    parts = _AT.match(message)
    what, key = (parts["what"], parts["key"] or "") if parts else (message, "")
    if unknown := _UNKNOWN.search(what):
        return _unknown(unknown["name"], key, schema)
    if missing := _MISSING.search(what):
        return f"the key {_joined(key, missing['name'])} is missing. {_help(key, schema)}"
    came = _value(fields, key)
    if what.startswith("Invalid value") and key.endswith("kind"):
        what = f"Expected {', '.join(_kinds())}"
    elif pattern := _PATTERN.match(what):
        what = f"Expected {PATTERNS[pattern['pattern']]}"
    elif what.startswith("Invalid enum value"):
        what = f"Expected {', '.join(map(str, _choices(key, schema)))}"
    else:
        what = what.replace("`", "").split(", got ")[0]
    return f"the key {key or 'at the top'}: {what}, got {_SHORT.repr(came)}. {_help(key, schema)}"


def _unknown(name: str, key: str, schema: _Schema) -> str:
    known = _keys(key, schema)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}."
    return f"the key {_joined(key, shortened(name, 80))} is unknown. {hint}"


def _joined(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _help(key: str, schema: _Schema = Card) -> str:
    section = _section(key)
    page = "docs/add-a-model.md" if schema is Card else "docs/detectors.md"
    return f"{page} describes [{section}]." if section else f"See {page}."


def _section(key: str) -> str:
    return re.split(r"[.\[]", key)[0]


def _types(key: str, schema: _Schema) -> list[Any]:
    """Return the structs that the section of the key may contain."""
    section = _section(key)
    if not section:
        return [schema]
    annotation = next(f.type for f in msgspec.structs.fields(schema) if f.name == section)
    found = [annotation, *get_args(annotation)]
    return [t for t in found if isinstance(t, type) and issubclass(t, msgspec.Struct)]


def _keys(key: str, schema: _Schema) -> list[str]:
    return sorted({f.name for t in _types(key, schema) for f in msgspec.structs.fields(t)})


def _choices(key: str, schema: _Schema) -> tuple[Any, ...]:
    """Return the possible values of a key with a fixed set of values."""
    section, _, name = key.rpartition(".")
    for struct in _types(section, schema):
        for field in msgspec.structs.fields(struct):
            if field.name == name:
                return get_args(field.type)
    return ()


def _kinds() -> list[str]:
    every = [*_types("codec", Card), *_types("codec", DetectorCard)]
    return [t.__struct_config__.tag for t in every]


def _value(fields: Any, key: str) -> Any:
    """Return the value of a key such as input.size[0] in the file."""
    for step in re.findall(r"[^.\[\]]+", key):
        try:
            fields = fields[int(step)] if step.isdecimal() else fields[step]
        except (KeyError, IndexError, TypeError):
            break
    return fields


def _contradictions(card: Card | DetectorCard) -> list[str]:
    """List the mistakes that only a comparison of several keys shows."""
    problems = [_bytes_problem(card), _data_file_problem(card), _normalising_problem(card)]
    if isinstance(card, Card):
        problems += [_section_problem(card), _width_problem(card), _multiple_problem(card)]
        problems += [_order_problem(card)]
    else:
        problems += [_person_problem(card), _grid_problem(card), _letterbox_problem(card)]
    return [problem for problem in problems if problem]


def _person_problem(card: DetectorCard) -> str:
    codec = card.codec
    if codec.person < codec.classes:
        return ""
    return (
        f"codec.person is {codec.person}, but classes are counted from 0 and codec.classes is "
        f"{codec.classes}. Correct one of them."
    )


def _grid_problem(card: DetectorCard) -> str:
    """Say what rows of a grid lack, or what other rows have to do without."""
    codec = card.codec
    if codec.rows == "grid" and not codec.strides:
        return "codec.rows is grid, which needs codec.strides, such as [8, 16, 32]."
    if codec.rows == "grid" and codec.nms is None:
        return "codec.rows is grid, which has several boxes per person: codec.nms is missing."
    if codec.rows != "grid" and codec.strides:
        return (
            f"codec.strides is only for rows of a grid, but codec.rows is {codec.rows}: remove it."
        )
    return ""


def _letterbox_problem(card: DetectorCard) -> str:
    multiple, size = card.letterbox.multiple, card.input.size
    if multiple is None or not any(side % multiple for side in size):
        return ""
    return (
        f"input.size is {list(size)}, but letterbox.multiple is {multiple}: both sides have to be "
        "multiples of it. Correct one of them."
    )


def _section_problem(card: Card) -> str:
    wanted, other = ("image", "crop") if card.approach == "bottom-up" else ("crop", "image")
    kind = type(card.codec).__struct_config__.tag
    if getattr(card, wanted) is None:
        return f"a model with the codec {kind} needs the section [{wanted}]. {_help(wanted)}"
    if getattr(card, other) is not None:
        return f"a model with the codec {kind} is {card.approach} and has no [{other}]: remove it."
    return ""


def _normalising_problem(card: Card | DetectorCard) -> str:
    given = card.input
    if all(map(isfinite, (given.divisor, *given.mean, *given.std))):
        return ""
    return "input.divisor, input.mean and input.std have to be finite numbers, but one is not."


def _order_problem(card: Card) -> str:
    twice = [channel for channel, count in Counter(card.outputs.order).items() if count > 1]
    if not twice:
        return ""
    return f"outputs.order names channel {twice[0]} more than once: name each channel once."


def _bytes_problem(card: Card | DetectorCard) -> str:
    given = card.input
    plain = given.divisor == 1 and given.mean == (0, 0, 0) and given.std == (1, 1, 1)
    if given.dtype == "float32" or plain:
        return ""
    return (
        f"input.dtype is {given.dtype}, so the file takes the image's bytes unchanged: divisor has "
        "to be 1, mean 0 and std 1, but the card has other values. If the file does not normalise "
        "the image itself, input.dtype has to be float32."
    )


def _data_file_problem(card: Card | DetectorCard) -> str:
    file = card.file
    given = "data_urls" if file.data_urls else "data_sha256" if file.data_sha256 else ""
    if given and Path(file.name).suffix.lower() != ".xml":
        return (
            f"file.{given} is for the .bin beside an .xml file, but file.name is not an .xml file: "
            "remove it."
        )
    return ""


def _width_problem(card: Card) -> str:
    if card.image is None:
        return ""
    fixed, width = card.image.fixed, card.image.width
    if fixed == "height" and width is None:
        return (
            "the key image.width is missing: pad or stretch, because the height is fixed. "
            + _help("image")
        )
    if fixed == "longest" and width is not None:
        return (
            f'image.width is "{width}", but with image.fixed = "longest" both sides are padded: '
            "remove image.width."
        )
    return ""


def _multiple_problem(card: Card) -> str:
    """Say if a side is not the multiple to which the size rule of the image would round it."""
    if card.image is None:
        return ""
    multiple = card.image.multiple
    sides = ("height", "width") if card.image.fixed == "longest" else ("height",)
    for name, pixels in zip(sides, card.input.size, strict=False):
        if pixels % multiple:
            return (
                f"the {name} in input.size is {pixels}, which is not a multiple of "
                f"image.multiple, {multiple}. Correct one of them."
            )
    return ""
