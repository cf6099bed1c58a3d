"""Which results may be compared on one axis, and why others may not."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import compress

from posemark.report import formats
from posemark.report.result_row import Row

_MOST_NAMES = 8  # rows that a sentence names; it gives only the number of more than these
_MOST_VALUES = 4  # values that a sentence lists


@dataclass(frozen=True)
class Group:
    """Rows whose speeds may be compared.

    Attributes:
        title: what distinguishes it from the other groups; for a single group, what its rows
            share.
        rows: the rows, in the order given.
    """

    title: str
    rows: list[Row]


@dataclass(frozen=True)
class _Condition:
    """A property in which compared rows must agree.

    Attributes:
        refusal: the sentence for rows that differ in it.
        words: its value for a row, as it is printed.
        mark: a hash that distinguishes values with the same words.
        advice: what the reader should do; "" where only the same conditions would help.
        marked: whether the hash alone decides.
    """

    refusal: str
    words: Callable[[Row], str]
    mark: Callable[[Row], str] = lambda _: ""
    advice: str = ""
    marked: bool = False

    def value(self, row: Row) -> tuple[str, str]:
        """The value that rows must have in common, as (words, mark)."""
        return "" if self.marked else self.words(row), self.mark(row)


def _speeds(plural: str) -> str:
    return f"Speeds of several {plural} are not compared."


_SPEED = (
    _Condition(_speeds("machines"), lambda row: row.machine),
    _Condition(_speeds("thread counts"), lambda row: formats.counted(row.threads, "thread")),
    _Condition(
        _speeds("data sets"), lambda row: row.data, lambda row: row.fingerprint.get("data", "")
    ),
    _Condition(
        _speeds("protocols"), lambda row: f"protocol {row.fingerprint.get('protocol', '?')}"
    ),
    _Condition(_speeds("modes"), lambda row: formats.mode(row)),
)
_AP = (
    _Condition(
        "APs that were measured over different images are not compared.",
        lambda row: _images(row),
        lambda row: row.compared.key if row.compared else row.images,
        "To compare them, run these entries over the same images: with the same --data and a "
        "--limit that each of them reaches.",
        marked=True,
    ),
    _Condition(
        "APs that were measured with different tolerances (sigmas) of key points are not compared.",
        lambda row: f"those of {row.data}",
        lambda row: row.fingerprint.get("sigmas", ""),
        "To compare them, run these entries on the same data set.",
        marked=True,
    ),
)


def groups(rows: list[Row]) -> list[Group]:
    """Group the rows by everything but the entry that their speed depends on.

    Each group may have one axis. The largest group comes first; among groups of equal size, the
    one whose first row comes first. Rows with the verdict "incomparable" or "unmeasured" are in
    no group.
    """
    found: dict[_Values, list[Row]] = {}
    for row in _timed(rows):
        found.setdefault(_values(_SPEED, row), []).append(row)
    by_size = sorted(found.items(), key=lambda item: -len(item[1]))
    columns = list(zip(*found, strict=True))
    shown = [len(set(values)) > 1 or len(found) == 1 for values in columns]
    names = list(map(distinct_texts, columns))
    titles = {key: [own[value] for own, value in zip(names, key, strict=True)] for key in found}
    return [Group(" · ".join(compress(titles[key], shown)), own) for key, own in by_size]


def other_images(rows: list[Row]) -> list[Row]:
    """Return the rows whose measured AP rests on other images or sigmas than most rows' AP."""
    measured = _measured(rows)
    usual = Counter(_values(_AP, row) for row in measured).most_common(1)
    return [row for row in measured if _values(_AP, row) != usual[0][0]]


def reasons(rows: list[Row]) -> list[str]:
    """Say why these rows cannot all be compared: one sentence per reason, with their names."""
    speeds = (_sentence(each, _timed(rows)) for each in _SPEED)
    accuracies = (_sentence(each, _measured(rows)) for each in _AP)
    return [text for text in (*speeds, *accuracies, *_unsound(rows), _untimed(rows)) if text]


_Values = tuple[tuple[str, str], ...]


def _values(conditions: Iterable[_Condition], row: Row) -> _Values:
    return tuple(condition.value(row) for condition in conditions)


def _sound(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.verdict.kind != "incomparable"]


def _timed(rows: list[Row]) -> list[Row]:
    return [row for row in _sound(rows) if row.timed]


def _untimed(rows: list[Row]) -> str:
    """Say which rows have no speed; "" where all have one."""
    untimed = [row for row in rows if not row.timed]
    if not untimed:
        return ""
    return f"Speed was not measured, {formats.VERDICTS['unmeasured']}: {_names(untimed)}."


def _measured(rows: list[Row]) -> list[Row]:
    return [row for row in _sound(rows) if formats.measured_ap(row) is not None]


def _images(row: Row) -> str:
    """The number of images that the row's AP is compared over, and their data set, in words."""
    count = row.compared.images if row.compared else row.frames
    return f"{formats.counted(count, 'image')} of {row.data}"


def distinct_texts(values: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return how each value is printed, so that different values never look the same.

    Args:
        values: pairs of (words, mark).

    Returns:
        The words alone where only one value has them, else the words with the mark in brackets.
    """
    distinct = set(values)
    times = Counter(words for words, _ in distinct)
    return {
        (words, mark): words if times[words] == 1 else f"{words} ({mark or 'unknown'})"
        for words, mark in distinct
    }


def _sentence(condition: _Condition, rows: list[Row]) -> str:
    """Say which rows have which value, and what to do; "" where all have the same value."""
    by_value: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_value.setdefault(condition.value(row), []).append(row)
    if len(by_value) < 2:
        return ""
    printed = {value: (condition.words(own[0]), value[1]) for value, own in by_value.items()}
    names = distinct_texts(printed.values())
    largest = sorted(by_value.items(), key=lambda item: -len(item[1]))
    parts = [
        f"{names[printed[value]] or 'unknown'}: {_names(own)}"
        for value, own in largest[:_MOST_VALUES]
    ]
    parts += [f"{len(largest) - _MOST_VALUES} more"] if len(largest) > _MOST_VALUES else []
    advice = f" {condition.advice}" * bool(condition.advice)
    return f"{condition.refusal} {'; '.join(parts)}.{advice}"


def _names(rows: list[Row]) -> str:
    names = dict.fromkeys(row.letter or row.entry for row in rows)
    if len(names) > _MOST_NAMES:
        return formats.counted(len(rows), "entry", "entries")
    return ", ".join(names)


def _unsound(rows: list[Row]) -> Iterable[str]:
    for row in rows:
        if row.verdict.kind == "incomparable":
            why = "".join(f": {text}" for text in row.verdict.evidence[:1])
            yield f"{row.entry} is not compared with any other result{why}."
