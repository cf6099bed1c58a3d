"""Descriptions of the fields of printed types, from which docs/json.md and CSV are generated."""

from typing import Any

import msgspec
from msgspec import inspect

SCHEMA = 1
"""Version of every printed JSON object. It rises when a field is removed or changes its name, type
or meaning; a new field does not raise it."""


def about(meaning: str, unit: str = "", csv: bool = True, joined: str = "; ") -> msgspec.Meta:
    """Return the description of a field.

    Args:
        meaning: one or two sentences.
        unit: unit of a number; "" for a number without unit.
        csv: whether the field is a column in CSV as well.
        joined: separator of the values of a list in one cell of CSV.
    """
    return msgspec.Meta(description=meaning, extra={"unit": unit, "csv": csv, "joined": joined})


def cells(found: msgspec.Struct | None, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the CSV cells of an object by path, such as "stage_ms.infer" or "fps_interval.low".

    Args:
        found: the object; None gives an empty cell for every path of its type.
        kind: the type of the object, which decides the paths.
    """
    row: dict[str, Any] = {}
    for field in fields_of(kind):
        extra: dict[str, Any] = getattr(field.type, "extra", None) or {}
        if extra.get("csv", True):
            value = getattr(found, field.name, None)
            row |= _cells(field.name, value, bare(field.type), extra.get("joined", "; "))
    return row


def fields_of(kind: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    """Return the fields of a type with their descriptions."""
    found = inspect.type_info(kind)
    if not isinstance(found, inspect.StructType):
        raise TypeError(f"expected a msgspec.Struct, but {kind.__name__} is none")
    return found.fields


def _cells(path: str, value: Any, kind: inspect.Type, joined: str) -> dict[str, Any]:
    inner = _inner(value, kind)
    if inner is not None:
        return {f"{path}.{name}": cell for name, cell in inner.items()}
    if isinstance(kind, inspect.VarTupleType | inspect.TupleType) and value is not None:
        return {path: joined.join(map(str, value))}
    return {path: value}


def _inner(value: Any, kind: inspect.Type) -> dict[str, Any] | None:
    """The cells within a value; None for a value that is a single cell."""
    if isinstance(kind, inspect.StructType):
        return cells(value, kind.cls)
    if isinstance(kind, inspect.DictType):
        return value or {}
    return None


def bare(kind: inspect.Type) -> inspect.Type:
    """Return a type without its description and without null."""
    if isinstance(kind, inspect.Metadata):
        return bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        (own,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
        return bare(own)
    return kind
