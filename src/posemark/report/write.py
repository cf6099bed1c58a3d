"""Writes rows to a file in the format that its suffix names.

Modules that draw are imported only when a format needs them.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, cast

from posemark.core import places
from posemark.core.errors import UsageError
from posemark.core.text import escaped
from posemark.report import tables
from posemark.report.result_row import Row


def _html(rows: list[Row], gallery: str = "") -> bytes:
    from posemark.report.page import html

    return html.html(rows, "PoseMark report", gallery).encode()


def _svg(rows: list[Row]) -> bytes:
    from posemark.report import charts, rendering

    return rendering.svg(charts.picture_spec(rows)).encode()


def _png(rows: list[Row]) -> bytes:
    from posemark.report import charts, rendering

    return rendering.png(charts.picture_spec(rows))


WRITERS: dict[str, Callable[[list[Row]], bytes]] = {
    ".html": _html,
    ".svg": _svg,
    ".png": _png,
    ".md": lambda rows: tables.markdown(rows).encode(),
    ".csv": lambda rows: tables.csv(rows).encode(),
    ".json": lambda rows: tables.to_json(rows).encode(),
}


def require_place(path: Path) -> None:
    """Check that a report can be written to a path, before any record is read.

    Raises:
        UsageError: if the suffix is unknown, or no file can be written there.
    """
    if path.suffix.lower() not in WRITERS:
        raise UsageError(
            f"A report ends in one of {', '.join(WRITERS)}, but {path} ends in "
            f"{path.suffix or 'no suffix'}. .html is the page, .svg and .png are the AP-FPS "
            "chart, the others are tables: choose one of these."
        )
    places.require_place(path, "Choose another place for the report.")


def write(rows: list[Row], path: Path, gallery: str = "") -> None:
    """Write a report in the format that the suffix of `path` names, whole or not at all.

    Args:
        rows: the rows.
        path: the file.
        gallery: the name of a gallery beside the file, to which a page has a link; "" for none.

    Raises:
        UsageError: if the suffix is unknown or the file cannot be written.
    """
    require_place(path)
    suffix, shown = path.suffix.lower(), [_escaped(row) for row in rows]
    put(path, _html(shown, gallery) if suffix == ".html" else WRITERS[suffix](shown))


def _escaped(value: Any) -> Any:
    """A row, or a part of it, with the control characters of its texts escaped.

    They come from names and messages in records. Pictures cannot contain them, some cannot be
    encoded, and a terminal that shows a table would execute them.
    """
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, tuple | list):
        several = cast("Sequence[Any]", value)
        shown = map(_escaped, several)
        return tuple(shown) if isinstance(value, tuple) else list(shown)
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return {_escaped(name): _escaped(each) for name, each in named.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _escaped(getattr(value, f.name)) for f in fields(value)})
    return value


def put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        UsageError: if the system refuses.
    """
    try:
        places.write_whole(path, content)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written to {path}: {error.strerror}. Choose another place."
        ) from error
