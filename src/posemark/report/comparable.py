"""Which results may stand on one axis, and why others may not."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import compress

from posemark.report import figures
from posemark.report.rows import Row

_MOST_NAMES = 8  # rows that a sentence names; of more it gives the number
_MOST_VALUES = 4


@dataclass(frozen=True)
class Group:
    """Rows whose speeds may be compared.

    title: what tells it from the other groups; where there is but one, what its rows share.
    """

    title: str
    rows: list[Row]


@dataclass(frozen=True)
class _Condition:
    """Something that must be the same. plural: its name. value: of a row, as it is printed."""

    plural: str
    value: Callable[[Row], str]


_SPEED = (
    _Condition("machines", lambda row: row.machine),
    _Condition("thread counts", lambda row: figures.counted(row.threads, "thread")),
    _Condition("data sets", lambda row: _with_hash(row.data, row.fingerprint.get("data", ""))),
    _Condition("protocols", lambda row: f"protocol {row.fingerprint.get('protocol', '?')}"),
    _Condition("modes", lambda row: figures.mode(row)),
)
_AP = (
    _Condition("sets of images", lambda row: _images(row)),
    _Condition("sets of sigmas", lambda row: f"sigmas {row.fingerprint.get('sigmas', '?')}"),
)


def groups(rows: list[Row]) -> list[Group]:
    """The rows by what their speed depends on beside the entry: one axis each.

    The largest group comes first; of equal ones that of the earlier row. Rows whose verdict is
    incomparable are in none.
    """
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in _sound(rows):
        found.setdefault(_values(_SPEED, row), []).append(row)
    by_size = sorted(found.items(), key=lambda item: -len(item[1]))
    told = [len(set(values)) > 1 or len(found) == 1 for values in zip(*found, strict=True)]
    return [Group(" · ".join(compress(key, told)), own) for key, own in by_size]


def other_images(rows: list[Row]) -> list[Row]:
    """The rows whose measured AP rests on other images or sigmas than that of most rows."""
    measured = _measured(rows)
    usual = Counter(_values(_AP, row) for row in measured).most_common(1)
    return [row for row in measured if _values(_AP, row) != usual[0][0]]


def reasons(rows: list[Row]) -> list[str]:
    """Why these rows do not all stand on one axis: a sentence a reason, with their names."""
    speeds = (_sentence("Speeds", each, _sound(rows)) for each in _SPEED)
    accuracies = (_sentence("Measured APs", each, _measured(rows)) for each in _AP)
    return [text for text in (*speeds, *accuracies, *_unsound(rows)) if text]


def _values(conditions: Iterable[_Condition], row: Row) -> tuple[str, ...]:
    return tuple(condition.value(row) for condition in conditions)


def _sound(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.verdict.kind != "incomparable"]


def _measured(rows: list[Row]) -> list[Row]:
    return [row for row in _sound(rows) if figures.measured_ap(row) is not None]


def _images(row: Row) -> str:
    """Those that its AP is compared over."""
    own = row.compared
    return f"{figures.counted(own.images, 'image')} ({own.key or '?'})" if own else ""


def _with_hash(name: str, found: str) -> str:
    """Two of a name may differ: the hash decides where it is known."""
    return f"{name} ({found})" if found else name


def _sentence(what: str, condition: _Condition, rows: list[Row]) -> str:
    """Which rows have which value; "" where all have the same."""
    by_value: dict[str, list[Row]] = {}
    for row in rows:
        by_value.setdefault(condition.value(row), []).append(row)
    if len(by_value) < 2:
        return ""
    largest = sorted(by_value.items(), key=lambda item: -len(item[1]))
    parts = [f"{value or 'unknown'}: {_names(own)}" for value, own in largest[:_MOST_VALUES]]
    parts += [f"{len(largest) - _MOST_VALUES} more"] if len(largest) > _MOST_VALUES else []
    return f"{what} of several {condition.plural} are not compared. {'; '.join(parts)}."


def _names(rows: list[Row]) -> str:
    names = dict.fromkeys(row.letter or row.entry for row in rows)
    if len(names) > _MOST_NAMES:
        return figures.counted(len(rows), "entry", "entries")
    return ", ".join(names)


def _unsound(rows: list[Row]) -> Iterable[str]:
    for row in rows:
        if row.verdict.kind == "incomparable":
            why = "".join(f": {text}" for text in row.verdict.evidence[:1])
            yield f"{row.entry} is compared with nothing{why}."
