"""A weights file, opened: which sets of tensors it holds. Nothing in it is ever executed."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posemark import caffemodel
from posemark.core.errors import CheckpointError
from posemark.weights import torch_file
from posemark.weights.parts import ROOT, parts_of
from posemark.weights.pickles import DamagedError, OtherKindError, Thing
from posemark.weights.tensors import State, Storage, Stored, whole

SUFFIXES = (".pth", ".pt", ".safetensors", ".caffemodel")


@dataclass(frozen=True)
class Contents:
    """What lies in a file: its parts by name, and what its top level is, in words."""

    parts: dict[str, State]
    top: str


@contextmanager
def opened(path: Path) -> Iterator[Contents]:
    """Read what a weights file holds; its tensors may be read while it is open.

    Files that end in .safetensors or .caffemodel are those, all others are PyTorch's.

    Raises:
        CheckpointError: if it is missing, unreadable, damaged or of another kind; also for
            what is found damaged while it is open.
    """
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such weights file. Give the path of a {', '.join(SUFFIXES)} file, or a "
            "tag that `posemark weights list` shows as present."
        )
    open_ = _OPENERS.get(path.suffix.lower(), _torch)
    try:
        with open_(path) as contents:
            yield contents
    except OtherKindError as error:
        raise CheckpointError(f"{path}: expected a PyTorch checkpoint, but {error}") from error
    except (DamagedError, OSError, MemoryError) as error:
        reason = str(error) or type(error).__name__
        raise CheckpointError(
            f"{path}: expected a PyTorch checkpoint, but {reason}. It is truncated, damaged or of "
            "another kind (a failed download often leaves a web page under the file's name): "
            "fetch it again."
        ) from error


@contextmanager
def _torch(path: Path) -> Iterator[Contents]:
    with path.open("rb") as file:
        if not file.read(1):
            raise DamagedError("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            loaded = torch_file.load(file, content)
            yield Contents(parts_of(loaded), _described(loaded))


@contextmanager
def _safetensors(path: Path) -> Iterator[Contents]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = {name: _safe_tensor(file, name) for name in file.keys()}  # noqa: SIM118
            yield Contents({ROOT: state}, f"{len(state)} tensors")
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: expected a safetensors file, but it is damaged ({error}). Fetch it again."
        ) from error


_SAFE_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def _safe_tensor(file: Any, name: str) -> Stored:
    entry = file.get_slice(name)
    shape, dtype = tuple(entry.get_shape()), _SAFE_TYPES.get(entry.get_dtype())
    if dtype is None:
        raise DamagedError(f"a tensor in it is of the type {entry.get_dtype()}")
    count = 1
    for side in shape:
        count *= side

    def read() -> Tensor:
        return file.get_tensor(name).reshape(-1)

    return whole(Storage(dtype, count, read), shape)


@contextmanager
def _caffe(path: Path) -> Iterator[Contents]:
    arrays = caffemodel.read(path)
    yield Contents({ROOT: state_of(arrays)}, f"{len(arrays)} arrays")


def state_of(arrays: caffemodel.Arrays) -> State:
    """Arrays that are in memory already, as a part."""
    return {
        name: whole(
            Storage(torch.float32, array.size, partial(torch.from_numpy, array.reshape(-1))),
            array.shape,
        )
        for name, array in arrays.items()
    }


_OPENERS = {".safetensors": _safetensors, ".caffemodel": _caffe}


def _described(loaded: Any, limit: int = 4) -> str:
    """The top level in words: its keys and what they are."""
    if not isinstance(loaded, dict) or not loaded:
        return _kind(loaded)
    keys = [f"{shown(k)} ({_kind(v)})" for k, v in list(loaded.items())[:limit]]
    more = f" and {len(loaded) - limit} more" if len(loaded) > limit else ""
    return ", ".join(keys) + more


def _kind(value: Any) -> str:
    if isinstance(value, Thing):
        return shown(value.kind)
    if isinstance(value, dict):
        return f"a dict of {len(value)}"
    return "a tensor" if isinstance(value, Stored) else f"a {type(value).__name__}"


def shown(text: str, limit: int = 80) -> str:
    """A text of a file, fit for the terminal: short, without control characters."""
    short = text if len(text) <= limit else text[:limit] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)
