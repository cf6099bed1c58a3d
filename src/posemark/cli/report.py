"""`posemark report`: makes pages, charts and tables from records."""

from pathlib import Path
from typing import Annotated

import typer

from posemark.cli import terminal


def report(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs, or single records (.jsonl).")
    ],
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            help="A file to write. Its suffix decides what is written: .html (page), .svg or .png "
            "(chart), .md, .csv or .json (table). May be repeated. Without it, the table is "
            "printed.",
        ),
    ] = None,
) -> None:
    """Make the AP-FPS chart, the page and the tables of one or several runs.

    Examples:

        posemark report runs/first

        posemark report runs/first -o report.html -o chart.svg -o table.md
    """
    from posemark.cli.console import load_rows, print_rows
    from posemark.report.write import require_place, write

    for path in output or ():
        require_place(path)
    rows = load_rows(runs)
    if not output:
        print_rows(rows)
    for path in output or ():
        write(rows, path)
        terminal.say(f"wrote {path}")
