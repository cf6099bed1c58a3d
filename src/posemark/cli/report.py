"""`posemark report`: makes pages, charts and tables from records."""

from pathlib import Path
from typing import Annotated

import typer

from posemark.cli import terminal
from posemark.core.errors import UsageError

GALLERY = "gallery.html"
"""The file name of the gallery."""

MOST_FRAMES = 100
"""Most frames of a section of the gallery: all pictures are in one file."""


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
    gallery: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_FRAMES,
            metavar="N",
            help="Also write gallery.html beside the page: the N frames where each entry does "
            "worst, and the N frames where it and the most accurate entry differ most, with the "
            "truth and the poses drawn. Needs -o X.html and the images of the runs.",
        ),
    ] = None,
) -> None:
    """Make the AP-FPS chart, the page and the tables of one or several runs.

    Examples:

        posemark report runs/first

        posemark report runs/first -o report.html -o chart.svg -o table.md

        posemark report runs/first -o report.html --gallery 12
    """
    from posemark.cli.console import load_rows, print_rows
    from posemark.report.write import require_place, write

    for path in output or ():
        require_place(path)
    beside = _gallery_place(output or []) if gallery else None
    rows = load_rows(runs)
    if not output:
        print_rows(rows)
    for path in output or ():
        write(rows, path)
        terminal.say(f"wrote {path}")
    if gallery and beside:
        _write_gallery(runs, gallery, beside)


def _gallery_place(output: list[Path]) -> Path:
    """Return the path of the gallery.

    Raises:
        UsageError: if there is no page, or the gallery would replace it.
    """
    page = next((path for path in output if path.suffix.lower() == ".html"), None)
    if page is None:
        raise UsageError(
            f"--gallery writes {GALLERY} beside the page, but no page is written. Add -o "
            "report.html."
        )
    beside = page.with_name(GALLERY)
    if beside in output:
        raise UsageError(
            f"--gallery would write over the page {beside}. Give the page another name."
        )
    return beside


def _write_gallery(runs: list[Path], count: int, path: Path) -> None:
    from posemark.gallery.make import gallery
    from posemark.report.write import put

    made = gallery(runs, count)
    put(path, made.html.encode())
    for note in made.notes:
        terminal.say(note, err=True)
    terminal.say(f"wrote {path}")
