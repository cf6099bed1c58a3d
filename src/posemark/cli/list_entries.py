"""`posemark list`: shows the models that can be run."""

from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import posemark
from posemark.cli import terminal

if TYPE_CHECKING:
    from posemark.cards import Card
    from posemark.core.spec import ModelSpec

TITLES = ("model", "seed", "Mparams", "GMACs", "AP*", "code licence")
_UNKNOWN: dict[str, str] = dict.fromkeys(("Mparams", "GMACs", "AP*"), "-")
"""Text that is shown for an unknown figure, by column."""


def list_entries() -> None:
    """Show every model and every person detector that can be run.

    The columns of the models are:

    * model: the name of the model, as `posemark run` takes it;

    * seed: its letters in the suite `seed`, which are those of the blog post's entries;

    * Mparams: millions of parameters;

    * GMACs: billions of multiply-accumulates for one input: the crop of one person, or the whole
      image for a bottom-up model;

    * AP*: AP in points as its authors published it, not measured here; "gt" means on ground-truth
      boxes;

    * code licence: the licence of the code. Weights may have another one.

    A dash means that the figure is unknown.

    Example:

        posemark list
    """
    from rich.table import Table

    _, models, light, detectors = _rows()
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
    console.print(_DETECTORS, markup=False)
    listing = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    for cells in detectors:
        listing.add_row(*cells)
    console.print(listing)


_BELOW = """
* as published on COCO val2017: detected boxes (gt: ground-truth boxes) or one
  scale; with flip test, except for the OpenPoses and ultralight-simplepose.
  Not measured here.
seed: the letters of the blog post's entries

To run:
  posemark run hrnet-w32-256x192     ground-truth boxes, formula weights
  posemark run MODEL@detected        detected boxes
  posemark run MODEL --boxes detector:NAME
                                     a person detector inside the timed loop
  posemark run MODEL@multi           bottom-up at scales 0.5, 1 and 2
  posemark run MODEL.TAG             trained weights (`posemark weights list`)
  posemark run a b 'lite*'           letters, globs
  posemark run seed                  the entries with letters; all: every model
  posemark run light                 the exported models at the end of the table
  posemark run card.toml             a model of your own (docs/add-a-model.md)"""


_DETECTORS = """
Person detectors for top-down models (docs/detectors.md):"""


_KEPT = "list.json"
"""The file in the user's cache folder that keeps the rows."""

_SOURCES = (
    *("models/*.py", "run/plan.py", "cli/list_entries.py", "detectors/*.py"),
    *("cards/light/*.toml", "cards/boxes/*.toml"),
)
"""The files of the package that the rows come from."""


_Cells = tuple[str, str, str, str, str, str]
"""The cells of a model, one per title."""


class _Rows(NamedTuple):
    """The cells of models, suite `light` and person detectors, and a hash of their sources."""

    sources: str
    models: list[_Cells]
    light: list[_Cells]
    detectors: list[tuple[str, str]]


def _rows() -> _Rows:
    """The rows of the list, kept from one call to the next.

    The files of the models define networks, so that reading them loads torch, which takes
    seconds. The rows are made anew if one of their sources has changed.
    """
    import msgspec

    from posemark.core.places import user_cache, write_whole
    from posemark.downloads.notes import read_note

    path, sources = user_cache() / _KEPT, _hash_of_sources()
    kept = read_note(path, _Rows)
    if kept and kept.sources == sources:
        return kept
    rows = _made(sources)
    with suppress(OSError):  # without a cache folder the list takes its time at every call
        write_whole(path, msgspec.json.encode(rows))
    return rows


def _made(sources: str) -> _Rows:
    from posemark import cards
    from posemark.cards import built_in
    from posemark.models import all_models

    models = [_model_cells(spec) for spec in all_models().values()]
    light = [_card_cells(cards.read(path)) for path in built_in().values()]
    return _Rows(sources, models, light, list(_detector_cells()))


def _detector_cells() -> Iterator[tuple[str, str]]:
    """Yield name and description of every person detector."""
    from posemark import cards, detectors

    for name, path in cards.built_in_detectors().items():
        card = cards.read_detector(path)
        height, width = card.input.size
        yield name, f"{card.family}, {height}x{width}, weights {card.file.licence or 'unknown'}"
    for name, found in detectors.built_in().items():
        yield name, f"{found.says}, {found.licence}"


def _hash_of_sources() -> str:
    package, digest = Path(posemark.__file__).parent, sha256()
    for pattern in _SOURCES:
        for file in sorted(package.glob(pattern)):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _model_cells(spec: "ModelSpec") -> _Cells:
    from posemark.run.plan import SEED

    published = spec.reported(spec.method.published_first)
    return (
        spec.name,
        " ".join(entry.letter or "" for entry in SEED if entry.model == spec.name),
        *_sizes(spec.parameters, spec.macs),
        f"{published.ap * 100:.1f}" if published else "",
        spec.licence,
    )


def _card_cells(card: "Card") -> _Cells:
    published = card.published[0] if card.published else None
    on_truth = " gt" if published and published.boxes.startswith("gt") else ""
    return (
        card.name,
        "",
        *_sizes(card.file.parameters, card.file.macs),
        f"{published.ap * 100:.1f}{on_truth}" if published else "",
        card.licence,
    )


def _sizes(parameters: int | None, macs: int | None) -> tuple[str, str]:
    """Millions of parameters and billions of multiply-accumulates; "" if unknown."""
    return (
        f"{parameters / 1e6:.2f}" if parameters else "",
        f"{macs / 1e9:.2f}" if macs else "",
    )
