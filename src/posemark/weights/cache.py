"""Finds checkpoints on this machine: the files and tags of --weights, and the import cache."""

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

import msgspec
import torch
from safetensors.torch import save
from torch import Tensor, nn

from posemark.core import durable
from posemark.core.checkpoint_names import SUFFIXES
from posemark.core.crash_points import crash_point
from posemark.core.digests import sha256_of
from posemark.core.drafts import draft_of
from posemark.core.errors import CheckpointError, UsageError
from posemark.core.names import WEIGHTS_LIST, nearest
from posemark.core.places import is_file, make_folder, user_cache, with_home
from posemark.core.spec import ModelSpec, Weights
from posemark.core.whole_image import Rescorer
from posemark.downloads.notes import read_note
from posemark.weights.fitting import Convert, Tensors, load_fitting

NONE = "none"
"""The name of untrained weights, which are filled by a formula and serve for timing only."""

BEST = "best"
"""The name of the best checkpoint of each model on this machine (run/best_weights.py)."""

RESCORE = "rescore"
"""The tag of the second network of a model, which rescores its poses (DEKR)."""


@dataclass(frozen=True)
class Checkpoint:
    """A weights file on this machine.

    Attributes:
        path: the file.
        label: its tag, or the stem of a file name that the user gave.
        sha256: the whole digest of the file, in hex.
        row: its registry entry; None for a file that is not registered.
    """

    path: Path
    label: str
    sha256: str
    row: Weights | None = None


class _Note(msgspec.Struct, frozen=True):
    """The note beside an imported file: its SHA-256, its original file name and its part."""

    sha256: str
    file: str = ""
    part: str = ""


# --- the cache --------------------------------------------------------------------------------


def cache_dir() -> Path:
    """Return the folder in which imported weights are stored."""
    return user_cache() / "weights"


def row_of(spec: ModelSpec, tag: str) -> Weights | None:
    """Return the registry entry of a tag, or None for a tag of the user's own."""
    return next((w for w in spec.weights if w.tag == tag), None)


def cached(spec: ModelSpec, tag: str) -> Checkpoint | None:
    """Return the imported checkpoint MODEL.TAG with the SHA-256 that was noted at import.

    A damaged note is written again, unless the file is not the registered one.

    Returns:
        The checkpoint; None if none is imported, or if the file cannot be trusted.
    """
    row = row_of(spec, tag)
    for suffix in SUFFIXES:
        path = cache_dir() / f"{spec.name}.{tag}{suffix}"
        if is_file(path):
            digest = _noted(path) or _noted_anew(path, row)
            return Checkpoint(path, tag, digest, row) if digest else None
    return None


def _note_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _noted(path: Path) -> str | None:
    """Return the SHA-256 in the note of an imported file, or None if the note is not valid."""
    note = read_note(_note_path(path), _Note)
    if note is None:
        return None
    sound = len(note.sha256) == 64 and set(note.sha256) <= set("0123456789abcdef")
    return note.sha256 if sound else None


def _noted_anew(path: Path, row: Weights | None) -> str | None:
    try:
        digest = sha256_of(path)
    except OSError:
        return None
    if row and row.sha256 and not digest.startswith(row.sha256):
        return None
    with suppress(UsageError):  # a cache that cannot be written to can still be read
        _write_all({_note_path(path): _bytes_writer(msgspec.json.encode(_Note(digest)))})
    return digest


def resolve(spec: ModelSpec, wanted: str) -> Checkpoint | None:
    """Find the checkpoint that --weights names for a model.

    Args:
        spec: the model.
        wanted: a file if it ends in a known suffix or contains a path separator ("~" is
            replaced by the user's home folder), else a tag or "none".

    Returns:
        The checkpoint; None for "none".

    Raises:
        CheckpointError: if there is no such file, it does not fit the model, the tag has not
            been imported, or the imported file has changed since.
    """
    if wanted == NONE:
        return None
    if names_file(wanted):
        return _from_file(spec, with_home(wanted))
    found = cached(spec, wanted)
    if found is None:
        raise CheckpointError(not_here(spec, wanted))
    if sha256_of(found.path) != found.sha256:
        raise CheckpointError(
            f"{found.path}: this file changed since it was imported. Import it again."
        )
    return found


def names_file(wanted: str) -> bool:
    """Return whether --weights names a checkpoint file, not a tag or "none"."""
    return wanted.lower().endswith(SUFFIXES) or os.sep in wanted


def _from_file(spec: ModelSpec, path: Path) -> Checkpoint:
    _fitting(path, spec)
    digest = sha256_of(path)
    row = next((w for w in spec.weights if w.sha256 and digest.startswith(w.sha256)), None)
    return Checkpoint(path, row.tag if row else path.stem, digest, row)


def _fitting(path: Path, spec: ModelSpec, tag: str = "", part: str = "") -> dict[str, Tensor]:
    """Load the tensors for a model or its rescorer without allocating the network's weights."""
    wanted, convert = wanted_by(spec, tag)
    return load_fitting(path, wanted, spec.name, convert, part)


def wanted_by(spec: ModelSpec, tag: str = "") -> tuple[Tensors, Convert | None]:
    """Return what the checkpoint of a tag must hold.

    Returns:
        The state of the model's network, or of its rescorer, as tensors on the meta device, and
        the model's rule for other arrangements of key names (None for a rescorer).
    """
    if tag == RESCORE and spec.method.rescoring:
        with torch.device("meta"):
            shapes = spec.method.rescoring.shapes.items()
            return {name: torch.empty(shape) for name, shape in shapes}, None
    return _empty_state(spec.build), spec.convert


@lru_cache(maxsize=64)
def _empty_state(build: Callable[[], nn.Module]) -> Tensors:
    """Return the state of a network on the meta device; cached, as building takes up to 1 s."""
    with torch.device("meta"):
        return build().state_dict()


