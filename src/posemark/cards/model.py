"""From a card to the ModelSpec that everything else works with."""

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
from posemark.core.model_file import Artefact, FileOutput
from posemark.core.places import with_home
from posemark.core.skeleton import COCO_17
from posemark.core.spec import ModelSpec, Pixels, Reported, Weights
from posemark.runtimes import onnx_file
from posemark.runtimes.registry import formats
from posemark.weights import Checkpoint, cache_dir, sha256_of

FOLDERS = "POSEMARK_ARTEFACTS"
"""The environment variable that names folders of models, joined as in PATH."""


def model_of(path: Path) -> ModelSpec:
    """The model that a card describes; its file has been found, and its hash is right.

    Raises:
        CardError: for a card with a mistake.
        CheckpointError: if the file is not on this machine, or is another one.
    """
    card = read(path)
    return with_artefact(card, find_artefact(card, path))


def default_runtime(card: schema.Card) -> str:
    """What its file runs in where nothing is asked for.

    Raises:
        CardError: if its format is unknown.
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
    """The card's model with this file."""
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


def digest(card: schema.Card) -> str:
    """16 hex digits for all that a card says of its model, whatever its spelling and comments.

    Addresses are no part of a model: a mirror more or less leaves it what it is.
    """
    facts = msgspec.to_builtins(card)
    facts["file"] = {k: v for k, v in facts["file"].items() if k not in _ADDRESSES}
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:16]


_ADDRESSES = ("urls", "data_urls")


def checkpoint_of(model: ModelSpec) -> Checkpoint | None:
    """The file of an exported model as its weights; None for any other model."""
    if model.artefact is None:
        return None
    row = model.weights[0]
    return Checkpoint(model.artefact.path, row.tag, model.artefact.sha256, row)


def _no_module(name: str) -> Any:
    raise UsageError(f"{name} is an exported file: there is no torch module to build.")


# --- the file -----------------------------------------------------------------------------------


def find_artefact(card: schema.Card, path: Path) -> Artefact:
    """The card's file, found and checked.

    Raises:
        CardError: if its format is unknown.
        CheckpointError: if it is not on this machine, is another one, or (ONNX) keeps its
            weights in further files.
    """
    default_runtime(card)
    artefact = Artefact(
        path=_located(card, path),
        sha256="",
        precision=card.file.precision,
        layout=card.input.layout,
        dtype=card.input.dtype,
        size_hw=card.input.size if card.crop else None,
        output=_output(card),
    )
    if artefact.format == ".onnx":
        onnx_file.require_whole(artefact.path)
    return replace(artefact, sha256=_digest(card, artefact))


def folders() -> list[Path]:
    """Where files of cards are looked for, after the card's own folder."""
    named = [with_home(name) for name in os.environ.get(FOLDERS, "").split(os.pathsep) if name]
    return [*named, cache_dir()]


def _located(card: schema.Card, path: Path) -> Path:
    places = [path.parent, *folders()]
    for place in places:
        candidate = place / with_home(card.file.name)
        if os.path.isfile(candidate):  # noqa: PTH113 (Path raises for names that are too long)
            return candidate
    source = f" It comes from {card.file.source}." if card.file.source else ""
    raise CheckpointError(
        f"{card.name}: its file {card.file.name} is not here.{source} Download it and put its "
        f"folder into the environment variable {FOLDERS}, or lay it beside the card {path}. "
        f"Looked in {', '.join(str(place) for place in places)}."
    )


def _digest(card: schema.Card, artefact: Artefact) -> str:
    """One SHA-256 for all files of the artefact, each checked against the card."""
    wanted = (card.file.sha256, card.file.data_sha256)
    digests: list[str] = []
    for file, expected in zip(artefact.files, wanted, strict=False):
        if not file.is_file():
            raise CheckpointError(
                f"{file}: the weights of {artefact.path.name} are missing. OpenVINO keeps them "
                "in a .bin file of the same name: lay it beside the .xml."
            )
        digests.append(sha256_of(file))
        if expected not in (None, digests[-1]):
            raise CheckpointError(
                f"{file}: expected the SHA-256 {expected} that the card names, got {digests[-1]}. "
                "The file is damaged or of another version: fetch it again, or correct the card."
            )
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


# --- the parts ----------------------------------------------------------------------------------


def _output(card: schema.Card) -> FileOutput:
    (output,) = card.method.codec.outputs(COCO_17)
    points = output.form == "rows"
    return FileOutput(output.name, card.outputs.sources, card.outputs.order, points)


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
