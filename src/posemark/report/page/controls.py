"""The controls above the charts: native form elements, which keyboards and phones support."""

from html import escape

from posemark.report import comparable, formats
from posemark.report.page import entries
from posemark.report.page.entries import Filter
from posemark.report.result_row import Row

_CROWDS = {"": "as measured", **{str(people): str(people) for people in formats.PEOPLE}}


def controls(rows: list[Row], *, log: bool) -> str:
    """Return the controls: the compared group, the filters, people per frame and the axes.

    Args:
        rows: all rows of the page.
        log: whether the axes are logarithmic at first.
    """
    axes = {"log": "log", "linear": "linear"}
    return "\n".join(
        (
            _groups(comparable.groups(rows)),
            *(_filter(each, each.values(rows)) for each in entries.used(rows)),
            _choice("people", "People per frame", _CROWDS, ""),
            _choice("axis", "Axes", axes, "log" if log else "linear"),
        )
    )


def _groups(groups: list[comparable.Group]) -> str:
    """The choice of the group of rows that share axes; "" where there is only one group."""
    if len(groups) < 2:
        return ""
    options = "".join(
        f'<option value="{at}"{" selected" if at == 0 else ""}>'
        f"{escape(group.title)} ({len(group.rows)})</option>"
        for at, group in enumerate(groups)
    )
    return f'<label class="group">Measured on <select name="group">{options}</select></label>'


def _filter(own: Filter, values: dict[str, int]) -> str:
    boxes = "".join(
        f'<label><input type="checkbox" name="{own.name}" value="{escape(value)}" checked>'
        f"<span>{escape(value or 'unknown')}</span><small>{count}</small></label>"
        for value, count in values.items()
    )
    return (
        f'<details class="filter" data-name="{own.name}"><summary>{escape(own.title)} '
        f"<output></output></summary><fieldset><legend>{escape(own.title)}</legend>"
        f'<p><button type="button" value="all">all</button> '
        f'<button type="button" value="none">none</button></p>'
        f"{boxes}</fieldset></details>"
    )


def _choice(name: str, title: str, options: dict[str, str], chosen: str) -> str:
    buttons = "".join(
        f'<label><input type="radio" name="{name}" value="{value}"'
        f"{' checked' if value == chosen else ''}><span>{text}</span></label>"
        for value, text in options.items()
    )
    return f'<fieldset class="choice"><legend>{title}</legend>{buttons}</fieldset>'
