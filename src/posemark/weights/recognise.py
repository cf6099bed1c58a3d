"""What a weights file is, without anybody saying so: by its digest, by what it holds, by its name.

Several models share a network (HRNet, DarkPose and FPD): of these neither key names nor shapes
tell one from the other, and a guess would be decoded by the wrong rules. Where digest and file
name are silent, too, the user is asked.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from posemark.core.errors import CheckpointError, PoseMarkError
from posemark.core.spec import ModelSpec, Weights
from posemark.weights.cache import RESCORE, cached, digest_of, import_file, wanted_by
from posemark.weights.fitting import Convert, Tensors, fits, problems, sizes
from posemark.weights.reading import SUFFIXES, Contents, opened

KNOWN, PREFIX, UNKNOWN = "known", "prefix known", "not known"
"""Of a digest: registered whole, registered by its first digits, registered nowhere."""

_ENDINGS = (*SUFFIXES, ".pth.tar", ".pt.tar", ".ckpt")
"""Of the files of a folder that are looked into."""


@dataclass(frozen=True)
class Slot:
    """A registered checkpoint of a model, as which a file can be kept."""

    spec: ModelSpec
    row: Weights

    @property
    def name(self) -> str:
        """MODEL.TAG."""
        return f"{self.spec.name}.{self.row.tag}"


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    names: MODEL.TAG of what it is kept as, several where models share one file (the rescorer of
    DEKR); none where it was not imported, for the reason `why`. digest: KNOWN, PREFIX or
    UNKNOWN, as far as the file could be read.
    """

    path: Path
    names: tuple[str, ...] = ()
    digest: str = ""
    why: str = ""


def checkpoints(given: Iterable[Path]) -> tuple[list[Path], int]:
    """The files that are named or lie in named folders, and how many others were passed over.

    Of a folder, and of the folders in it, those whose names end as checkpoints' do.
    """
    found: dict[Path, None] = {}
    others = 0
    for path in given:
        inside = list(_inside(path)) if path.is_dir() else [path]
        kept = [each for each in inside if not path.is_dir() or _ends_as_one(each)]
        found.update(dict.fromkeys(kept))
        others += len(inside) - len(kept)
    return list(found), others


def _inside(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent) / name for name in sorted(names))


def _ends_as_one(path: Path) -> bool:
    return path.name.lower().endswith(_ENDINGS)


def import_all(
    paths: Iterable[Path], specs: Sequence[ModelSpec], part: str = ""
) -> Iterator[Outcome]:
    """Recognise and import files, one after the other; a bad one stops none of the others.

    Args:
        paths: of the files.
        specs: the models that they can be for.
        part: which of several sets of weights in a file.

    Yields:
        What became of each.
    """
    taken: dict[str, Path] = {}
    for path in paths:
        outcome = _imported(path, specs, part, taken)
        taken |= dict.fromkeys(outcome.names, path)
        yield outcome


def _imported(path: Path, specs: Sequence[ModelSpec], part: str, taken: dict[str, Path]) -> Outcome:
    outcome = Outcome(path)
    try:
        digest = digest_of(path) if path.is_file() else ""  # opening it will say so
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
    """A file that may be another one does not silently replace what is kept under its name.

    Raises:
        CheckpointError: if it would.
    """
    here = cached(slot.spec, slot.row.tag)
    if certainty != UNKNOWN or here is None or here.sha256 == digest:
        return
    other = f"{taken[slot.name]} was" if slot.name in taken else "another file is"
    raise CheckpointError(
        f"{path}: it would be kept as {slot.name}, but {other} imported under that name. To "
        f"replace that: `posemark weights import FILE --as {slot.name}`; to have both, give this "
        f"one a tag of your own: `--as {slot.spec.name}.TAG`."
    )


# --- what a file is -----------------------------------------------------------------------------


