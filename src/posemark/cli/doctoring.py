"""`posemark weights doctor`: what the registered addresses lead to today."""

from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import terminal

if TYPE_CHECKING:
    from posemark.jobs.doctor import Checked

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]


def doctor(json: Json = False) -> None:
    """Ask every registered address whether its file is there, and compare sizes.

    Nothing is downloaded. It is asked for checkpoints, data and the files of cards.

    Example:

        posemark weights doctor
    """
    from posemark.jobs.doctor import examine
    from posemark.report.outputs import Addresses, printed

    found: list[Checked] = []
    for checked in examine():
        found.append(checked)
        if not json and not checked.reachable:
            doubt = f" ({checked.doubt})" if checked.doubt else ""
            terminal.say(f"{checked.name}: {checked.url}: {checked.reason}{doubt}", err=True)
    if json:
        terminal.say(printed(Addresses, addresses=found))
    else:
        _print(found)


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
