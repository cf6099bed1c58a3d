"""Comparing a card with its file: `posemark check`.

First what the file says of itself, then what it does with the built-in drawn people. Each
finding says what is wrong and what to do about it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from posemark.cards import schema, trial_run
from posemark.cards.model import find_artefact, with_artefact
from posemark.cards.reading import read
from posemark.core.errors import PoseMarkError
from posemark.core.model_file import Artefact
from posemark.core.spec import Approach, ModelSpec
from posemark.runtimes import Tensor
from posemark.runtimes.declared_input import layout_problems, shape_of, size_problems, type_problems
from posemark.runtimes.model_file import FileSession, missing_sources
from posemark.runtimes.registry import default_target, open_file, require


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
    right = f"{_listed(outputs)}{_at_own_size(artefact, inputs)}"
    yield _of("outputs", *_outputs(artefact, outputs), right=right)


def _input(artefact: Artefact, given: Tensor) -> Iterator[Finding]:
    layout = list(layout_problems(artefact, given))
    yield _of("layout", *layout, right=f"{artefact.layout}, {shape_of(given)}")
    if not layout:
        yield _of("size", *size_problems(artefact, given), right=_wanted_size(artefact))
    yield _of("type", *type_problems(artefact, given), right=given.dtype)


def _of(check: str, *problems: str, right: str = "") -> Finding:
    return Finding("wrong" if problems else "ok", check, "; ".join(problems) or right)


def _wanted_size(artefact: Artefact) -> str:
    return (
        "x".join(map(str, artefact.size_hw)) if artefact.size_hw else "that of each image, scaled"
    )


def _at_own_size(artefact: Artefact, inputs: list[Tensor]) -> str:
    """What the shapes of outputs hold for, where images are fed at other sizes than the file's."""
    if artefact.size_hw or [len(each.shape) for each in inputs] != [4]:
        return ""
    own = inputs[0].shape[2:] if artefact.layout == "nchw" else inputs[0].shape[1:3]
    if None in own:
        return ""
    return f": at the file's own input size, {'x'.join(map(str, own))}"


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
    return ", ".join(f"{each.name} {shape_of(each)}" for each in tensors)


# --- what the file does -------------------------------------------------------------------------


def _tried(model: ModelSpec, session: FileSession) -> Iterator[Finding]:
    scenes = trial_run.scenes()
    try:
        outputs = trial_run.raw_outputs(model, session, scenes[0])
    except PoseMarkError as error:
        yield _of("run", str(error))
        return
    shapes = list(trial_run.shape_problems(model, outputs, scenes[0]))
    yield _of("shapes", *shapes, right=trial_run.expected_shape(model, scenes[0]))
    if shapes:
        return
    broken = list(trial_run.not_finite(model, session, scenes))
    if broken:
        yield _of("values", *broken)
        return
    values = list(trial_run.value_problems(model, session, scenes))
    yield _of("values", *values, right=trial_run.value_range(model, session, scenes))
    hint = trial_run.better_pixels(model, session, scenes)
    yield Finding("hint" if hint else "ok", "colours", hint or "no other normalising does better")
    oks = trial_run.likeness(model, session, scenes)
    yield _pose(oks, model.approach)


def _pose(oks: float, approach: Approach) -> Finding:
    said = f"drawn people are found with a mean OKS of {oks:.2f}"
    if oks >= trial_run.FOUND_OKS[approach]:
        return Finding("ok", "pose", said)
    return Finding(
        "hint",
        "pose",
        f"{said}: trained networks mostly do better. Look at the order of key points "
        "(outputs.order), of x and y, of red and blue, at the values' scale and at the crop",
    )
