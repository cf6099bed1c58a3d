"""The data of each row for the page's script: figures for its charts, filters and cards."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from posemark.report import (
    chart_marks,
    common_settings,
    comparable,
    formats,
    label_placement,
    licences,
    pareto,
)
from posemark.report.page import facts
from posemark.report.result_row import STAGES, Row


@dataclass(frozen=True)
class Filter:
    """A property of rows by which a reader can filter the page.

    Attributes:
        name: its name in the page's data and form.
        title: its title on the page.
        value: its value for a row.
    """

    name: str
    title: str
    value: Callable[[Row], str]

    def values(self, rows: list[Row]) -> dict[str, int]:
        """Return the values that occur, in order of appearance, with their numbers of rows."""
        return Counter(self.value(row) for row in rows)


FILTERS = (
    Filter("family", "Family", chart_marks.family),
    Filter("licence", "Licence", lambda row: licences.of_row(row).kind),
    Filter("boxes", "Boxes", chart_marks.box_kind),
    Filter("runtime", "Runtime", lambda row: row.runtime),
    Filter("precision", "Precision", lambda row: row.precision),
    Filter("source", "AP", chart_marks.ap_source),
    Filter("verdict", "Verdict", lambda row: row.verdict.kind),
)


def used(rows: list[Row]) -> list[Filter]:
    """Return the filters with several values, which alone have an effect."""
    return [each for each in FILTERS if len(each.values(rows)) > 1]


def entries(rows: list[Row], colours: dict[str, str]) -> list[dict[str, object]]:
    """Return the data of every row, in the order given.

    Args:
        rows: the rows.
        colours: colour by family.
    """
    groups = [group.rows for group in comparable.groups(rows)]
    of_group = {id(row): at for at, group in enumerate(groups) for row in group}
    absent = {id(row): why for group in groups for why, row in _absent(group)}
    described = zip(rows, names(rows), works(rows), label_placement.texts(rows), strict=True)
    hosts = common_settings.hosts(rows)
    return [
        {
            "id": index,
            "name": name,
            "label": label,
            "group": of_group.get(id(row)),
            "absent": absent.get(id(row), ""),
            "colour": colours[chart_marks.family(row)],
            "filters": {each.name: each.value(row) for each in FILTERS},
            "work": work,
            "machine": device(row, hosts),
            **_figures(row),
        }
        for index, (row, name, work, label) in enumerate(described)
    ]


def _absent(group: list[Row]) -> Iterable[tuple[str, Row]]:
    """The rows of a group that its AP-FPS chart leaves out, each after the reason."""
    return ((why, row) for why, found in common_settings.unplotted(group).items() for row in found)


def _figures(row: Row) -> dict[str, object]:
    return {
        "approach": row.approach,
        "front": pareto.kind(row),
        "mark": chart_marks.mark(row),
        "at": {people: _at(row, people) for people in formats.PEOPLE},
        "line": _line(row),
        "frames": formats.counted(row.frames, "frame"),
        "stages": [row.stage_ms.get(name, 0.0) for name in STAGES],
        "total": f"{formats.three_digits(sum(row.stage_ms.values()))} ms",
        "latency": row.latency_ms,
        "histogram": row.histogram,
        "timeline": row.timeline,
        "keypoints": row.keypoint_accuracy,
        "sizes": _sizes(row),
        "groups": _groups(row),
        "twin": twin(row),
        "facts": facts.facts(row),
        "evidence": row.verdict.evidence,
        "fingerprint": row.fingerprint,
    }


def _at(row: Row, people: int) -> dict[str, object] | None:
    fps = formats.fps_at(row, people)
    if fps is None:
        return None
    beyond = formats.extrapolated(row, people)
    words = f"{formats.three_digits(fps)} with {formats.counted(people, 'person', 'people')}"
    return {"fps": fps, "beyond": beyond, "text": words + (", extrapolated" if beyond else "")}


def _line(row: Row) -> dict[str, object] | None:
    if row.intercept_ms is None or row.ms_per_person is None:
        return None
    return {
        "base": row.intercept_ms,
        "slope": row.ms_per_person,
        "most": row.most_people,
        "takes": formats.cost(row),
    }


def _sizes(row: Row) -> dict[str, float] | None:
    if row.ap is None:
        return None
    found = {size: row.ap.get(name) for size, name in SIZES.items()}
    return {size: ap for size, ap in found.items() if ap is not None}


def _groups(row: Row) -> list[dict[str, object]]:
    """The groups of people that have a figure."""
    return [
        {"name": group.name, "people": group.people, "recall": group.recall}
        for group in row.people_groups
        if group.recall is not None
    ]


SIZES = {"all people": "AP", "medium people": "APM", "large people": "APL"}


def device(row: Row, hosts: dict[str, str]) -> str:
    """Return where a row ran, as charts name it: the machine and, unless it is the CPU, the device.

    Args:
        row: the row.
        hosts: short name by machine.
    """
    host = hosts[row.machine]
    return host if row.device in ("", "cpu") else f"{host}, {row.device}"


def twin(row: Row) -> str:
    """Return a key that is equal for rows that did the same work, on whatever machine.

    The number of frames is not part of it: within a time budget a faster machine measures more.
    """
    same = (row.entry, row.weights, row.precision, row.data, formats.mode(row))
    return " ".join(map(str, (*same, row.fingerprint.get("protocol", ""))))


_Property = Callable[[Row], str]
_WORK: tuple[_Property, ...] = (
    lambda row: "" if row.weights == "none" else row.weights,
    lambda row: row.precision,
    lambda row: row.data,
    formats.mode,
)
_DIFFER: tuple[_Property, ...] = (
    lambda row: "" if row.weights == "none" else row.weights,
    lambda row: row.runtime,
    lambda row: row.precision,
    lambda row: row.boxes,
    lambda row: row.mode,
)


def names(rows: list[Row]) -> list[str]:
    """Return a unique name for every row: letter, entry, and what differs among equal names."""
    hosts = common_settings.hosts(rows)
    found = _names(rows, (*_DIFFER, lambda row: device(row, hosts)))
    seen: Counter[str] = Counter()
    for at, name in enumerate(found):
        seen[name] += 1
        found[at] = f"{name} ({seen[name]})" if seen[name] > 1 else name
    return found


def works(rows: list[Row]) -> list[str]:
    """Return a name for the work of each row: equal names where `twin` is equal."""
    return _names(rows, _WORK)


def _names(rows: list[Row], properties: tuple[_Property, ...]) -> list[str]:
    """Letter and entry of each row, and those properties that differ among equal names."""
    namesakes: dict[str, list[Row]] = {}
    for row in rows:
        namesakes.setdefault(common_settings.named(row), []).append(row)
    return [_name(row, namesakes[common_settings.named(row)], properties) for row in rows]


def _name(row: Row, namesakes: list[Row], properties: tuple[_Property, ...]) -> str:
    differ = [each for each in properties if len({each(other) for other in namesakes}) > 1]
    words = (each(row) for each in differ)
    return ", ".join([common_settings.named(row), *(word for word in words if word)])
