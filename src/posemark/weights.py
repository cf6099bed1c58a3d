"""Checkpoints: reading them safely, fitting their key names, and the local cache.

`fetch` is the only function of the package that touches the network, and the command line
calls it only for `posemark weights fetch`.
"""

import hashlib
import json
import os
import pickle
import shutil
import tempfile
import urllib.request
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor, nn

from posemark import caffemodel
from posemark.core.errors import CheckpointError, UsageError
from posemark.core.grouping import Rescorer
from posemark.core.names import nearest
from posemark.core.places import user_cache
from posemark.core.spec import ModelSpec, Weights

NONE = "none"
"""The weights that nobody trained: formula values, for timing only."""

RESCORE = "rescore"
"""The tag of a second network that judges poses (DEKR)."""

SUFFIXES = (".pth", ".pt", ".safetensors", ".caffemodel")

State = Mapping[str, Tensor]
Convert = Callable[[State], State]


@dataclass(frozen=True)
class Checkpoint:
    """A weights file on this machine. row is its registry entry, if it has one."""

    path: Path
    label: str
    sha256: str
    row: Weights | None = None


# --- reading ----------------------------------------------------------------------------------


def load_into(network: nn.Module, path: Path, convert: Convert | None = None) -> None:
    """Load a checkpoint into a network, which must match key for key, shape for shape.

    Understood: official .pth files (plain, with a "module." prefix, or inside a
    "state_dict"), mmpose 0.x and 1.x key names, safetensors, and Caffe's .caffemodel. convert:
    the family's own rule for other arrangements (ModelSpec.convert).

    Raises:
        CheckpointError: for an unsafe or unreadable file; for missing, extra or misshapen
            tensors, which it lists.
    """
    state = _fit_names(read_state(path), set(network.state_dict()), convert)
    _require_match(path, state, network.state_dict(), type(network).__name__)
    network.load_state_dict(dict(state), strict=True)


def read_state(path: Path) -> State:
    """Names and tensors of a file with one of SUFFIXES; never runs code from it."""
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such weights file. Give the path of a {', '.join(SUFFIXES)} file, or a "
            "tag that `posemark weights list` shows as present."
        )
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix == ".caffemodel":
        return {name: torch.from_numpy(array) for name, array in caffemodel.read(path).items()}
    return _unwrap(path, _read_pickle(path))


def _read_safetensors(path: Path) -> State:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: expected a safetensors file, but it is damaged ({error}). Fetch it again."
        ) from error


def _read_pickle(path: Path) -> Any:
    with path.open("rb") as file:
        start = file.read(2)
    if start != b"PK" and start[:1] != b"\x80":  # neither torch's zip nor a pickle
        raise CheckpointError(
            f"{path}: expected a PyTorch checkpoint, but the file begins with {start!r}. A "
            "failed download often leaves a web page under the file's name: fetch it again."
        )
    try:
        with warnings.catch_warnings():
            # Torch asks to report other pickle protocols; what it cannot read, it refuses.
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path}: this file holds more than tensors and would have to run code to load, so "
            "it was not loaded. Expected a state dict. If you trust its source, load it where "
            "that is safe and save its tensors alone, best as .safetensors."
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path}: expected a PyTorch checkpoint, but it cannot be read "
            f"({type(error).__name__}). It is truncated or of another kind: fetch it again."
        ) from error


def _unwrap(path: Path, loaded: Any) -> State:
    """The state dict inside whatever a training script saved around it."""
    while isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping) or not loaded:
        raise CheckpointError(
            f"{path}: expected a state dict (names and tensors), found a "
            f"{type(loaded).__name__} without one. Save `model.state_dict()` instead."
        )
    state = {str(k): v for k, v in loaded.items() if isinstance(v, Tensor)}
    if all(k.startswith("module.") for k in state):
        state = {k.removeprefix("module."): v for k, v in state.items()}
    return state


# --- fitting names ----------------------------------------------------------------------------


def _strip_parts(name: str) -> str:
    for part in ("backbone.", "keypoint_head.", "head."):
        name = name.removeprefix(part)
    return name


def _new_head_to_old(name: str) -> str:
    return "keypoint_head." + name.removeprefix("head.") if name.startswith("head.") else name