def recognise(
    path: Path, digest: str, specs: Sequence[ModelSpec], part: str = ""
) -> tuple[tuple[Slot, ...], Outcome]:
    """The registered checkpoints that a file is, and the outcome if it is imported so.

    Args:
        path: of the file.
        digest: its SHA-256.
        specs: the models that it can be for.
        part: which of several sets of weights in it.

    Raises:
        CheckpointError: if it cannot be read, fits no network, or fits several and neither its
            digest nor its name tells which.
    """
    slots = [Slot(spec, row) for spec in specs for row in spec.weights]
    known = [s for s in slots if digest and s.row.sha256 and digest.startswith(s.row.sha256)]
    if known:
        whole = any(slot.row.sha256 == digest for slot in known)
        return _told(path, known, KNOWN if whole else PREFIX)
    return _told(path, _told_apart(path, _fitting(path, slots, part)), UNKNOWN)


def _told(path: Path, slots: list[Slot], digest: str) -> tuple[tuple[Slot, ...], Outcome]:
    return tuple(slots), Outcome(path, tuple(slot.name for slot in slots), digest)


def _fitting(path: Path, slots: list[Slot], part: str) -> list[Slot]:
    """The slots whose network has the keys and shapes of the file."""
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
    """Whether a file of so many numbers can be for a model, before its network is built.

    The file has buffers beside the parameters, and may be in an arrangement of its own.
    """
    parameters = slot.spec.parameters
    if slot.row.tag == RESCORE or parameters is None:
        return True
    return parameters <= 2 * size <= 4 * parameters


def _wanted(slot: Slot) -> tuple[Tensors, Convert | None]:
    return wanted_by(slot.spec, slot.row.tag)


def _network(slot: Slot) -> object:
    """Equal for slots whose files have the same keys and shapes."""
    spec = slot.spec
    return id(spec.method.rescoring) if slot.row.tag == RESCORE else (spec.build, spec.convert)


def _fits_nothing(path: Path, contents: Contents, slots: list[Slot], part: str) -> CheckpointError:
    nearest = min(slots, key=lambda slot: _distance(slot, sizes(contents)))
    why = problems(path, contents, *_wanted(nearest), part)
    nearly = f"{nearest.spec.name} comes nearest: {'; '.join(why)}. " if why else ""
    return CheckpointError(
        f"{path}: these weights fit no network that PoseMark has. In it: {contents.top}. {nearly}"
        "If they belong to another program, leave them out."
    )


def _distance(slot: Slot, found: list[int]) -> int:
    return min(abs(size - (slot.spec.parameters or 0)) for size in found)


def _told_apart(path: Path, fitting: list[Slot]) -> list[Slot]:
    """Of the slots that a file fits, those of the one checkpoint that it is.

    Raises:
        CheckpointError: if they are of several, or of those only whose digest is another.
    """
    named = [slot for slot in fitting if _has_name(path, slot.row)]
    unpinned = [slot for slot in fitting if not slot.row.sha256]
    marked = [slot for slot in unpinned if _words(path) & _own_words(slot.spec)]
    found = named or marked or unpinned
    if not found:
        raise CheckpointError(
            f"{path}: its digest is that of none of the registered checkpoints that it could be: "
            f"{_listed(fitting)}. It is damaged, or another training: fetch it again, or import "
            f"it under a tag of your own, `posemark weights import FILE --as "
            f"{fitting[0].spec.name}.TAG`."
        )
    if any(slot.row != found[0].row for slot in found):
        raise CheckpointError(
            f"{path}: it fits several: {_listed(found)}. They share one network, and neither its "
            "digest nor its name tells which it is. Say it: `posemark weights import FILE --as "
            f"{found[0].name}`."
        )
    return found


def _listed(slots: list[Slot]) -> str:
    return ", ".join(slot.name for slot in slots)


def _has_name(path: Path, row: Weights) -> bool:
    """Whether it is called as the registered file, also as browsers name a second copy of it."""
    registered = Path(row.file or "").stem.lower()
    return bool(registered) and re.sub(r" ?\(\d+\)$", "", path.stem.lower()) == registered


def _words(path: Path) -> set[str]:
    return set(re.findall("[a-z]+", path.stem.lower()))


def _own_words(spec: ModelSpec) -> set[str]:
    """What names a family, unless it names the network that other families have, too."""
    family = spec.family.lower()
    if spec.network.startswith(family):
        return set()
    return {family, family.removesuffix("pose")}
