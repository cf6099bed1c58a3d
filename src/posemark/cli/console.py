"""Printing rows and notes to a terminal."""

from posemark.report.rows import Row


def print_rows(rows: list[Row]) -> None:
    """The table of results, then every note of every row."""
    from rich.console import Console

    from posemark.report import tables

    console = Console(highlight=False)
    console.print(tables.console(rows))
    for row in rows:
        for note in row.notes:
            console.print(f"{row.entry}: {note}", style="yellow", markup=False)
