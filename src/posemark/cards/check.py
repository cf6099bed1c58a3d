"""Compares a card with its model file, for `posemark check`.

First the card is compared with the file's own description of its inputs and outputs, then with
what the network does with the built-in drawn people; both for pose models and for person
detectors. Every finding says what is wrong and what to
do about it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from posemark.cards import detector, schema, trial_detection, trial_run
from posemark.cards.model import AnyCard, find_artefact, with_artefact
from posemark.cards.reading import read_any
from posemark.core.errors import PoseMarkError
from posemark.core.model_file import Artefact
from posemark.core.spec import Approach, ModelSpec
from posemark.detectors.network import BoxNetwork
from posemark.runtimes import Tensor
from posemark.runtimes.declared_input import layout_problems, shape_of, size_problems, type_problems
from posemark.runtimes.model_file import FileSession, missing_sources
from posemark.runtimes.registry import default_target, open_file, require


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        verdict: "ok"; "wrong" for a mistake; "hint" for a result that the user should look at.
        check: name of the check.
        says: what was found, and what to do about it.
    """

    verdict: Literal["ok", "wrong", "hint"]
    check: str
    says: str


def check(path: Path, threads: int) -> Iterator[Finding]:
    """Run the checks in order; after a mistake, leave out the checks that depend on it.

    Args:
        path: the card.
        threads: threads of the runtime.

    Yields:
        One finding per check.
    """
    try:
        card = read_any(path)
        yield Finding("ok", "card", f"{card.name}, {card.says}: every key is known")
        artefact = find_artefact(card, path)
        yield Finding("ok", "file", _file_facts(card, artefact))
        target = default_target(artefact)
        require(target, artefact=artefact)
        session = open_file(target, artefact, threads)
        yield Finding("ok", "runtime", f"{target.runtime} opens it in {target.precision}")
    except PoseMarkError as error:
        yield Finding("wrong", "reading", str(error))
        return
    declared = list(_declaration_findings(artefact, session))
    yield from declared
    if all(finding.verdict != "wrong" for finding in declared):
        yield from _trial(card, artefact, session)


def _trial(card: AnyCard, artefact: Artefact, session: FileSession) -> Iterator[Finding]:
    if isinstance(card, schema.Card):
        return _trial_findings(with_artefact(card, artefact), session)
    return _detector_findings(detector.with_artefact(card, artefact), session)


def _file_facts(card: AnyCard, artefact: Artefact) -> str:
    known = "its SHA-256 is that of the card" if card.file.sha256 else "the card has no sha256"
    return f"{artefact.path}; {known}"


# --- the file's description of its inputs and outputs -------------------------------------------


def _declaration_findings(artefact: Artefact, session: FileSession) -> Iterator[Finding]:
    inputs, outputs = session.raw.tensors()
    if len(inputs) == 1:
        yield from _input_findings(artefact, inputs[0])
    else:
        yield _finding(
            "input", f"the file has {len(inputs)} inputs: {_listed(inputs)}; expected one input"
        )
    right = f"{_listed(outputs)}{_at_own_size(artefact, inputs)}"
    yield _finding("outputs", *_output_problems(artefact, outputs), right=right)


def _input_findings(artefact: Artefact, given: Tensor) -> Iterator[Finding]:
    layout = list(layout_problems(artefact, given))
    yield _finding("layout", *layout, right=f"{artefact.layout}, {shape_of(given)}")
    if not layout:
        yield _finding("size", *size_problems(artefact, given), right=_wanted_size(artefact))
    yield _finding("type", *type_problems(artefact, given), right=given.dtype)


def _finding(check: str, *problems: str, right: str = "") -> Finding:
    return Finding("wrong" if problems else "ok", check, "; ".join(problems) or right)


def _wanted_size(artefact: Artefact) -> str:
    return "x".join(map(str, artefact.size_hw)) if artefact.size_hw else "depends on the image"


def _at_own_size(artefact: Artefact, inputs: list[Tensor]) -> str:
    """Say which input size the output shapes belong to, if the network input has another size."""
    if artefact.size_hw or [len(each.shape) for each in inputs] != [4]:
        return ""
    own = inputs[0].shape[2:] if artefact.layout == "nchw" else inputs[0].shape[1:3]
    if None in own:
        return ""
    return f": at the file's own input size, {'x'.join(map(str, own))}"


def _output_problems(artefact: Artefact, outputs: list[Tensor]) -> Iterator[str]:
    missing = missing_sources([each.name for each in outputs], artefact.output)
    if missing:
        yield (
            f"outputs.sources names {', '.join(missing)}, which the file does not have; it has "
            f"{_listed(outputs)}"
        )
    elif not artefact.output.sources and len(outputs) > 1:
        yield (
            f"the file has several outputs, {_listed(outputs)}: name in outputs.sources those that "
            "the codec reads"
        )


def _listed(tensors: list[Tensor]) -> str:
    return ", ".join(f"{each.name} {shape_of(each)}" for each in tensors)


# --- the network on drawn people ----------------------------------------------------------------


def _trial_findings(model: ModelSpec, session: FileSession) -> Iterator[Finding]:
    scenes = trial_run.scenes()
    try:
        outputs = trial_run.raw_outputs(model, session, scenes[0])
    except PoseMarkError as error:
        yield _finding("run", str(error))
        return
    shapes = list(trial_run.shape_problems(model, outputs, scenes[0]))
    yield _finding("shapes", *shapes, right=trial_run.expected_shape(model, scenes[0]))
    if shapes:
        return
    broken = list(trial_run.not_finite(model, session, scenes))
    if broken:
        yield _finding("values", *broken)
        return
    values = list(trial_run.value_problems(model, session, scenes))
    yield _finding("values", *values, right=trial_run.value_range(model, session, scenes))
    hint = trial_run.better_pixels(model, session, scenes)
    yield Finding(
        "hint" if hint else "ok", "colours", hint or "no other normalisation gives higher peaks"
    )
    oks = trial_run.mean_oks(model, session, scenes)
    yield _pose_finding(oks, model.approach)


def _pose_finding(oks: float, approach: Approach) -> Finding:
    result = f"drawn people are found with a mean OKS of {oks:.2f}"
    if oks >= trial_run.FOUND_OKS[approach]:
        return Finding("ok", "pose", result)
    return Finding(
        "hint",
        "pose",
        f"{result}, but trained networks usually reach more. Check the order of the key points "
        "(outputs.order), of x and y and of red and blue, the scale of the values, and the crop",
    )


# --- a person detector on drawn people ----------------------------------------------------------


def _detector_findings(network: BoxNetwork, session: FileSession) -> Iterator[Finding]:
    scenes = trial_run.scenes()
    try:
        found = trial_detection.raw_rows(network, session, scenes)
    except PoseMarkError as error:
        yield _finding("run", str(error))
        return
    shapes = list(network.rows.problems(found[0].shape, network.input_hw))
    yield _finding("shapes", *shapes, right=f"rows of {network.rows.columns} numbers")
    if shapes:
        return
    values = list(trial_detection.value_problems(network, found))
    yield _finding("values", *values, right=trial_detection.value_range(network, found))
    if not values:
        yield _found_finding(trial_detection.found_share(network, session, scenes))


def _found_finding(share: float) -> Finding:
    result = f"{share:.0%} of the drawn people have a box"
    if share >= trial_detection.FOUND_SHARE:
        return Finding("ok", "boxes", result)
    return Finding(
        "hint",
        "boxes",
        f"{result}, but trained detectors find nearly all. Check the order of red and blue, the "
        "scale of the values (divisor, mean, std), codec.person, and the form of the rows",
    )
