"""The report as one HTML file that loads nothing: charts, table and what the numbers mean."""

import base64
import hashlib
import json
import re
from html import escape
from importlib import resources
from typing import Any

from posemark.report import charts, context, cost, fronts, tables, theme
from posemark.report.rows import Row
from posemark.report.stages import stages_spec
from posemark.report.theme import Spec


def html(rows: list[Row], title: str) -> str:
    """The whole page. It draws its charts in the browser, without any network access."""
    scripts = {"bundle": _inline(charts.javascript()), "script": _inline(_file("page.js"))}
    parts = {
        "title": escape(title),
        "sentence": escape(context.sentence(rows)),
        "settings": _paragraphs(context.settings(rows), "soft"),
        "warnings": _paragraphs(context.warnings(rows), "warning"),
        "key": _key(rows),
        "unplotted": _paragraphs(charts.unplotted_sentences(rows), "soft"),
        "fronts": escape(fronts.SENTENCE),
        "views": "" if context.by_approach(context.plotted(rows)) else "hidden",
        "cost": "" if cost.fitted(rows) else "hidden",
        "unfitted": _paragraphs([text for text in [cost.unfitted_sentence(rows)] if text], "soft"),
        "footnote": escape(context.published_caption(rows)),
        "table": _table(rows),
        "charts": _json(_specs(rows)),
        "policy": _policy(*scripts.values()),
    }
    # One pass: text that comes from rows is never searched for placeholders.
    return re.sub(r"\{\{(\w+)\}\}", lambda name: (parts | scripts)[name[1]], _file("page.html"))


def _file(name: str) -> str:
    return (resources.files("posemark.report") / name).read_text(encoding="utf-8")


def _specs(rows: list[Row]) -> dict[str, Spec | dict[str, Spec]]:
    """The charts by their name in page.js; the AP-FPS chart by width and view."""
    return {
        "wide": _in_page(charts.views(rows, charts.WIDE)),
        "narrow": _in_page(charts.views(rows, charts.NARROW)),
        **_in_page({"cost": cost.cost_spec(rows), "stages": stages_spec(rows)}),
    }


def _in_page(specs: dict[str, Spec]) -> dict[str, Spec]:
    return {name: spec | {"config": theme.PAGE, "padding": 4} for name, spec in specs.items()}


def _json(value: Any) -> str:
    """JSON that cannot end the script element around it."""
    return json.dumps(value).replace("<", "\\u003c")


def _inline(script: str) -> str:
    """A script as it may stand between its tags; line ends as the browser will hash them."""
    return script.replace("\r\n", "\n").replace("</script", "<\\/script")


def _policy(*scripts: str) -> str:
    """A content security policy: only these very scripts run, and nothing is loaded."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {hashes}; "
        "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _paragraphs(lines: list[str], kind: str) -> str:
    return "\n".join(f'<p class="{kind}">{escape(line)}</p>' for line in lines)


def _key(rows: list[Row]) -> str:
    lettered = sorted({(row.letter, row.entry) for row in rows if row.letter})
    items = (f"<li><b>{escape(letter)}</b> {escape(entry)}</li>" for letter, entry in lettered)
    return f'<ul class="key soft">{"".join(items)}</ul>' if lettered else ""


def _table(rows: list[Row]) -> str:
    headings = "".join(_heading(column) for column in tables.COLUMNS)
    lines = ("".join(_cell(column, row) for column in tables.COLUMNS) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table>\n<thead><tr>{headings}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _heading(column: tables.Column) -> str:
    button = f'<button type="button">{escape(column.title)}</button>'
    return f'<th scope="col"{_classes(column)}>{button}</th>'


def _cell(column: tables.Column, row: Row) -> str:
    """One cell; data-value carries what sorting compares, unrounded."""
    value = column.value(row)
    data = escape("" if value is None else str(value))
    shown = escape(column.text(row))
    if column.title == "entry":
        return f'<th scope="row" data-value="{data}">{shown}</th>'
    return f'<td{_classes(column)} data-value="{data}">{shown}</td>'


def _classes(column: tables.Column) -> str:
    """Numbers stand at the right; on paper only the main columns have room."""
    names = [("number", column.numeric), ("more", not column.brief)]
    used = " ".join(name for name, applies in names if applies)
    return f' class="{used}"' if used else ""
