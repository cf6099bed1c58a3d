"""Decodes JSON files of many entries into declared types; errors name the entry at fault."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from posemark.core.places import is_file
from posemark.core.text import shortened

T = TypeVar("T")

MOST_BYTES = 1 << 29
"""Most bytes of a JSON file. COCO's largest, the key points of train2017, has 240 MB."""

MOST_OBJECTS = 6_000_000
"""Most objects in a JSON file: as many as a file of MOST_BYTES has if each takes 90 bytes, which
is little for a detection. COCO's key points of train2017 have 0.4 million."""

MOST_ENTRY_BYTES = 1 << 22
"""Most bytes of an entry. An annotation with a long outline has some 100,000."""

_LARGE = 1 << 22
"""Bytes from which on a file is checked for entries that are no objects: an undecoded number takes
80 times the memory of its text."""

_BOM = b"\xef\xbb\xbf"
_NOT_FINITE = (b"NaN", b"Infinity", b"-Infinity")


class NotJsonError(ValueError):
    """The content is not JSON; the message says where and why."""


class MisfitError(ValueError):
    """The content is JSON of another form; the message says what does not fit.

    Attributes:
        remedy: a sentence that says what to do.
    """

    def __init__(self, message: str, remedy: str = "Correct it, or use the original file.") -> None:
        super().__init__(shortened(message, 600))
        self.remedy = remedy


def content_of(path: Path) -> bytes:
    """Read a regular file of at most MOST_BYTES.

    Raises:
        OSError: if the system cannot read it.
        MisfitError: if it is no regular file, or larger; nothing is read then.
    """
    facts = path.stat()
    if not is_file(path):
        raise MisfitError("it is no regular file")
    if facts.st_size > MOST_BYTES:
        raise MisfitError(f"it has {facts.st_size} bytes, above the limit of {MOST_BYTES}")
    return path.read_bytes()


def decoded(content: bytes, form: type[T]) -> T:
    """Decode JSON (UTF-8, with or without a byte order mark) into a declared type.

    Raises:
        NotJsonError: if the content cannot be parsed.
        MisfitError: if the content has another form, or has more than MOST_OBJECTS.
    """
    content = content.removeprefix(_BOM)
    objects = content.count(b"{")
    if objects > MOST_OBJECTS:
        raise MisfitError(f"it has {objects:,} objects, above the limit of {MOST_OBJECTS:,}")
    try:
        if len(content) > _LARGE:
            msgspec.json.decode(content, type=_outline(form))
        return msgspec.json.decode(content, type=form)
    except msgspec.ValidationError as error:
        raise MisfitError(str(error)) from error
    except RecursionError as error:
        raise NotJsonError("its brackets are nested too deeply") from error
    except ValueError as error:  # msgspec.DecodeError and UnicodeDecodeError are ValueErrors
        raise NotJsonError(_where(content, str(error))) from error


class _Object(msgspec.Struct, gc=False):
    """An entry of which nothing is kept."""


@lru_cache
def _outline(form: Any) -> Any:
    """Return a type with `_Object` for each undecoded entry of a list or of a struct's lists."""
    if form == list[msgspec.Raw]:
        return list[_Object]
    fields = msgspec.structs.fields(form)
    return msgspec.defstruct(
        "Outline", [(field.name, _outline(field.type), None) for field in fields if field.required]
    )


Entries = Mapping[int, msgspec.Raw]
"""Undecoded entries of a list, by their index in the file."""


def indexed(entries: Sequence[msgspec.Raw]) -> dict[int, msgspec.Raw]:
    """Return all entries of a list by their index."""
    return dict(enumerate(entries))


def decoded_entries(entries: Entries, place: str, form: type[T]) -> dict[int, T]:
    """Decode every entry of a list into a declared type.

    Args:
        entries: the undecoded entries.
        place: the name of the list in the file, for errors.
        form: a msgspec Struct.

    Returns:
        The decoded entries by their index.

    Raises:
        MisfitError: if an entry has another form; the message names the first one.
    """
    decoder, found = msgspec.json.Decoder(form), dict[int, T]()
    for index, entry in entries.items():
        size = memoryview(entry).nbytes
        if size > MOST_ENTRY_BYTES:
            problem = f"it has {size:,} bytes, above the limit of {MOST_ENTRY_BYTES:,}"
            raise misfit(place, index, entry, problem)
        try:
            found[index] = decoder.decode(entry)
        except (ValueError, RecursionError) as error:
            raise misfit(place, index, entry, str(error)) from error
    return found


def misfit(place: str, index: int, entry: msgspec.Raw, problem: str) -> MisfitError:
    """Return an error that names an entry, shows its beginning and says what does not fit."""
    return MisfitError(f"{place}[{index}] is {shown(entry)}: {problem}")


def shown(entry: msgspec.Raw | bytes, most: int = 160) -> str:
    """Return the beginning of an entry, at most `most` characters, for a message."""
    text = bytes(entry)[: most + 1].decode(errors="replace")
    return text if len(text) <= most else f"{text[:most]}..."


def whole(value: float | str) -> int | None:
    """Return a whole number, also if it is written as 640.0 or "640"; None for any other value."""
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"[0-9]{1,15}", value) else None
    return int(value) if value == int(value) and abs(value) < 2**53 else None


def _where(content: bytes, problem: str) -> str:
    """Return the parser's message, or for a number that is not finite, the text around it."""
    found = re.search(r"\(byte (\d+)\)", problem)
    at = int(found[1]) if found else 0
    for name in _NOT_FINITE if found else ():
        start = at - name.find(content[at : at + 1])  # the parser stops at or after the sign
        if content.startswith(name, start):
            before = shown(content[max(0, start - 120) : start + len(name)])
            return f"a number that is not finite in {before}"
    return problem
