"""`posemark list`: what can be run."""

from collections.abc import Iterator
from itertools import compress
from typing import TYPE_CHECKING

from posemark.cli import terminal

if TYPE_CHECKING:
    from posemark.cards import Card
    from posemark.core.spec import ModelSpec

TITLES = ("model", "seed", "Mparams", "GMACs", "AP*", "code licence")
_UNKNOWN = dict.fromkeys(("Mparams", "GMACs", "AP*"), "-")
"""What stands for a figure that nobody knows."""


def list_entries() -> None:
    """Show every model that can be run, and what is known of it.

    Columns: the model's name; its letters in the suite `seed`, the entries of the blog post;
    millions of parameters; billions of multiply-accumulates for one input (of a person's crop, or
    of the image of a bottom-up model); AP in points as its authors published it, not measured
    here, and behind it "gt" where it is on ground-truth boxes; the licence of the code, not of
    weights. A dash stands for what is not known.

    Example:

        posemark list
    """
    from rich.table import Table

    from posemark import cards
    from posemark.cards import built_in
    from posemark.models import all_models

    models = [_of_model(spec) for spec in all_models().values()]
    light = [_of_card(cards.read(path)) for path in built_in().values()]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    filled = [any(cells) for cells in zip(*models, *light, strict=True)]
    for title in compress(TITLES, filled):
        justify = "left" if title in ("model", "code licence") else "right"
        table.add_column(title, justify=justify, no_wrap=True)
    for cells in (*models, ("",) * len(TITLES), *light):
        known = (cell or _UNKNOWN.get(title, "") for title, cell in zip(TITLES, cells, strict=True))
        table.add_row(*compress(known if any(cells) else cells, filled))
    console = terminal.console()
    console.print(table)
    console.print(_BELOW, markup=False)


_BELOW = """
* as published on COCO val2017: detected boxes (gt: ground-truth boxes) or one
  scale; flip test, but for the OpenPoses and ultralight-simplepose.
  Not measured here.
seed: the letters of the blog post's entries

To run:
  posemark run hrnet-w32-256x192     ground-truth boxes, formula weights
  posemark run MODEL@detected        detected boxes
  posemark run MODEL@multi           bottom-up at scales 0.5, 1 and 2
  posemark run MODEL.TAG             trained weights (`posemark weights list`)
  posemark run a b 'lite*'           letters, globs
  posemark run seed                  the entries with letters; all: every model
  posemark run light                 the exported models at the end of the table
  posemark run card.toml             one of your own (docs/add-a-model.md)"""


def _of_model(spec: "ModelSpec") -> tuple[str, ...]:
    from posemark.run.plan import SEED

    published = spec.reported(spec.method.published_first)
    return (
        spec.name,
        " ".join(entry.letter or "" for entry in SEED if entry.model == spec.name),
        *_sizes(spec.parameters, spec.macs),
        f"{published.ap * 100:.1f}" if published else "",
        spec.licence,
    )


def _of_card(card: "Card") -> tuple[str, ...]:
    """Of a model of the suite light, in the same columns."""
    published = card.published[0] if card.published else None
    on_truth = " gt" if published and published.boxes.startswith("gt") else ""
    return (
        card.name,
        "",
        *_sizes(card.file.parameters, card.file.macs),
        f"{published.ap * 100:.1f}{on_truth}" if published else "",
        card.licence,
    )


def _sizes(parameters: int | None, macs: int | None) -> Iterator[str]:
    """In millions and in billions."""
    yield f"{parameters / 1e6:.2f}" if parameters else ""
    yield f"{macs / 1e9:.2f}" if macs else ""
