"""The report as one HTML file that loads nothing: charts, table and what the numbers mean."""

import json
import re
from html import escape
from urllib.parse import quote

from posemark.measure import latency
from posemark.report import (
    chart_captions,
    chart_theme,
    charts,
    common_settings,
    formats,
    pareto,
    people,
    rendering,
    reproduced,
    speed_strip,
    steady,
    tables,
    terms,
)
from posemark.report.page import controls, entries, facts, templates
from posemark.report.page.offline import filled, inline, part, policy
from posemark.report.page.plain_table import PlainTable
from posemark.report.recommend import answer
from posemark.report.result_row import STAGES, Row

SCRIPTS = (
    "state.js",
    "plot.js",
    "charts.js",
    "chosen.js",
    "table.js",
    "rules.js",
    "answer.js",
    "theme.js",
    "start.js",
)


def html(rows: list[Row], title: str, gallery: str = "") -> str:
    """Return the whole page, which draws its charts in the browser without network access.

    Args:
        rows: the rows.
        title: the title of the page.
        gallery: the file name of a gallery beside the page; "" for none.
    """
    own = "\n".join(part(name) for name in SCRIPTS)
    scripts = {"bundle": inline(rendering.javascript()), "script": inline(own)}
    parts = {
        "title": escape(title),
        "style": part("style.css"),
        "sentence": escape(common_settings.sentence(rows)),
        "settings": _paragraphs(common_settings.settings(rows), "soft"),
        "gallery": _gallery(gallery),
        "warnings": _warnings(common_settings.warnings(rows)),
        "key": _key(rows),
        "doubts": escape(chart_captions.doubts(rows)),
        "intervals": escape(chart_captions.INTERVALS),
        "fronts": escape(pareto.SENTENCE),
        "controls": controls.controls(rows, log=templates.log_by_default(rows)),
        "views": "" if common_settings.by_approach(common_settings.plotted(rows)) else "hidden",
        "footnote": escape(_footnote(rows)),
        "card_terms": _definitions(terms.legend(_facts(rows))),
        "table_terms": _definitions(terms.legend(column.title for column in _columns(rows))),
        "percentiles": escape(latency.needs()),
        "table": _table(rows),
        "people": _people(rows),
        "steady": _steady(rows),
        "reproduced": _reproduced(rows),
        "verdicts": _definitions(formats.VERDICTS),
        "report": _json(_report(rows)),
        "policy": policy(*scripts.values()),
    }
    return filled(part("template.html"), parts | scripts)


def _report(rows: list[Row]) -> dict[str, object]:
    """The data of the page's script."""
    return {
        "charts": templates.templates(rows),
        "entries": entries.entries(rows, charts.colours(rows)),
        "filters": [each.name for each in entries.used(rows)],
        "fronts": list(pareto.DASHES),
        "strip": speed_strip.data(),
        "stages": STAGES,
        "groups": [name for _, name in people.shown(rows)],
        "edges": {used: latency.edges_ms(used) for row in rows for used, _ in row.histogram},
        "terms": terms.TERMS,
        "palette": chart_theme.CHOSEN,
        "font": chart_theme.FONT,
        "wishes": answer.page_data(rows),
        "answer_notes": answer.page_notes(rows),
    }


