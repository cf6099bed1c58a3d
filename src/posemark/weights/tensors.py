"""Tensors that lie in a file: their shape is known, their numbers are read when asked for."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from posemark.weights.pickles import DamagedError

_MOST_SIDES = 8
_LARGEST = 1 << 40


@dataclass(frozen=True, eq=False)
class Storage:
    """Numbers of one type, side by side in a file.

    count: how many the file announces. read: gives them as a tensor (count,).
    """

    dtype: torch.dtype
    count: int
    read: Callable[[], Tensor]

    @property
    def nbytes(self) -> int:
        """The bytes that reading it takes."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor as a view of a storage: offset and strides in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dtype(self) -> torch.dtype:
        """The type of its numbers."""
        return self.storage.dtype

    def of(self, numbers: Tensor) -> Tensor:
        """The tensor, from the numbers of its storage."""
        return numbers.as_strided(self.shape, self.strides, self.offset).clone()


State = Mapping[str, Stored]


def whole(storage: Storage, shape: tuple[int, ...]) -> Stored:
    """The tensor that takes up a storage from end to end, last side fastest."""
    strides = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
    return view(storage, 0, shape, strides)


def view(storage: Any, offset: Any, shape: Any, strides: Any) -> Stored:
    """A tensor as a file describes it.

    Raises:
        DamagedError: if that is no description, or leaves the storage.
    """
    if not isinstance(storage, Storage):
        raise DamagedError("a tensor in it has no storage")
    if not (_sizes(shape) and _sizes(strides) and _sizes((offset,))):
        raise DamagedError("a tensor in it has no plausible shape")
    count = math.prod(shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=False))
    if len(shape) != len(strides) or count >= _LARGEST or (count and last >= storage.count):
        raise DamagedError(f"a tensor of shape {shape} is beyond its {storage.count} numbers")
    return Stored(storage, offset, shape, strides)


def _sizes(values: Any) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) <= _MOST_SIDES
        and all(isinstance(n, int) and 0 <= n < _LARGEST for n in values)
    )


def read_all(state: State) -> dict[str, Tensor]:
    """The tensors themselves; a storage that several of them view is read once.

    Raises:
        DamagedError, OSError: if the file does not hold what it announces.
    """
    numbers: dict[int, Tensor] = {}
    found: dict[str, Tensor] = {}
    for name, stored in state.items():
        key = id(stored.storage)
        if key not in numbers:
            numbers[key] = stored.storage.read()
        if numbers[key].shape != (stored.storage.count,):
            raise DamagedError(f"the numbers of {name} are not all there")
        found[name] = stored.of(numbers[key])
    return found


def bytes_of(state: State) -> int:
    """What reading them takes."""
    return sum({id(s.storage): s.storage.nbytes for s in state.values()}.values())
