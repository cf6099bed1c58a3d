"""`posemark report`: makes pages, charts and tables from records."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import terminal
from posemark.core.errors import PoseMarkError, UsageError

if TYPE_CHECKING:
    from posemark.report.result_row import Row

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
    from posemark.report.write import require_place

    for path in output or ():
        require_place(path)
    page = _page_beside_gallery(output or []) if gallery else None
    if page:
        require_place(page.with_name(GALLERY))
    rows = load_rows(runs)
    if not output:
        print_rows(rows)
    try:
        if gallery and page:
            _write_gallery(runs, gallery, page)
    except PoseMarkError:  # the images may be gone, but the figures are here
        _write_reports(rows, output or [], None)
        raise
    _write_reports(rows, output or [], page)


def _write_reports(rows: list["Row"], output: list[Path], linked: Path | None) -> None:
    """Write the reports; the page `linked` has a link to the gallery beside it."""
    from posemark.report.write import write

    for path in output:
        write(rows, path, GALLERY if path == linked else "")
        terminal.say(f"wrote {path}")


def _page_beside_gallery(output: list[Path]) -> Path:
    """Return the page that the gallery is written beside.

    Raises:
        UsageError: if there is no page, or the gallery would replace it.
    """
    page = next((path for path in output if path.suffix.lower() == ".html"), None)
    if page is None:
        raise UsageError(
            f"--gallery writes {GALLERY} beside the page, but no page is written. Add -o "
            "report.html."
        )
    if page.with_name(GALLERY) in output:
        raise UsageError(
            f"--gallery would write over the page {page.with_name(GALLERY)}. Give the page "
            "another name."
        )
    return page


def _write_gallery(runs: list[Path], count: int, page: Path) -> None:
    from posemark.gallery.make import gallery
    from posemark.report.write import put

    made = gallery(runs, count, page.name)
    put(page.with_name(GALLERY), made.html.encode())
    for note in made.notes:
        terminal.say(note, err=True)
    terminal.say(f"wrote {page.with_name(GALLERY)}")
