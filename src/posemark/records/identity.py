"""What must agree for a run to be resumed, and where two runs differ in it."""

from collections.abc import Mapping
from typing import Any, cast

_CIRCUMSTANCES = (
    *("environment", "started", "own_process", "turns", "network", "run", "data_notes"),
    "photographs",  # the data determine it, and they are part of the identity
    "given",  # a file may have moved; its hash is part of the identity
)

_STAMP = ("kind", "line", "crc32")
"""Fields of a header's line that are no fields of the header."""


def identity_of(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a header, as JSON values, that must agree for a run to be resumed."""
    return {
        name: value
        for name, value in header.items()
        if name not in _CIRCUMSTANCES and name not in _STAMP
    }


def changes_between(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Name the fields in which two identities of runs differ, with both values; "" if in none."""
    old, new = _flat(before), _flat(now)
    different = sorted(k for k in {**old, **new} if new.get(k) != old.get(k))
    return "; ".join(f"{k} was {old.get(k)!r}, is {new.get(k)!r}" for k in different)


def _flat(fields: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return nested dicts as one, with dotted names."""
    flat: dict[str, object] = {}
    for name, value in fields.items():
        full = f"{prefix}{name}"
        if isinstance(value, dict):
            flat.update(_flat(cast("dict[str, object]", value), f"{full}."))
        else:
            flat[full] = value
    return flat