# Official names; mmpose's for networks whose official names have no such parts (HRNet); and
# mmpose 1.x's for networks that came out of mmpose 0.x (Lite-HRNet).
_RENAMINGS: tuple[Callable[[str], str], ...] = (str, _strip_parts, _new_head_to_old)


def _fit_names(state: State, wanted: set[str], convert: Convert | None) -> State:
    """The state under the renaming that leaves the fewest keys unmatched."""
    candidates: list[State] = [{rename(k): v for k, v in state.items()} for rename in _RENAMINGS]
    if convert and not any(wanted == c.keys() for c in candidates):
        candidates.append(convert(state))
    return min(candidates, key=lambda c: len(wanted.symmetric_difference(c)))


def _require_fit(path: Path, spec: ModelSpec, tag: str = "") -> None:
    """Check a file against a model, or its rescorer, without building its weights."""
    state, convert = read_state(path), spec.convert
    with torch.device("meta"):
        if tag == RESCORE and spec.rescoring:
            convert = None
            wanted = {name: torch.empty(shape) for name, shape in spec.rescoring.shapes.items()}
        else:
            wanted = spec.build().state_dict()
    _require_match(path, _fit_names(state, set(wanted), convert), wanted, spec.name)


def _require_match(path: Path, state: State, wanted: State, name: str) -> None:
    shapes = [
        f"{k} (expected {tuple(wanted[k].shape)}, got {tuple(state[k].shape)})"
        for k in wanted
        if k in state and _shape(state[k]) != _shape(wanted[k])
    ]
    problems = (
        ("missing", [k for k in wanted if k not in state]),
        ("unexpected", [k for k in state if k not in wanted]),
        ("of another shape", shapes),
    )
    lines = [f"{len(keys)} {what}: {_some(keys)}" for what, keys in problems if keys]
    if lines:
        raise CheckpointError(
            f"{path}: these weights are for another network than {name}. Of its {len(wanted)} "
            f"tensors, {'; '.join(lines)}. Check the model name; `posemark weights list` shows "
            "which file belongs to which model."
        )


def _shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape, with one-element vectors as scalars.

    Files before torch 0.4 and some converters store batch-norm counters so, and
    load_state_dict takes them.
    """
    return () if tensor.shape == (1,) else tuple(tensor.shape)


def _some(keys: list[str], limit: int = 8) -> str:
    more = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return ", ".join(keys[:limit]) + more


# --- the cache --------------------------------------------------------------------------------


def cache_dir() -> Path:
    """Where imported weights lie."""
    return user_cache() / "weights"


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def row_of(spec: ModelSpec, tag: str) -> Weights | None:
    """The registry entry of that tag, or None for a tag of the user's own."""
    return next((w for w in spec.weights if w.tag == tag), None)


def cached(spec: ModelSpec, tag: str) -> Checkpoint | None:
    """The imported checkpoint MODEL.TAG, or None; its hash is the one noted at import."""
    for suffix in SUFFIXES:
        path = cache_dir() / f"{spec.name}.{tag}{suffix}"
        if path.is_file():
            note = json.loads(_note_path(path).read_text(encoding="utf-8"))
            return Checkpoint(path, tag, note["sha256"], row_of(spec, tag))
    return None


def _note_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def resolve(spec: ModelSpec, wanted: str) -> Checkpoint | None:
    """The checkpoint that --weights names for this model: None for "none".

    A name that ends in a known suffix or has a path separator is a file, any other a tag.

    Raises:
        CheckpointError: if there is no such file, or the tag has not been imported.
    """
    if wanted == NONE:
        return None
    if wanted.endswith(SUFFIXES) or os.sep in wanted:
        return _from_file(spec, Path(wanted))
    found = cached(spec, wanted)
    if found is None:
        raise CheckpointError(_not_here(spec, wanted))
    if sha256_of(found.path) != found.sha256:
        raise CheckpointError(
            f"{found.path}: this file changed since it was imported. Import it again."
        )
    return found


def _from_file(spec: ModelSpec, path: Path) -> Checkpoint:
    _require_fit(path, spec)
    digest = sha256_of(path)
    row = next((w for w in spec.weights if w.sha256 and digest.startswith(w.sha256)), None)
    return Checkpoint(path, row.tag if row else path.stem, digest, row)


