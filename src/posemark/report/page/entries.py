"""What the page's script knows of each row: figures for its charts, filters and cards."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

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
    """A property of rows by which a reader can narrow the page."""

    name: str
    title: str
    value: Callable[[Row], str]

    def values(self, rows: list[Row]) -> dict[str, int]:
        """The values that occur, in order of appearance, each with its number of rows."""
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
    """The filters that can narrow anything: several values occur."""
    return [each for each in FILTERS if len(each.values(rows)) > 1]


def entries(rows: list[Row], colours: dict[str, str]) -> list[dict[str, Any]]:
    """One a row, in order. colours: by family."""
    groups = [group.rows for group in comparable.groups(rows)]
    of_group = {id(row): at for at, group in enumerate(groups) for row in group}
    absent = {id(row): why for group in groups for why, row in _absent(group)}
    told = zip(rows, names(rows), works(rows), label_placement.texts(rows), strict=True)
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
        for index, (row, name, work, label) in enumerate(told)
    ]


def _absent(group: list[Row]) -> Iterable[tuple[str, Row]]:
    """Why the AP-FPS chart of a group leaves rows out."""
    return ((why, row) for why, found in common_settings.unplotted(group).items() for row in found)


def _figures(row: Row) -> dict[str, Any]:
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
        "twin": twin(row),
        "facts": facts.facts(row),
        "evidence": row.verdict.evidence,
        "fingerprint": row.fingerprint,
    }


def _at(row: Row, people: int) -> dict[str, Any] | None:
    fps = formats.fps_at(row, people)
    if fps is None:
        return None
    beyond = formats.extrapolated(row, people)
    words = f"{formats.three_digits(fps)} with {formats.counted(people, 'person', 'people')}"
    return {"fps": fps, "beyond": beyond, "text": words + (", extrapolated" if beyond else "")}


def _line(row: Row) -> dict[str, Any] | None:
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


SIZES = {"all people": "AP", "medium people": "APM", "large people": "APL"}


def device(row: Row, hosts: dict[str, str]) -> str:
    """Where a row ran, as charts tell machines apart. hosts: short names by machine."""
    host = hosts[row.machine]
    return host if row.device in ("", "cpu") else f"{host}, {row.device}"


def twin(row: Row) -> str:
    """Equal for rows that did the same work, on whatever machine.

    The number of frames is no part of it: within one budget the faster machine has more.
    """
    same = (row.entry, row.weights, row.precision, row.data, row.mode, row.camera_fps)
    return " ".join(map(str, (*same, row.fingerprint.get("protocol", ""))))


_Tell = Callable[[Row], str]
_WORK: tuple[_Tell, ...] = (
    lambda row: "" if row.weights == "none" else row.weights,
    lambda row: row.precision,
    lambda row: row.data,
    formats.mode,
)
_DIFFER: tuple[_Tell, ...] = (
    lambda row: "" if row.weights == "none" else row.weights,
    lambda row: row.runtime,
    lambda row: row.precision,
    lambda row: row.boxes,
    lambda row: row.mode,
)


def names(rows: list[Row]) -> list[str]:
    """A different name for every row: letter and entry, and how it differs from its namesakes."""
    hosts = common_settings.hosts(rows)
    found = _told_apart(rows, (*_DIFFER, lambda row: device(row, hosts)))
    seen: Counter[str] = Counter()
    for at, name in enumerate(found):
        seen[name] += 1
        found[at] = f"{name} ({seen[name]})" if seen[name] > 1 else name
    return found


def works(rows: list[Row]) -> list[str]:
    """What each row did, on whatever machine: equal names where the twins are equal."""
    return _told_apart(rows, _WORK)


def _told_apart(rows: list[Row], tells: tuple[_Tell, ...]) -> list[str]:
    """Letter and entry of each row, and which of these differ among its namesakes."""
    namesakes: dict[str, list[Row]] = {}
    for row in rows:
        namesakes.setdefault(common_settings.named(row), []).append(row)
    return [_name(row, namesakes[common_settings.named(row)], tells) for row in rows]


def _name(row: Row, namesakes: list[Row], tells: tuple[_Tell, ...]) -> str:
    differ = [tell for tell in tells if len({tell(other) for other in namesakes}) > 1]
    return ", ".join(
        [common_settings.named(row), *(words for tell in differ if (words := tell(row)))]
    )
