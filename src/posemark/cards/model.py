"""Makes the ModelSpec of a card, and finds and checks the model file that the card names."""

import hashlib
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from posemark.cards import schema
from posemark.cards.reading import read
from posemark.core.errors import CardError, CheckpointError, UsageError
from posemark.core.model_file import Artefact
from posemark.core.places import is_file, with_home
from posemark.core.spec import ModelSpec, Pixels, Reported, Weights
from posemark.runtimes import onnx_file
from posemark.runtimes.registry import formats
from posemark.weights import Checkpoint, cache_dir, sha256_of

FOLDERS = "POSEMARK_ARTEFACTS"
"""The environment variable that lists folders of model files, separated as in PATH."""


def model_of(path: Path) -> ModelSpec:
    """Make the model that a card describes, after its file has been found and checked.

    Args:
        path: the card.

    Raises:
        CardError: if the card has a mistake.
        CheckpointError: if the file is not on this machine, or its digest differs from the card.
    """
    card = read(path)
    return with_artefact(card, find_artefact(card, path))


AnyCard = schema.Card | schema.DetectorCard


def default_runtime(card: AnyCard) -> str:
    """Return the runtime that opens the card's file if the user does not name one.

    Raises:
        CardError: if the format of the file is unknown.
    """
    suffix = Path(card.file.name).suffix.lower()
    if suffix not in formats():
        known = ", ".join(formats())
        raise CardError(
            f"{card.name}: the key file.name: expected a file that ends in {known}, got "
            f"{card.file.name!r}."
        )
    return formats()[suffix]


def with_artefact(card: schema.Card, artefact: Artefact) -> ModelSpec:
    """Make the model of a card with this file."""
    return ModelSpec(
        name=card.name,
        family=card.family,
        paper=card.paper,
        origin=card.origin,
        licence=card.licence,
        input_hw=card.input.size,
        build=partial(_no_module, card.name),
        parameters=card.file.parameters,
        macs=card.file.macs,
        method=card.method,
        pixels=_pixels(card),
        weights=(_weights(card, artefact.sha256),),
        artefact=artefact,
        card=digest(card),
    )


def digest(card: AnyCard) -> str:
    """Hash the content of a card, without its formatting and its comments.

    The addresses of the file are left out: with another mirror it is still the same model.

    Returns:
        16 hexadecimal digits.
    """
    facts = msgspec.to_builtins(card)
    facts["file"] = {k: v for k, v in facts["file"].items() if k not in _ADDRESSES}
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:16]


_ADDRESSES = ("urls", "data_urls")


def checkpoint_of(model: ModelSpec) -> Checkpoint | None:
    """Return the file of an exported model as its checkpoint; None for any other model."""
    if model.artefact is None:
        return None
    row = model.weights[0]
    return Checkpoint(model.artefact.path, row.tag, model.artefact.sha256, row)


def _no_module(name: str) -> Any:
    raise UsageError(f"{name} is an exported file and has no torch module.")


# --- the file -----------------------------------------------------------------------------------


def find_artefact(card: AnyCard, path: Path) -> Artefact:
    """Find and check the file that a card names.

    Args:
        card: the card.
        path: path of the card; its folder is searched first.

    Raises:
        CardError: if the format of the file is unknown.
        CheckpointError: if the file is not on this machine, if its digest differs from the card,
            or if it is an ONNX file that stores its weights in further files.
    """
    default_runtime(card)
    artefact = Artefact(
        path=_located(card, path),
        sha256="",
        precision=card.file.precision,
        layout=card.input.layout,
        dtype=card.input.dtype,
        size_hw=card.fixed_hw,
        output=card.file_output,
    )
    # First the digest: another file than the card's is not parsed, whatever it holds.
    whole = replace(artefact, sha256=_digest(card, artefact))
    if artefact.format == ".onnx":
        onnx_file.require_whole(artefact.path)
    return whole


def folders() -> list[Path]:
    """Return the folders that are searched for model files, after the folder of the card."""
    named = [with_home(name) for name in os.environ.get(FOLDERS, "").split(os.pathsep) if name]
    return [*named, cache_dir()]


def _located(card: AnyCard, path: Path) -> Path:
    places = [path.parent, *folders()]
    for place in places:
        candidate = place / with_home(card.file.name)
        if is_file(candidate):
            return candidate
    source = f" It comes from {card.file.source}." if card.file.source else ""
    raise CheckpointError(
        f"{card.name}: its file {card.file.name} is not here.{source} Download it and name its "
        f"folder in the environment variable {FOLDERS}, or put it beside the card {path}. "
        f"Searched folders: {', '.join(str(place) for place in places)}."
    )


def _digest(card: AnyCard, artefact: Artefact) -> str:
    """Check every file of the artefact against the card, and hash all of them together."""
    wanted = (card.file.sha256, card.file.data_sha256)
    digests: list[str] = []
    for file, expected in zip(artefact.files, wanted, strict=False):
        if not is_file(file):
            raise CheckpointError(
                f"{file}: the weights of {artefact.path.name} are missing. OpenVINO stores them "
                "in a .bin file of the same name: put it beside the .xml file."
            )
        digests.append(sha256_of(file))
        if expected not in (None, digests[-1]):
            raise CheckpointError(
                f"{file}: expected the SHA-256 {expected} of the card, got {digests[-1]}. The file "
                "is damaged or another version: download it again, or correct the card."
            )
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


# --- the parts ----------------------------------------------------------------------------------


def _pixels(card: schema.Card) -> Pixels:
    given, image = card.input, card.image
    always = image is not None and image.cubic
    return Pixels(
        *(given.order, given.divisor, given.mean, given.std),
        cubic="always" if always else "never",
        fill=image.fill if image else 0,
    )


def _weights(card: schema.Card, sha256: str) -> Weights:
    reported = tuple(Reported(p.ap, p.boxes, p.flip, p.source) for p in card.published)
    file = card.file
    return Weights("file", file.name, file.urls, sha256, file.licence, file.trained_on, reported)
