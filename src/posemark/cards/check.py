"""Comparing a card with its file: `posemark check`.

First what the file says of itself, then what it does with the built-in drawn people. Each
finding says what is wrong and what to do about it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from posemark.cards import schema, trial
from posemark.cards.model import find_artefact, with_artefact
from posemark.cards.reading import read
from posemark.core.artefact import Artefact
from posemark.core.errors import PoseMarkError
from posemark.core.spec import ModelSpec
from posemark.runtimes import Tensor
from posemark.runtimes.files import FileSession, missing_sources
from posemark.runtimes.opening import default_target, open_file, require

_CHANNELS = 3
_AXES = {"nchw": (1, 2, 3), "nhwc": (3, 1, 2)}
"""Where channels, height and width stand."""


@dataclass(frozen=True)
class Finding:
    """What one check came to. ok: right; wrong: a mistake; hint: worth a look."""

    verdict: Literal["ok", "wrong", "hint"]
    check: str
    says: str


def check(path: Path, threads: int) -> Iterator[Finding]:
    """Every check that can still be made, one after the other; a mistake ends what rests on it."""
    try:
        card = read(path)
        yield Finding("ok", "card", f"{card.name}, {card.approach}: every key is known")
        artefact = find_artefact(card, path)
        yield Finding("ok", "file", _file(card, artefact))
        target = default_target(artefact)
        require(target, artefact=artefact)
        session = open_file(target, artefact, threads)
        yield Finding("ok", "runtime", f"{target.runtime} opens it in {target.precision}")
    except PoseMarkError as error:
        yield Finding("wrong", "reading", str(error))
        return
    declared = list(_declared(artefact, session))
    yield from declared
    if all(finding.verdict != "wrong" for finding in declared):
        yield from _tried(with_artefact(card, artefact), session)


def _file(card: schema.Card, artefact: Artefact) -> str:
    known = "its SHA-256 is the card's" if card.file.sha256 else "the card names no sha256"
    return f"{artefact.path}; {known}"


# --- what the file says -------------------------------------------------------------------------


def _declared(artefact: Artefact, session: FileSession) -> Iterator[Finding]:
    inputs, outputs = session.raw.tensors()
    if len(inputs) == 1:
        yield from _input(artefact, inputs[0])
    else:
        yield _of("input", f"the file has {len(inputs)} inputs: {_listed(inputs)}; one is expected")
    yield _of("outputs", *_outputs(artefact, outputs), right=_listed(outputs))


def _input(artefact: Artefact, given: Tensor) -> Iterator[Finding]:
    layout = list(_layout(artefact, given))
    yield _of("layout", *layout, right=f"{artefact.layout}, {_shape(given)}")
    if not layout:
        yield _of("size", *_size(artefact, given), right=_wanted_size(artefact))
    yield _of("type", *_type(artefact, given), right=given.dtype)


def _of(check: str, *problems: str, right: str = "") -> Finding:
    return Finding("wrong" if problems else "ok", check, "; ".join(problems) or right)


def _layout(artefact: Artefact, given: Tensor) -> Iterator[str]:
    if len(given.shape) != 4:
        yield f"expected an input of four sides, (batch, ...), got {_shape(given)}"
        return
    place = _AXES[artefact.layout][0]
    if given.shape[place] in (_CHANNELS, None):
        return
    other = "nhwc" if artefact.layout == "nchw" else "nchw"
    fits = given.shape[_AXES[other][0]] == _CHANNELS
    advice = f'set input.layout = "{other}"' if fits else "only colour images are supported"
    yield (
        f"input.layout is {artefact.layout}, so 3 channels are expected at place {place} of "
        f"{_shape(given)}, where {given.shape[place]} stands: {advice}"
    )


def _size(artefact: Artefact, given: Tensor) -> Iterator[str]:
    if artefact.size_hw is None:
        return
    has = tuple(given.shape[place] for place in _AXES[artefact.layout][1:])
    pairs = zip(has, artefact.size_hw, strict=True)
    if all(side in (None, wanted) for side, wanted in pairs):
        return
    swapped = " (height and width are swapped)" if has[::-1] == artefact.size_hw else ""
    yield (
        f"input.size is {list(artefact.size_hw)}, height and width, but the file takes "
        f"{list(has)}{swapped}: correct it in the card"
    )


def _wanted_size(artefact: Artefact) -> str:
    return "x".join(map(str, artefact.size_hw)) if artefact.size_hw else "of whole images"


def _type(artefact: Artefact, given: Tensor) -> Iterator[str]:
    # Half-precision files are fed float32, which their session turns.
    if given.dtype in (artefact.dtype, "float16"):
        return
    known = given.dtype in ("float32", "uint8")
    advice = f'set input.dtype = "{given.dtype}"' if known else "export it with float32 input"
    yield f"input.dtype is {artefact.dtype}, but the file takes {given.dtype}: {advice}"


def _outputs(artefact: Artefact, outputs: list[Tensor]) -> Iterator[str]:
    missing = missing_sources([each.name for each in outputs], artefact.output)
    if missing:
        yield (
            f"outputs.sources names {', '.join(missing)}, which the file does not have; it has "
            f"{_listed(outputs)}"
        )
    elif not artefact.output.sources and len(outputs) > 1:
        yield (
            f"the file has several outputs, {_listed(outputs)}: say in outputs.sources which "
            "the codec reads"
        )


def _listed(tensors: list[Tensor]) -> str:
    return ", ".join(f"{each.name} {_shape(each)}" for each in tensors)


def _shape(tensor: Tensor) -> str:
    return "(" + ", ".join("?" if side is None else str(side) for side in tensor.shape) + ")"


# --- what the file does -------------------------------------------------------------------------


def _tried(model: ModelSpec, session: FileSession) -> Iterator[Finding]:
    scenes = trial.scenes()
    try:
        outputs = trial.raw_outputs(model, session, scenes[0])
    except PoseMarkError as error:
        yield _of("run", str(error))
        return
    shapes = list(trial.shape_problems(model, outputs, scenes[0]))
    yield _of("shapes", *shapes, right=trial.expected_shape(model, scenes[0]))
    if shapes:
        return
    values = list(trial.value_problems(model, session, scenes))
    yield _of("values", *values, right=trial.value_range(model, session, scenes))
    hint = trial.better_pixels(model, session, scenes)
    yield Finding("hint" if hint else "ok", "colours", hint or "no other normalising does better")
    oks = trial.likeness(model, session, scenes)
    yield _pose(oks)


def _pose(oks: float) -> Finding:
    said = f"drawn people are found with a mean OKS of {oks:.2f}"
    if oks >= trial.FOUND_OKS:
        return Finding("ok", "pose", said)
    return Finding(
        "hint",
        "pose",
        f"{said}: few networks do worse. Look at the order of key points (outputs.order), of "
        "x and y, of red and blue, at the values' scale and at the crop",
    )