def _json(value: object) -> str:
    """JSON that cannot end the script element around it."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _paragraphs(lines: list[str], kind: str) -> str:
    return "\n".join(f'<p class="{kind}">{escape(line)}</p>' for line in lines)


def _gallery(name: str) -> str:
    """The link to the gallery beside the page."""
    if not name:
        return ""
    return f'<p><a href="{escape(quote(name))}">Gallery: see where the entries fail</a></p>'


def _footnote(rows: list[Row]) -> str:
    """The meanings of the footnote marks."""
    notes = (
        common_settings.published_caption(rows),
        common_settings.unscored_caption(rows),
        common_settings.extrapolated_caption(rows),
    )
    return "; ".join(note.removesuffix(".") for note in notes if note)


_FEW_WARNINGS = 2


def _warnings(lines: list[str]) -> str:
    """Warnings; many of them are folded behind their number, so that charts come first."""
    if len(lines) <= _FEW_WARNINGS:
        return _paragraphs(lines, "warning")
    count = formats.counted(len(lines), "thing")
    return (
        f'<details class="warning"><summary>{count} to know before comparing</summary>'
        f"{_paragraphs(lines, 'soft')}</details>"
    )


def _definitions(words: dict[str, str]) -> str:
    return "; ".join(f"<b>{escape(word)}</b>: {escape(text)}" for word, text in words.items())


def _key(rows: list[Row]) -> str:
    """The key of the marks; each letter and name is a button that chooses its entry."""
    named = zip(rows, entries.names(rows), strict=True)
    items = (
        f'<li data-entry="{at}"><button type="button" aria-pressed="false">{_lettered(row, name)}'
        "</button></li>"
        for at, (row, name) in enumerate(named)
    )
    return f'<ul class="key">{"".join(items)}</ul>' if rows else ""


def _lettered(row: Row, name: str) -> str:
    if not row.letter:
        return escape(name)
    return f"<b>{escape(row.letter)}</b> {escape(name.removeprefix(row.letter).strip())}"


def _facts(rows: list[Row]) -> set[str]:
    """The labels of the facts on the cards of entries."""
    return {what for row in rows for what, _ in facts.facts(row)}


def _columns(rows: list[Row]) -> list[tables.Column]:
    return [column for column in tables.COLUMNS if not column.empty(rows)]


def _table(rows: list[Row]) -> str:
    brief = tables.brief(rows)
    columns = {column: column in brief for column in _columns(rows)}
    headings = "".join(_heading(column, main) for column, main in columns.items())
    body = "\n".join(_line(at, row, columns) for at, row in enumerate(rows))
    return f"<table>\n<thead><tr>{headings}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _reproduced(rows: list[Row]) -> str:
    """The section on measured against published AP; "" where no AP was measured."""
    found = reproduced.comparisons(rows)
    if not found:
        return ""
    return PlainTable(
        heading="Measured against published",
        caption=reproduced.CAPTION,
        id="reproduced",
        label="Table of measured against published AP",
        titles=reproduced.TITLES,
        numeric=frozenset(reproduced.NUMERIC),
        lines=[each.cells for each in found],
    ).section()


def _people(rows: list[Row]) -> str:
    """The section on accuracy by size, crowding and occlusion; "" where no AP was measured."""
    named = zip(rows, entries.names(rows), strict=True)
    scored = [(row, name) for row, name in named if row.people_groups]
    if not scored:
        return ""
    titles = people.shown([row for row, _ in scored])
    return PlainTable(
        heading=people.HEADING,
        caption=people.CAPTION,
        id="found",
        label="Table of accuracy by size, crowding and occlusion of people",
        titles=["entry", *titles.values()],
        numeric=frozenset(titles.values()),
        lines=[[name, *people.cells(row, titles)] for row, name in scored],
    ).section()


def _steady(rows: list[Row]) -> str:
    """The section on clips; "" where no row has such figures."""
    named = zip(rows, entries.names(rows), strict=True)
    found = [(row, name) for row, name in named if row.steadiness or row.looks]
    if not found:
        return ""
    titles = steady.titles([row for row, _ in found])
    return PlainTable(
        heading=steady.HEADING,
        caption=steady.CAPTION,
        id="steady",
        label="Table of how steady poses are in clips",
        titles=["entry", *titles],
        numeric=frozenset(titles),
        lines=[[name, *steady.cells(row, titles)] for row, name in found],
    ).section()


def _line(at: int, row: Row, columns: dict[tables.Column, bool]) -> str:
    cells = "".join(_cell(column, row, main) for column, main in columns.items())
    return f'<tr data-entry="{at}">{cells}</tr>'


def _heading(column: tables.Column, main: bool) -> str:
    meaning = terms.TERMS.get(column.title)
    hover = f' title="{escape(meaning)}"' if meaning else ""
    button = f'<button type="button"{hover}>{escape(column.title)}</button>'
    return f'<th scope="col"{_classes(column, main)}>{button}</th>'


def _cell(column: tables.Column, row: Row, main: bool) -> str:
    """One cell; its data-value is the unrounded value by which the table is sorted."""
    value = column.value(row)
    data = escape("" if value is None else str(value))
    shown = escape(column.text(row))
    if column.names_row:
        button = f'<button type="button" aria-pressed="false">{_breakable(shown)}</button>'
        return f'<th scope="row" data-value="{data}">{button}</th>'
    shown = _breakable(shown) if column.long else shown
    return f'<td{_classes(column, main)} data-value="{data}">{shown}</td>'


def _breakable(text: str) -> str:
    """Let a narrow column break names such as detector:NAME@every=5 where a part begins."""
    return re.sub(r":(?=\S)|(?=@)", r"\g<0><wbr>", text)


def _classes(column: tables.Column, main: bool) -> str:
    """The classes of a cell.

    Numbers are aligned right. At first and on paper only the main columns are shown. The columns of
    the FPS with a number of people appear when the reader chooses that number.
    """
    names = [
        ("entry", column.names_row),
        ("long", column.long),
        ("number", column.numeric),
        ("more", not main),
        (f"people-{column.people}", column.people is not None),
    ]
    used = " ".join(name for name, applies in names if applies)
    return f' class="{used}"' if used else ""
