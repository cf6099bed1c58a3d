"""Tensors stored in a file: shapes and types are known, numbers are read on demand."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from numpy.typing import NDArray
from torch import Tensor

from posemark.weights.pickles import DamagedError, as_tuple

_MOST_SIDES = 8
_LARGEST = 1 << 40


@dataclass(frozen=True, eq=False)
class Storage:
    """A contiguous array of numbers of one type in a file.

    Attributes:
        dtype: the type of the numbers.
        count: the number of elements that the file announces.
        read: reads the numbers as a tensor (count,).
    """

    dtype: torch.dtype
    count: int
    read: Callable[[], Tensor]

    @property
    def nbytes(self) -> int:
        """Return the bytes that the numbers take in memory."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor as a view of a storage; offset and strides are in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dtype(self) -> torch.dtype:
        """Return the type of the tensor's numbers."""
        return self.storage.dtype

    def of(self, numbers: Tensor) -> Tensor:
        """Return a copy of the tensor, given the numbers (count,) of its storage."""
        return numbers.as_strided(self.shape, self.strides, self.offset).clone()


State = Mapping[str, Stored]
"""Tensors by name."""


def from_array(array: NDArray[Any]) -> Tensor:
    """Return a tensor that shares the memory of an array."""
    return torch.from_numpy(array)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch


def whole(storage: Storage, shape: tuple[int, ...]) -> Stored:
    """Return the tensor that fills a storage completely, in row-major order."""
    strides = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
    return view(storage, 0, shape, strides)


def view(storage: object, offset: object, shape: object, strides: object) -> Stored:
    """Check the description of a tensor in a file, and return the tensor.

    Raises:
        DamagedError: if the values have other types, or the tensor exceeds its storage.
    """
    if not isinstance(storage, Storage):
        raise DamagedError("a tensor in it has no storage")
    if not (_sizes(shape) and _sizes(strides) and _is_size(offset)):
        raise DamagedError("a tensor in it has no plausible shape")
    count = math.prod(shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=False))
    if len(shape) != len(strides) or count >= _LARGEST or (count and last >= storage.count):
        raise DamagedError(f"a tensor of shape {shape} exceeds its {storage.count} numbers")
    return Stored(storage, offset, shape, strides)


def _sizes(values: object) -> TypeGuard[tuple[int, ...]]:
    sides = as_tuple(values)
    return sides is not None and len(sides) <= _MOST_SIDES and all(map(_is_size, sides))


def _is_size(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and 0 <= value < _LARGEST


def read_all(state: State) -> dict[str, Tensor]:
    """Read the tensors of a state; a storage that several of them view is read once.

    Raises:
        DamagedError: if the file holds fewer or other numbers than it announces.
        OSError: if the file cannot be read.
    """
    numbers: dict[int, Tensor] = {}
    found: dict[str, Tensor] = {}
    for name, stored in state.items():
        key = id(stored.storage)
        if key not in numbers:
            numbers[key] = stored.storage.read()
        if numbers[key].shape != (stored.storage.count,):
            raise DamagedError(f"some of the numbers of {name} are missing in it")
        found[name] = stored.of(numbers[key])
    return found


def bytes_of(state: State) -> int:
    """Return the bytes that reading a state takes in memory."""
    return sum({id(s.storage): s.storage.nbytes for s in state.values()}.values())
