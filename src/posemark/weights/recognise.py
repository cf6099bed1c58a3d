"""Recognises weights files by their digest, their content and their name.

Several models share a network (HRNet, DarkPose and FPD). Key names and shapes cannot tell their
checkpoints apart, and the outputs of a wrongly guessed one would be decoded by the wrong rules.
If digest and file name do not decide either, the file is refused and the user is asked to say
which it is.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from posemark.core.checkpoint_names import is_checkpoint_name
from posemark.core.errors import CheckpointError, PoseMarkError
from posemark.core.places import is_file, is_folder
from posemark.core.spec import ModelSpec, Weights
from posemark.weights.cache import RESCORE, cached, digest_of, import_file, wanted_by
from posemark.weights.fitting import Convert, Tensors, fits, problems, sizes
from posemark.weights.reading import Contents, opened

KNOWN, PREFIX, UNKNOWN = "known", "prefix known", "not known"
"""Whether a digest is registered in full, by its first digits only, or not at all."""


@dataclass(frozen=True)
class Slot:
    """A registered checkpoint of a model; a file can be imported as this checkpoint."""

    spec: ModelSpec
    row: Weights

    @property
    def name(self) -> str:
        """Return the name of the checkpoint, MODEL.TAG."""
        return f"{self.spec.name}.{self.row.tag}"


@dataclass(frozen=True)
class Outcome:
    """The result of importing a file.

    Attributes:
        path: the file.
        names: the checkpoints (MODEL.TAG) as which it was imported; several if models share the
            file (the rescorer of DEKR). Empty if it was not imported.
        digest: KNOWN, PREFIX or UNKNOWN; "" if the file could not be read.
        why: the reason if it was not imported.
    """

    path: Path
    names: tuple[str, ...] = ()
    digest: str = ""
    why: str = ""


def checkpoints(given: Iterable[Path]) -> tuple[list[Path], int]:
    """List the checkpoint files among files and folders.

    Args:
        given: files, which are all listed, and folders, which are searched with their
            subfolders for files with the ending of a checkpoint.

    Returns:
        The files, each once, and the number of other files in the folders.
    """
    found: dict[Path, None] = {}
    others = 0
    for path in given:
        inside = list(_inside(path)) if is_folder(path) else [path]
        kept = [each for each in inside if not is_folder(path) or is_checkpoint_name(each)]
        found.update(dict.fromkeys(kept))
        others += len(inside) - len(kept)
    return list(found), others


def _inside(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent) / name for name in sorted(names))


def import_all(
    paths: Iterable[Path], specs: Sequence[ModelSpec], part: str = ""
) -> Iterator[Outcome]:
    """Recognise and import files one by one; a file that fails does not stop the others.

    Args:
        paths: the files.
        specs: the models that they can be for.
        part: which of several sets of weights in a file; "" for the only one that fits.

    Yields:
        The outcome of each file.
    """
    taken: dict[str, Path] = {}
    for path in paths:
        outcome = _imported(path, specs, part, taken)
        taken |= dict.fromkeys(outcome.names, path)
        yield outcome


def _imported(path: Path, specs: Sequence[ModelSpec], part: str, taken: dict[str, Path]) -> Outcome:
    outcome = Outcome(path)
    try:
        digest = digest_of(path) if is_file(path) else ""  # opening it reports what is wrong
        slots, outcome = recognise(path, digest, specs, part)
        for slot in slots:
            _require_free(path, digest, slot, outcome.digest, taken)
        for slot in slots:
            if not _is_here(slot, digest):
                import_file(path, slot.spec, slot.row.tag, part)
    except PoseMarkError as error:
        return replace(outcome, names=(), why=str(error))
    return outcome


def _is_here(slot: Slot, digest: str) -> bool:
    here = cached(slot.spec, slot.row.tag)
    return here is not None and here.sha256 == digest


def _require_free(
    path: Path, digest: str, slot: Slot, certainty: str, taken: dict[str, Path]
) -> None:
    """Refuse a file that is not certainly the checkpoint and would replace another file.

    Raises:
        CheckpointError: in this case.
    """
    here = cached(slot.spec, slot.row.tag)
    if certainty != UNKNOWN or here is None or here.sha256 == digest:
        return
    other = f"{taken[slot.name]} was" if slot.name in taken else "another file is"
    raise CheckpointError(
        f"{path}: it would be kept as {slot.name}, but {other} imported under that name. To "
        f"replace that file: `posemark weights import FILE --as {slot.name}`; to keep both, give "
        f"this file a tag of your own: `--as {slot.spec.name}.TAG`."
    )


# --- what a file is -----------------------------------------------------------------------------


def recognise(
    path: Path, digest: str, specs: Sequence[ModelSpec], part: str = ""
) -> tuple[tuple[Slot, ...], Outcome]:
    """Find the registered checkpoints that a file is.

    Args:
        path: the file.
        digest: its SHA-256.
        specs: the models that it can be for.
        part: which of several sets of weights in it; "" for the only one that fits.

    Returns:
        The checkpoints, and the outcome if the file is imported as these.

    Raises:
        CheckpointError: if the file cannot be read or fits no network, or if it fits several
            and neither its digest nor its name decides between them.
    """
    slots = [Slot(spec, row) for spec in specs for row in spec.weights]
    known = [s for s in slots if digest and s.row.sha256 and digest.startswith(s.row.sha256)]
    if known:
        whole = any(slot.row.sha256 == digest for slot in known)
        return _recognised(path, known, KNOWN if whole else PREFIX)
    return _recognised(path, _decided(path, _fitting(path, slots, part)), UNKNOWN)


def _recognised(path: Path, slots: list[Slot], digest: str) -> tuple[tuple[Slot, ...], Outcome]:
    return tuple(slots), Outcome(path, tuple(slot.name for slot in slots), digest)


def _fitting(path: Path, slots: list[Slot], part: str) -> list[Slot]:
    """Return the slots whose network has the keys and shapes of the file."""
    with opened(path) as contents:
        near = [slot for slot in slots if any(_may_be(slot, size) for size in sizes(contents))]
        found: dict[object, bool] = {}
        for slot in near:
            if _network(slot) not in found:
                found[_network(slot)] = fits(path, contents, *_wanted(slot), part)
        fitting = [slot for slot in near if found[_network(slot)]]
        if not fitting:
            raise _fits_nothing(path, contents, slots, part)
    return fitting


def _may_be(slot: Slot, size: int) -> bool:
    """Return whether a file with `size` numbers can be for a model, before it is built.

    The limits are wide: a file holds buffers beside the parameters, and may be arranged
    otherwise.
    """
    parameters = slot.spec.parameters
    if slot.row.tag == RESCORE or parameters is None:
        return True
    return parameters <= 2 * size <= 4 * parameters


def _wanted(slot: Slot) -> tuple[Tensors, Convert | None]:
    return wanted_by(slot.spec, slot.row.tag)


def _network(slot: Slot) -> object:
    """Return a key that is equal for slots whose files have the same keys and shapes."""
    spec = slot.spec
    return id(spec.method.rescoring) if slot.row.tag == RESCORE else (spec.build, spec.convert)


def _fits_nothing(path: Path, contents: Contents, slots: list[Slot], part: str) -> CheckpointError:
    nearest = min(slots, key=lambda slot: _distance(slot, sizes(contents)))
    why = problems(path, contents, *_wanted(nearest), part)
    nearly = f"{nearest.spec.name} comes nearest: {'; '.join(why)}. " if why else ""
    return CheckpointError(
        f"{path}: these weights fit no network that PoseMark has. The file holds: "
        f"{contents.top}. {nearly}If they belong to another program, leave them out."
    )


def _distance(slot: Slot, found: list[int]) -> int:
    return min((abs(size - (slot.spec.parameters or 0)) for size in found), default=0)


def _decided(path: Path, fitting: list[Slot]) -> list[Slot]:
    """Choose, among the slots that a file fits, those of the one checkpoint that it is.

    Raises:
        CheckpointError: if several checkpoints remain, or if all have another digest.
    """
    named = [slot for slot in fitting if _has_name(path, slot.row)]
    unpinned = [slot for slot in fitting if not slot.row.sha256]
    marked = [slot for slot in unpinned if _words(path) & _own_words(slot.spec)]
    found = named or marked or unpinned
    if not found:
        raise CheckpointError(
            f"{path}: the digest of this file differs from those of the registered checkpoints "
            f"that it could be: {_listed(fitting)}. The file is damaged, or comes from another "
            "training: fetch it again, or import it under a tag of your own, `posemark weights "
            f"import FILE --as {fitting[0].spec.name}.TAG`."
        )
    if any(slot.row != found[0].row for slot in found):
        raise CheckpointError(
            f"{path}: it fits several checkpoints: {_listed(found)}. They share one network, and "
            "neither the digest nor the name of the file says which it is. Name the right one: "
            f"`posemark weights import FILE --as {found[0].name}`."
        )
    return found


def _listed(slots: list[Slot]) -> str:
    return ", ".join(slot.name for slot in slots)


def _has_name(path: Path, row: Weights) -> bool:
    """Return whether a file has the registered name, or that of a browser's second copy."""
    registered = Path(row.file or "").stem.lower()
    return bool(registered) and re.sub(r" ?\(\d+\)$", "", path.stem.lower()) == registered


def _words(path: Path) -> set[str]:
    return set(re.findall("[a-z]+", path.stem.lower()))


def _own_words(spec: ModelSpec) -> set[str]:
    """Return words that name a family, unless they name a network that other families share."""
    family = spec.family.lower()
    if spec.network.startswith(family):
        return set()
    return {family, family.removesuffix("pose")}
