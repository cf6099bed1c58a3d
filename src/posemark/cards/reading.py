"""Reading cards: every mistake names the file, the key, what was expected and what came."""

import difflib
import re
import reprlib
from pathlib import Path
from typing import Any, get_args

import msgspec

from posemark.cards.schema import Card
from posemark.core import toml
from posemark.core.errors import CardError
from posemark.runtimes.registry import formats

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 120

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<key>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<name>.*)`")
_MISSING = re.compile(r"missing required field `(?P<name>.*)`")


def read(path: Path) -> Card:
    """The card in a TOML file, every key of it checked.

    Raises:
        CardError: if there is no such file, it is no TOML, a key is missing, unknown or of
            the wrong type, or keys contradict each other.
    """
    fields = _parsed(path)
    try:
        card = msgspec.convert(fields, Card)
    except msgspec.ValidationError as error:
        raise CardError(f"{path}: {_explained(str(error), fields)}") from None
    for problem in _contradictions(card):
        raise CardError(f"{path}: {problem}")
    return card


def require_there(path: Path) -> None:
    """Check that there is a file to be read as a card.

    Raises:
        CardError: if there is none, it cannot be opened, or it is a model file.
    """
    _content(path)


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        absent = isinstance(error, FileNotFoundError)
        why = "no such card" if absent else f"it cannot be read ({_reason(error)})"
        raise CardError(
            f"{path}: {why}. Give the path of a .toml file; docs/add-a-model.md has a "
            "complete example."
        ) from None
    if path.suffix.lower() in formats():
        raise CardError(
            f"{path}: this is a model file; give its card, a .toml file that says what goes in "
            "and comes out of it. docs/add-a-model.md has a complete example: copy it, and write "
            f'file.name = "{path.name}" there.'
        )
    return content


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return _with_lower_digests(toml.parsed(_content(path)))
    except ValueError as error:
        raise CardError(f"{path}: expected TOML, but it cannot be read: {error}.") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _with_lower_digests(fields: dict[str, Any]) -> dict[str, Any]:
    """Some programs print digests in capitals; it is the same digest, and the same card."""
    if isinstance(fields.get("file"), dict):
        file: dict[str, Any] = fields["file"]
        for key in ("sha256", "data_sha256"):
            if isinstance(file.get(key), str):
                file[key] = file[key].lower()
    return fields


def _explained(message: str, fields: dict[str, Any]) -> str:
    """A message of msgspec as ours: the key, what was expected, what came, what to do."""
    parts = _AT.match(message)
    what, key = (parts["what"], parts["key"] or "") if parts else (message, "")
    if unknown := _UNKNOWN.search(what):
        return _unknown(unknown["name"], key)
    if missing := _MISSING.search(what):
        return f"the key {_joined(key, missing['name'])} is missing. {_help(key)}"
    came = _value(fields, key)
    if what.startswith("Invalid value") and key.endswith("kind"):
        what = f"Expected {', '.join(_kinds())}"
    elif what.startswith("Invalid enum value"):
        what = f"Expected {', '.join(map(str, _choices(key)))}"
    else:
        what = what.replace("`", "").split(", got ")[0]
    return f"the key {key or 'at the top'}: {what}, got {_SHORT.repr(came)}. {_help(key)}"


def _unknown(name: str, key: str) -> str:
    known = _keys(key)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}."
    return f"the key {_joined(key, name)} is unknown. {hint}"


def _joined(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _help(key: str) -> str:
    section = _section(key)
    return f"docs/add-a-model.md describes [{section}]." if section else "See docs/add-a-model.md."


def _section(key: str) -> str:
    return re.split(r"[.\[]", key)[0]


def _types(key: str) -> list[Any]:
    """The structs that may stand where the key points."""
    section = _section(key)
    if not section:
        return [Card]
    annotation = next(f.type for f in msgspec.structs.fields(Card) if f.name == section)
    found = [annotation, *get_args(annotation)]
    return [t for t in found if isinstance(t, type) and issubclass(t, msgspec.Struct)]


def _keys(key: str) -> list[str]:
    return sorted({f.name for t in _types(key) for f in msgspec.structs.fields(t)})


def _choices(key: str) -> tuple[Any, ...]:
    """What a key with a fixed set of values may be."""
    section, _, name = key.rpartition(".")
    for struct in _types(section):
        for field in msgspec.structs.fields(struct):
            if field.name == name:
                return get_args(field.type)
    return ()


def _kinds() -> list[str]:
    return [t.__struct_config__.tag for t in _types("codec")]


def _value(fields: Any, key: str) -> Any:
    """What stands in the file under a key such as input.size[0] or input.mean[...]."""
    for step in re.findall(r"[^.\[\]]+", key.replace("[...]", "")):
        try:
            fields = fields[int(step)] if step.isdecimal() else fields[step]
        except (KeyError, IndexError, TypeError):
            break
    return fields


def _contradictions(card: Card) -> list[str]:
    """What no single key shows."""
    problems = [_way_of_cropping(card), _bytes_are_bytes(card), _file_data(card), _height(card)]
    return [problem for problem in problems if problem]


def _way_of_cropping(card: Card) -> str:
    wanted, other = ("image", "crop") if card.approach == "bottom-up" else ("crop", "image")
    kind = type(card.codec).__struct_config__.tag
    if getattr(card, wanted) is None:
        return f"a model with the codec {kind} needs the section [{wanted}]. {_help(wanted)}"
    if getattr(card, other) is not None:
        return f"a model with the codec {kind} is {card.approach} and has no [{other}]: remove it."
    return ""


def _bytes_are_bytes(card: Card) -> str:
    given = card.input
    plain = given.divisor == 1 and given.mean == (0, 0, 0) and given.std == (1, 1, 1)
    if given.dtype == "float32" or plain:
        return ""
    return (
        f"input.dtype is {given.dtype}, so the file takes the image's bytes as they are: "
        "divisor has to be 1, mean 0 and std 1, but others are given. Its own normalising is "
        "inside the file; or dtype is float32 after all."
    )


def _file_data(card: Card) -> str:
    file = card.file
    given = "data_urls" if file.data_urls else "data_sha256" if file.data_sha256 else ""
    if given and not file.name.endswith(".xml"):
        return f"file.{given} is of the .bin beside an .xml file, and this is none: remove it."
    return ""


def _height(card: Card) -> str:
    """The width is brought to a multiple of pixels; a height of another kind would be, too."""
    if card.image is None or card.input.size[0] % card.image.multiple == 0:
        return ""
    return (
        f"the height in input.size is {card.input.size[0]}, which is no multiple of the "
        f"{card.image.multiple} in image.multiple. Both sides have to be: correct one of them."
    )
