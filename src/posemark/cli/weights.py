"""`posemark weights`: lists, fetches and imports checkpoints."""

from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import download_progress, terminal, weights_doctor, weights_import
from posemark.cli.usage import Group
from posemark.cli.weights_import import model_and_tag

if TYPE_CHECKING:
    from posemark.core.spec import ModelSpec, Weights

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""List, fetch and import trained checkpoints.

Example:

    posemark weights list
""",
)


@app.command("list")
def list_weights() -> None:
    """Show every registered checkpoint: its published AP, its licence, and whether it is here.

    The column "here" says "yes" for an imported checkpoint, "fetch" for one that `posemark
    weights fetch` downloads, and "by hand" for one that you have to download yourself.

    Example:

        posemark weights list
    """
    from rich.table import Table

    from posemark.models import all_models
    from posemark.weights import cache_dir, own_tags

    lines = [("weights", "here", "AP*", "licence")]
    for spec in all_models().values():
        for row in spec.weights:
            name = f"{spec.name}.{row.tag}"
            lines.append((name, _state(spec, row), _ap(row), row.licence or "unknown"))
        lines += [(f"{spec.name}.{tag}", "yes", "your own", "") for tag in own_tags(spec)]
    console = terminal.console(soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    # Users type the names, so they stay on one line if there is room. In a narrow terminal, names
    # and licences are folded, and nothing is cut off.
    longest = max(len(name) for name, *_ in lines)
    least = min(longest, max(20, console.width - _OTHER_COLUMNS))
    for title, width in zip(lines[0], (least, None, None, None), strict=True):
        folds = title in ("weights", "licence")
        table.add_column(title, no_wrap=not folds, overflow="fold", min_width=width)
    for cells in lines[1:]:
        table.add_row(*cells)
    console.print(table)
    console.print(
        "\n* as published on COCO val2017: detected boxes (gt: ground-truth boxes) or one\n"
        "  scale; with flip test, except for the OpenPoses. Not measured here.\n\n"
        "fetch:    posemark weights fetch MODEL.TAG\n"
        "by hand:  posemark get MODEL.TAG shows the file's name and address, then\n"
        "          posemark weights import FILE|FOLDER...\n"
        f"imported files are in {cache_dir()}",
        markup=False,
    )


_OTHER_COLUMNS = 43
"""Characters that the columns beside the name need at least."""


def _state(spec: "ModelSpec", row: "Weights") -> str:
    from posemark.weights import cached

    if cached(spec, row.tag):
        return "yes"
    return "fetch" if row.urls else "by hand"


def _ap(row: "Weights") -> str:
    """The first published AP, and what it was measured on if the footnote does not say so."""
    if not row.reported:
        return "unknown"
    first = row.reported[0]
    measured_on = first.boxes.replace(":", " ").split()[0]
    return f"{first.ap * 100:.1f} {'' if measured_on in _USUAL else measured_on}".rstrip()


_USUAL = ("detected", "single")
"""The boxes or scales that the footnote states for an AP without a word after it."""


app.command("import", no_args_is_help=True)(weights_import.import_weights)


@app.command("fetch", no_args_is_help=True)
def fetch_weights(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL.TAG",
            help="The checkpoint to fetch, as `posemark weights list` shows it.",
        ),
    ],
    accept_licence: Annotated[
        str,
        typer.Option(metavar="NAME", help="Accept the non-commercial terms of NAME (openpose)."),
    ] = "",
) -> None:
    """Download a checkpoint from its registered addresses, verify it, and store it.

    `posemark get` does the same for several checkpoints at once, and for data.

    Example:

        posemark weights fetch hrnet-w32-256x192.official
    """
    from posemark.downloads import notes
    from posemark.weights import fetch, offered_terms

    spec, tag = model_and_tag(name)
    notes.accept_named([accept_licence] if accept_licence else [], offered_terms([spec]))
    with download_progress.shown() as watcher:
        stored = fetch(spec, tag, watcher)
    terminal.say(f"{name} is stored in {stored.path}\nuse it: posemark run {name}")


app.command("doctor")(weights_doctor.doctor)