def _not_here(spec: ModelSpec, tag: str) -> str:
    name = f"{spec.name}.{tag}"
    row = row_of(spec, tag)
    if row is None:
        known = [w.tag for w in spec.weights]
        return f"{name}: no such weights here. {nearest(tag, known)} `posemark weights list`."
    if row.url:
        return f"{name} is not on this machine yet. Run `posemark weights fetch {name}`."
    file = row.file or "its file"
    return (
        f"{name} is not on this machine, and no stable address is known. Download {file} from "
        f"{spec.origin}, then run `posemark weights import FILE --as {name}`."
    )


def rescorer_of(spec: ModelSpec) -> Rescorer | None:
    """The imported rescorer of a model; None if it has none or its weights are not here."""
    found = cached(spec, RESCORE)
    if spec.rescoring is None or found is None:
        return None
    _require_fit(found.path, spec, RESCORE)
    arrays = {name: t.numpy() for name, t in read_state(found.path).items()}
    return spec.rescoring.build(arrays)


def import_file(path: Path, spec: ModelSpec, tag: str) -> Checkpoint:
    """Check a file against the network and the registry, then copy it into the cache.

    Raises:
        CheckpointError: if keys, shapes or the registered SHA-256 do not agree.
        UsageError: if the tag cannot be a file name or the suffix is unknown.
    """
    if tag == NONE or not tag.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"{tag!r} cannot be a tag: use letters, digits, '-' and '_'.")
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: expected a file that ends in {', '.join(SUFFIXES)}.")
    _require_fit(path, spec, tag)
    digest = sha256_of(path)
    _require_hash(path, digest, row_of(spec, tag))
    return _store(path, spec, tag, digest)


def _require_hash(path: Path, digest: str, row: Weights | None) -> None:
    if row and row.sha256 and not digest.startswith(row.sha256):
        raise CheckpointError(
            f"{path}: expected SHA-256 {row.sha256}... for the tag {row.tag!r}, got {digest}. "
            "The file is damaged or another one: fetch it again, or import it under a tag of "
            "your own."
        )


def _store(path: Path, spec: ModelSpec, tag: str, digest: str) -> Checkpoint:
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in SUFFIXES:  # an older import of the same name under another suffix
        (folder / f"{spec.name}.{tag}{suffix}").unlink(missing_ok=True)
    target = folder / f"{spec.name}.{tag}{path.suffix}"
    note = {"sha256": digest, "file": path.name}
    _note_path(target).write_text(json.dumps(note), encoding="utf-8")
    partial = target.with_name(target.name + ".part")
    shutil.copyfile(path, partial)
    partial.replace(target)
    return Checkpoint(target, tag, digest, row_of(spec, tag))


# --- the network ------------------------------------------------------------------------------

Progress = Callable[[Iterable[bytes], int | None], Iterable[bytes]]


def fetch(spec: ModelSpec, tag: str, progress: Progress, accepted: bool = False) -> Checkpoint:
    """Download a registered checkpoint, verify its SHA-256, then import it.

    accepted: the user accepts the weights' licence, asked for where it is non-commercial.
    progress: wraps the stream of chunks; gets the size in bytes, if the server says it.

    Raises:
        CheckpointError: if there is no address or hash for it, the download fails, or the
            file is not the registered one.
        UsageError: if the licence has to be accepted first.
    """
    row = row_of(spec, tag)
    if row and row.licence and "non-commercial" in row.licence.lower() and not accepted:
        raise UsageError(
            f"{spec.name}.{tag} comes under this licence: {row.licence}. If that fits your use, "
            "add --accept-licence."
        )
    if row is None or row.url is None or row.sha256 is None:
        raise CheckpointError(_not_here(spec, tag))
    if not row.url.startswith("https://"):
        raise CheckpointError(f"{row.url}: only https addresses are fetched.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(row.url).name
        _download(row.url, path, progress)
        return import_file(path, spec, tag)


def _download(url: str, path: Path, progress: Progress) -> None:
    try:
        with urllib.request.urlopen(url, timeout=60) as reply, path.open("wb") as file:  # noqa: S310
            size = reply.headers.get("Content-Length")
            chunks = iter(lambda: reply.read(1 << 20), b"")
            for chunk in progress(chunks, int(size) if size else None):
                file.write(chunk)
    except (URLError, OSError) as error:
        raise CheckpointError(
            f"{url}: the download failed ({error}). Nothing was kept; try again, or download it "
            "by other means and use `posemark weights import`."
        ) from error
