"""`posemark weights doctor`: what the registered addresses lead to today."""

from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import terminal

if TYPE_CHECKING:
    from posemark.get.addresses import Checked

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]


def doctor(json: Json = False) -> None:
    """Ask every registered address whether its file is there, and compare sizes.

    Nothing is downloaded. It is asked for checkpoints, data and the files of cards.

    Example:

        posemark weights doctor
    """
    from posemark.get.addresses import examine
    from posemark.report.json_outputs import Addresses, printed

    found: list[Checked] = []
    said: set[str] = set()
    for checked in examine():
        found.append(checked)
        line = "" if checked.reachable else _reason(checked)
        if line and line not in said and not json:
            terminal.say(line, err=True)
        said.add(line)
    if json:
        terminal.say(printed(Addresses, addresses=found))
    else:
        _print(found)


def _reason(checked: "Checked") -> str:
    """Why a file is not there; of a host that cannot be reached the same for all of its files."""
    doubt = f" ({checked.doubt})" if checked.doubt else ""
    what = checked.host if checked.host_failed else f"{checked.name}: {checked.url}"
    return f"{what}: {checked.reason}{doubt}"


def _print(found: "list[Checked]") -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("file", overflow="fold")
    for title in ("host", "reachable", "size", "pinned"):
        table.add_column(title, no_wrap=True)
    for each in found:
        host = ".".join(each.host.split(".")[-2:])
        reachable = "yes" if each.reachable else "no"
        table.add_row(each.name, host, reachable, each.size, _PINS.get(each.pin, each.pin))
    console = terminal.console()
    console.print(table)
    reachable = sum(each.reachable for each in found)
    console.print(
        f"\n{reachable} of {len(found)} addresses reachable. size: right or wrong, as registered;\n"
        "stated: none is registered, the server says one. pinned: whole SHA-256, or what\n"
        "there is less of. A file that is pinned in part is held to its first fetch."
    )


_PINS = {"SHA-256": "yes"}
