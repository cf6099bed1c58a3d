"""`posemark weights doctor`: checks whether the registered addresses still work."""

from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import terminal

if TYPE_CHECKING:
    from posemark.get.addresses import Checked

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def doctor(json: Json = False) -> None:
    """Check for every registered address whether its file is there and has the registered size.

    The command checks the addresses of checkpoints, of data and of the files of cards. It
    downloads nothing.

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
    """Why a file cannot be fetched; the same line for all files of an unreachable host."""
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
        f"\n{reachable} of {len(found)} addresses are reachable.\n"
        "size: right or wrong, compared with the registered size; stated: no size is\n"
        "registered, but the server states one.\n"
        "pinned: yes means that the whole SHA-256 is registered. If it is not, later files\n"
        "must equal the first one that was fetched."
    )


_PINS = {"SHA-256": "yes"}
