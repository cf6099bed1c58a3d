"""Makes the person detector of a card."""

from dataclasses import replace

from posemark.cards import schema
from posemark.core.errors import UsageError
from posemark.core.model_file import Artefact
from posemark.core.spec import Pixels
from posemark.detectors.network import BoxNetwork
from posemark.geometry.letterbox import Letterbox

LARGEST = 4096
"""Largest side of an input in pixels that may be chosen."""


def with_artefact(
    card: schema.DetectorCard, artefact: Artefact, size: int | None = None
) -> BoxNetwork:
    """Make the detector of a card with this file.

    Args:
        card: the card.
        artefact: its file.
        size: both sides of the input in pixels; None for those of the card.
    """
    height, width = card.input.size if size is None else (size, size)
    given = card.input
    pixels = Pixels(*(given.order, given.divisor, given.mean, given.std), fill=card.letterbox.fill)
    return BoxNetwork(
        name=card.name,
        artefact=replace(artefact, size_hw=(height, width)),
        letterbox=Letterbox((width, height), card.letterbox.rounding, pixels),
        rows=card.codec.box_rows,
    )


def require_size(card: schema.DetectorCard, size: int) -> None:
    """Check that a detector takes square inputs of this size.

    Raises:
        UsageError: if it does not; the message says which sizes it takes.
    """
    own, multiple = card.input.size, card.letterbox.multiple
    if (size, size) == own:
        return
    if multiple is None:
        raise UsageError(
            f"--detector-size {size}: the file of {card.name} takes {own[0]}x{own[1]} pixels only. "
            "Leave --detector-size out."
        )
    if size % multiple or not multiple <= size <= LARGEST:
        raise UsageError(
            f"--detector-size {size}: {card.name} takes multiples of {multiple} up to {LARGEST}. "
            f"Give one of them, such as {_nearest(size, multiple)}; its own size is {own[0]}."
        )


def _nearest(size: int, multiple: int) -> int:
    return multiple * max(1, min(LARGEST, size + multiple // 2) // multiple)
