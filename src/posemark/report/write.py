"""Rows to a file; its suffix says what it becomes."""

import os
from collections.abc import Callable
from pathlib import Path

from posemark.core.errors import UsageError
from posemark.report import charts, page, tables
from posemark.report.rows import Row

WRITERS: dict[str, Callable[[list[Row]], bytes]] = {
    ".html": lambda rows: page.html(rows, "PoseMark report").encode(),
    ".svg": lambda rows: charts.svg(charts.picture_spec(rows)).encode(),
    ".png": lambda rows: charts.png(charts.picture_spec(rows)),
    ".md": lambda rows: tables.markdown(rows).encode(),
    ".csv": lambda rows: tables.csv(rows).encode(),
    ".json": lambda rows: tables.to_json(rows).encode(),
}


def write(rows: list[Row], path: Path) -> None:
    """Write the report that the suffix of `path` names; the file appears whole or not at all.

    Raises UsageError where the suffix is unknown or the file cannot be written.
    """
    render = WRITERS.get(path.suffix.lower())
    if render is None:
        raise UsageError(
            f"A report ends in one of {', '.join(WRITERS)}, but {path} ends in "
            f"{path.suffix or 'no suffix'}. .html is the page, .svg and .png are the AP-FPS "
            "chart, the others are tables: choose one of these."
        )
    content = render(rows)
    try:
        _replace(path, content)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written to {path}: {error.strerror}. Choose another place."
        ) from error


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
