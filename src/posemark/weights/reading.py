"""Opens weights files and lists the sets of tensors in them. Nothing in them is ever executed."""

import mmap
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor

from posemark import caffemodel
from posemark.core.checkpoint_names import NETWORK_SUFFIXES, SUFFIXES
from posemark.core.errors import CheckpointError
from posemark.core.places import is_file
from posemark.weights import torch_file
from posemark.weights.parts import ROOT, parts_of
from posemark.weights.pickles import DamagedError, OtherKindError, Thing, as_dict
from posemark.weights.tensors import State, Storage, Stored, from_array, whole


@dataclass(frozen=True)
class Contents:
    """The content of a weights file.

    Attributes:
        parts: the sets of tensors in it, by their path (parts.parts_of).
        top: a description of its top level, for error messages.
    """

    parts: dict[str, State]
    top: str


@contextmanager
def opened(path: Path) -> Generator[Contents]:
    """Open a weights file; its tensors can be read inside the `with` block.

    The suffixes .safetensors and .caffemodel choose these formats; every other file is read as
    a PyTorch checkpoint.

    Raises:
        CheckpointError: if the file is missing, unreadable, damaged or of another kind; also if
            a tensor proves damaged when it is read inside the block.
    """
    if not is_file(path):
        raise CheckpointError(
            f"{path}: no such weights file. Give the path of a {', '.join(SUFFIXES)} file, or a "
            "tag that `posemark weights list` shows as present."
        )
    if path.suffix.lower() in NETWORK_SUFFIXES:
        raise CheckpointError(
            f"{path}: expected a checkpoint, but this is the file of an exported network. It is "
            "run by a card that names it, as in `posemark run card.toml`; docs/add-a-model.md has "
            "a complete example."
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
def _torch(path: Path) -> Generator[Contents]:
    with path.open("rb") as file:
        if not file.read(1):
            raise DamagedError("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            loaded = torch_file.load(file, content)
            yield Contents(parts_of(loaded), _described(loaded))


class _SafeSlice(Protocol):
    """The header entry of a tensor in a safetensors file."""

    def get_shape(self) -> list[int]: ...

    def get_dtype(self) -> str: ...


class _SafeFile(Protocol):
    """The methods of an open safetensors file that are used here; its package has no types."""

    def keys(self) -> list[str]: ...

    def get_slice(self, name: str) -> _SafeSlice: ...

    def get_tensor(self, name: str) -> Tensor: ...


_LARGEST_HEADER = 1 << 22
"""Most bytes of the header of a safetensors file. A network of 2,000 tensors has 200,000; the
library accepts 100 MB, and 28 MB took 10 s of CPU time."""


def _require_small_header(path: Path) -> None:
    """Refuse a safetensors file whose header is long; its length stands in the first 8 bytes."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > _LARGEST_HEADER:
        raise ValueError(f"its header has {length:,} bytes, more than {_LARGEST_HEADER:,}")


@contextmanager
def _safetensors(path: Path) -> Generator[Contents]:
    from safetensors import SafetensorError, safe_open

    try:
        _require_small_header(path)
        opening = cast("AbstractContextManager[_SafeFile]", safe_open(path, framework="pt"))
        with opening as file:
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


def _safe_tensor(file: _SafeFile, name: str) -> Stored:
    entry = file.get_slice(name)
    shape, dtype = tuple(entry.get_shape()), _SAFE_TYPES.get(entry.get_dtype())
    if dtype is None:
        raise DamagedError(f"a tensor in it has the unknown type {entry.get_dtype()}")

    def read() -> Tensor:
        return file.get_tensor(name).reshape(-1)

    return whole(Storage(dtype, prod(shape), read), shape)


@contextmanager
def _caffe(path: Path) -> Generator[Contents]:
    arrays = caffemodel.read(path)
    yield Contents({ROOT: state_of(arrays)}, f"{len(arrays)} arrays")


def state_of(arrays: caffemodel.Arrays) -> State:
    """Convert arrays in memory to the form of tensors in a file."""
    return {
        name: whole(
            Storage(torch.float32, array.size, partial(from_array, array.reshape(-1))),
            array.shape,
        )
        for name, array in arrays.items()
    }


_OPENERS = {".safetensors": _safetensors, ".caffemodel": _caffe}


def _described(loaded: object, limit: int = 4) -> str:
    """Describe the top level: its first keys and the kinds of their values."""
    entries = as_dict(loaded)
    if not entries:
        return _kind(loaded)
    keys = [f"{shown(k)} ({_kind(v)})" for k, v in list(entries.items())[:limit]]
    more = f" and {len(entries) - limit} more" if len(entries) > limit else ""
    return ", ".join(keys) + more


def _kind(value: object) -> str:
    if isinstance(value, Thing):
        return shown(value.kind)
    entries = as_dict(value)
    if entries is not None:
        return f"a dict of {len(entries)}"
    return "a tensor" if isinstance(value, Stored) else f"a {type(value).__name__}"


def shown(text: str, limit: int = 80) -> str:
    """Prepare a text of a file for a message: cut it, and escape control characters."""
    short = text if len(text) <= limit else text[:limit] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)
