"""The checkpoints on this machine: what --weights names, and the cache of imported ones."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import msgspec
import torch
from safetensors.torch import save
from torch import Tensor

from posemark.core.digests import sha256_of
from posemark.core.errors import CheckpointError, UsageError
from posemark.core.names import WEIGHTS_LIST, nearest
from posemark.core.places import make_folder, user_cache, with_home
from posemark.core.spec import ModelSpec, Weights
from posemark.core.whole_image import Rescorer
from posemark.weights.fitting import Convert, Tensors, load_fitting
from posemark.weights.reading import SUFFIXES

NONE = "none"
"""The weights that nobody trained: formula values, for timing only."""

BEST = "best"
"""Stands for the best checkpoint of each model that is on this machine (choice.py)."""

RESCORE = "rescore"
"""The tag of a second network that judges poses (DEKR)."""


@dataclass(frozen=True)
class Checkpoint:
    """A weights file on this machine. row is its registry entry, if it has one."""

    path: Path
    label: str
    sha256: str
    row: Weights | None = None


class _Note(msgspec.Struct, frozen=True):
    """What is kept beside an imported file: its hash, and which file (and part) it was."""

    sha256: str
    file: str = ""
    part: str = ""


# --- the cache --------------------------------------------------------------------------------


def cache_dir() -> Path:
    """Where imported weights lie."""
    return user_cache() / "weights"


def row_of(spec: ModelSpec, tag: str) -> Weights | None:
    """The registry entry of that tag, or None for a tag of the user's own."""
    return next((w for w in spec.weights if w.tag == tag), None)


def cached(spec: ModelSpec, tag: str) -> Checkpoint | None:
    """The imported checkpoint MODEL.TAG, or None; its hash is the one noted at import.

    A damaged note is made anew, but not beside a file that is not the registered one.
    """
    row = row_of(spec, tag)
    for suffix in SUFFIXES:
        path = cache_dir() / f"{spec.name}.{tag}{suffix}"
        if path.is_file():
            digest = _noted(path) or _noted_anew(path, row)
            return Checkpoint(path, tag, digest, row) if digest else None
    return None


def _note_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _noted(path: Path) -> str | None:
    """The hash in the note of an imported file; None if there is no sound note."""
    try:
        note = msgspec.json.decode(_note_path(path).read_bytes(), type=_Note)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
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
    """The checkpoint that --weights names for this model: None for "none".

    A name that ends in a known suffix or has a path separator is a file ("~" stands for the
    user's folder), any other a tag.

    Raises:
        CheckpointError: if there is no such file, or the tag has not been imported.
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
    """Whether --weights names a checkpoint file; else it is a tag or "none"."""
    return wanted.lower().endswith(SUFFIXES) or os.sep in wanted


def _from_file(spec: ModelSpec, path: Path) -> Checkpoint:
    _fitting(path, spec)
    digest = sha256_of(path)
    row = next((w for w in spec.weights if w.sha256 and digest.startswith(w.sha256)), None)
    return Checkpoint(path, row.tag if row else path.stem, digest, row)


def _fitting(path: Path, spec: ModelSpec, tag: str = "", part: str = "") -> dict[str, Tensor]:
    """The tensors for a model, or its rescorer, checked without building its weights."""
    wanted, convert = wanted_by(spec, tag)
    return load_fitting(path, wanted, spec.name, convert, part)


def wanted_by(spec: ModelSpec, tag: str = "") -> tuple[Tensors, Convert | None]:
    """What the weights of a tag must hold, as tensors without numbers, and the model's rule.

    That is the state of its network, or of its rescorer, which no rule applies to.
    """
    if tag == RESCORE and spec.method.rescoring:
        with torch.device("meta"):
            shapes = spec.method.rescoring.shapes.items()
            return {name: torch.empty(shape) for name, shape in shapes}, None
    return _empty_state(spec.build), spec.convert


@lru_cache(maxsize=64)
def _empty_state(build: Callable[[], Any]) -> Tensors:
    """Of a network without numbers; building one takes a good part of a second."""
    with torch.device("meta"):
        return build().state_dict()


def not_here(spec: ModelSpec, tag: str) -> str:
    """Why a tag cannot be used, and how to get it."""
    name = f"{spec.name}.{tag}"
    row = row_of(spec, tag)
    if row is None:
        known = [w.tag for w in spec.weights]
        return f"{name}: no such weights here. {nearest(tag, known, WEIGHTS_LIST)}"
    if row.urls:
        return f"{name} is not on this machine yet. Run `posemark weights fetch {name}`."
    file = row.file or "its file"
    return (
        f"{name} is not on this machine, and no stable address is known. Download {file} from "
        f"{row.page or spec.origin}, then run `posemark weights import FILE --as {name}`."
    )


def rescorer_of(spec: ModelSpec) -> Rescorer | None:
    """The imported rescorer of a model; None if it has none or its weights are not here."""
    found = cached(spec, RESCORE)
    if spec.method.rescoring is None or found is None:
        return None
    state = _fitting(found.path, spec, RESCORE)
    return spec.method.rescoring.build({name: tensor.numpy() for name, tensor in state.items()})


def import_file(path: Path, spec: ModelSpec, tag: str, part: str = "") -> Checkpoint:
    """Check a file against the registry and the network, then keep a copy in the cache.

    part: which of several sets of weights in the file; that one alone is kept then, as a
        safetensors file in the network's own names.

    Raises:
        CheckpointError: if the registered SHA-256, keys or shapes do not agree.
        UsageError: if the tag cannot be a file name or the cache cannot be written to.
    """
    path = with_home(path)
    if tag in (NONE, BEST) or not tag.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"{tag!r} cannot be a tag: use letters, digits, '-' and '_'.")
    if path.is_file():
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
    """Hold a file to the SHA-256 of its registry entry, before anything in it is read.

    Raises:
        CheckpointError: if it is another file, or cannot be read.
    """
    if row is None or not row.sha256:
        return
    digest = digest_of(path)
    if not digest.startswith(row.sha256):
        raise CheckpointError(
            f"{path}: expected SHA-256 {row.sha256}... for the tag {row.tag!r}, got {digest}. "
            "The file is damaged or another one: fetch it again, or import it under a tag of "
            "your own."
        )


def digest_of(path: Path) -> str:
    """The SHA-256 of a file that a user named.

    Raises:
        CheckpointError: if it cannot be read.
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
    for other in SUFFIXES:  # an older import of the same name under another suffix
        if other != suffix:
            old = folder / f"{spec.name}.{tag}{other}"
            old.unlink(missing_ok=True)
            _note_path(old).unlink(missing_ok=True)
    return Checkpoint(target, tag, digest, row_of(spec, tag))


def _write_all(files: dict[Path, _Writer]) -> None:
    """Write files beside their places, then rename them: an old one stays until all are there.

    Raises:
        UsageError: if that is not possible; nothing has changed then.
    """
    partials = {path: path.with_name(f".{path.name}.{secrets.token_hex(8)}") for path in files}
    try:
        for path, write in files.items():
            with partials[path].open("xb") as target:  # x: follows no link
                write(target)
                target.flush()
                os.fsync(target.fileno())
        for path, partial in partials.items():
            partial.replace(path)
    except OSError as error:
        raise UsageError(
            f"{next(iter(files))}: this file cannot be written ({error.strerror}); what was there "
            "before is still there. Free space, or name another folder for PoseMark's own files "
            "with the variable POSEMARK_CACHE."
        ) from error
    finally:
        for partial in partials.values():
            with suppress(OSError):
                partial.unlink(missing_ok=True)