def not_here(spec: ModelSpec, tag: str) -> str:
    """Return an error message: why a tag cannot be used, and how to get its weights."""
    name = f"{spec.name}.{tag}"
    row = row_of(spec, tag)
    if row is None:
        known = [w.tag for w in spec.weights]
        return f"{name}: there are no such weights here. {nearest(tag, known, WEIGHTS_LIST)}"
    if row.urls:
        return f"{name} is not on this machine yet. Run `posemark weights fetch {name}`."
    file = row.file or "its file"
    return (
        f"{name} is not on this machine, and no stable address is known. Download {file} from "
        f"{row.page or spec.origin}, then run `posemark weights import FILE --as {name}`."
    )


def rescorer_of(spec: ModelSpec) -> Rescorer | None:
    """Return the imported rescorer of a model.

    Returns:
        The rescorer; None if the model has none, or its weights are not imported.

    Raises:
        CheckpointError: if the imported file does not hold the rescorer's weights.
    """
    found = cached(spec, RESCORE)
    if spec.method.rescoring is None or found is None:
        return None
    state = _fitting(found.path, spec, RESCORE)
    return spec.method.rescoring.build({name: tensor.numpy() for name, tensor in state.items()})


def import_file(path: Path, spec: ModelSpec, tag: str, part: str = "") -> Checkpoint:
    """Check a file against the registry and the network, then keep a copy in the cache.

    Args:
        path: the file; "~" is replaced by the user's home folder.
        spec: the model that the weights are for.
        tag: the tag under which the file is kept.
        part: which of several sets of weights in the file to keep. Only that set is kept then,
            as a safetensors file with the network's own key names. "" if one set fits.

    Raises:
        CheckpointError: if the registered SHA-256, keys or shapes do not agree.
        UsageError: if the tag cannot be a file name or the cache cannot be written to.
    """
    path = with_home(path)
    if tag in (NONE, BEST) or not tag.replace("-", "").replace("_", "").isalnum():
        raise UsageError(
            f"{tag!r} cannot be a tag. Expected letters, digits, '-' and '_', and a tag other "
            f"than {NONE} and {BEST}."
        )
    if is_file(path):
        require_hash(path, row_of(spec, tag))
    state = _fitting(path, spec, tag, part)
    note = _Note("", path.name, part)
    if part:
        content = save(state)
        digest = hashlib.sha256(content).hexdigest()
        return _store(_bytes_writer(content), digest, spec, tag, note, ".safetensors")
    suffix = path.suffix.lower() if path.suffix.lower() in SUFFIXES else ".pth"
    return _store(_copier(path), sha256_of(path), spec, tag, note, suffix)


def require_hash(path: Path, row: Weights | None) -> None:
    """Compare a file with the SHA-256 of its registry entry, before anything in it is decoded.

    Raises:
        CheckpointError: if the digests differ, or the file cannot be read.
    """
    if row is None or not row.sha256:
        return
    digest = digest_of(path)
    if not digest.startswith(row.sha256):
        raise CheckpointError(
            f"{path}: expected SHA-256 {row.sha256}... for the tag {row.tag!r}, got {digest}. "
            "This is a damaged file or a different one: fetch it again, or import it under a tag "
            "of your own."
        )


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file that a user named.

    Raises:
        CheckpointError: if the file cannot be read.
    """
    try:
        return sha256_of(path)
    except OSError as error:
        raise CheckpointError(f"{path}: this file cannot be read ({error.strerror}).") from error


# --- writing ------------------------------------------------------------------------------------

_Writer = Callable[[IO[bytes]], object]


def _bytes_writer(content: bytes) -> _Writer:
    return lambda target: target.write(content)


def _copier(path: Path) -> _Writer:
    def copy(target: IO[bytes]) -> None:
        with path.open("rb") as source:
            shutil.copyfileobj(source, target, 1 << 20)

    return copy


def _store(
    write: _Writer, digest: str, spec: ModelSpec, tag: str, note: _Note, suffix: str
) -> Checkpoint:
    folder = cache_dir()
    make_folder(folder)
    target = folder / f"{spec.name}.{tag}{suffix}"
    note = msgspec.structs.replace(note, sha256=digest)
    _write_all({target: write, _note_path(target): _bytes_writer(msgspec.json.encode(note))})
    for other in SUFFIXES:
        if other != suffix:  # remove an older import of the same name with another suffix
            old = folder / f"{spec.name}.{tag}{other}"
            old.unlink(missing_ok=True)
            _note_path(old).unlink(missing_ok=True)
    return Checkpoint(target, tag, digest, row_of(spec, tag))


def _write_all(files: dict[Path, _Writer]) -> None:
    """Write all files under temporary names, then rename them; old files stay until then.

    Raises:
        UsageError: if a file cannot be written; the old files are unchanged then.
    """
    partials = {path: draft_of(path) for path in files}
    try:
        for path, write in files.items():
            partials[path].unlink(missing_ok=True)
            with partials[path].open("xb") as target:  # "x" does not follow a link
                write(target)
                durable.sync(target)
        crash_point("weights.before-rename")
        for path, partial in partials.items():
            partial.replace(path)
            crash_point("weights.after-rename")
        for folder in {path.parent for path in files}:
            durable.sync_folder(folder)
    except OSError as error:
        raise UsageError(
            f"{next(iter(files))}: this file cannot be written ({error.strerror}); an earlier "
            "version of it is unchanged. Free space on the disk, or name another folder for "
            "PoseMark's own files in the variable POSEMARK_CACHE."
        ) from error
    finally:
        for partial in partials.values():
            with suppress(OSError):
                partial.unlink(missing_ok=True)
