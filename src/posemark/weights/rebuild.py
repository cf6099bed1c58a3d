"""What the known names in a checkpoint's pickle stand for; all others are inert.

Tensors (storages, sizes, types), dictionaries and sets, and NumPy's arrays as data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posemark.weights.pickles import DamagedError, Name, Thing, put
from posemark.weights.tensors import Storage, Stored, view

_STORAGES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}


def make(name: str, arguments: tuple[Any, ...]) -> Any:
    """What a call of that name gives: of a known one its value, else an inert Thing."""
    known = _TENSORS.get(name) or _OTHERS.get(name)
    return known(arguments) if known else Thing(name)


def dtype_of(storage: Any) -> torch.dtype:
    """The type of numbers that the name of a storage class says.

    Raises:
        DamagedError: for what is no such name.
    """
    words = storage.text.split(".") if isinstance(storage, Name) else [""]
    dtype = _STORAGES.get(words[-1].removesuffix("Storage"))
    if words[0] != "torch" or dtype is None:
        raise DamagedError("numbers in it are of a type that networks do not have")
    return dtype


# --- tensors ------------------------------------------------------------------------------------


def _tensor(arguments: tuple[Any, ...]) -> Stored:
    storage, offset, shape, strides = arguments[:4]
    return view(storage, offset, shape, strides)


def _first(arguments: tuple[Any, ...]) -> Any:
    return arguments[0] if arguments else None


def _subclass(arguments: tuple[Any, ...]) -> Any:
    """A tensor of a subclass: (function, type, its arguments, state)."""
    function, _, inner = arguments[:3]
    known = _TENSORS.get(function.text) if isinstance(function, Name) else None
    return known(inner) if known and isinstance(inner, tuple) else Thing("torch.Tensor")


# --- collections --------------------------------------------------------------------------------


def _dictionary(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """As Python 2 pickles it: OrderedDict([[key, value], ...])."""
    made: dict[str, Any] = {}
    for entries in arguments[:1]:
        if isinstance(entries, list):
            put(made, [tuple(e) for e in entries if isinstance(e, list | tuple) and len(e) == 2])
            entries.clear()  # it has been read; a pickle that gives it again gives nothing
    return made


def _set(arguments: tuple[Any, ...]) -> Any:
    return arguments[0] if arguments and isinstance(arguments[0], list) else []


# --- NumPy --------------------------------------------------------------------------------------

_NUMPY_TYPES = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1"}


@dataclass(eq=False)
class NumpyType:
    """A dtype: its code ("f4"); as state its byte order stands second."""

    code: Any
    state: Any = None

    def native(self) -> np.dtype[Any]:
        """The dtype, in the byte order of the file.

        Raises:
            DamagedError: for any that is not plain numbers.
        """
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "="
        if self.code not in _NUMPY_TYPES or order not in ("<", ">", "=", "|"):
            raise DamagedError("a NumPy array in it holds no plain numbers")
        return np.dtype(f"{order}{self.code}")


@dataclass(eq=False)
class NumpyArray:
    """An array, as state (version, shape, dtype, whether column by column, bytes)."""

    state: Any = None


@dataclass(frozen=True, eq=False)
class Latin:
    """Bytes that a pickle of protocol 2 keeps as text."""

    text: str


def _encoded(arguments: tuple[Any, ...]) -> Any:
    text = _first(arguments)
    return Latin(text) if isinstance(text, str) else Thing("_codecs.encode")


def _numpy_type(arguments: tuple[Any, ...]) -> NumpyType:
    code = _first(arguments)
    return NumpyType(code if isinstance(code, str) and len(code) < 8 else None)


def _numpy_array(_: tuple[Any, ...]) -> NumpyArray:
    return NumpyArray()


def _numpy_from_buffer(arguments: tuple[Any, ...]) -> NumpyArray:
    """As protocol 5 has it: (bytes, dtype, shape, order)."""
    content, dtype, shape, order = arguments[:4]
    return NumpyArray((1, shape, dtype, order == "F", content))


def tensor_of(value: Any) -> Stored | None:
    """A tensor, or an array as one; None for anything else, also for an array of objects."""
    if isinstance(value, NumpyArray):
        try:
            return _stored(value)
        except ValueError:
            return None
    return value if isinstance(value, Stored) else None


def _stored(array: NumpyArray) -> Stored:
    if not isinstance(array.state, tuple):
        raise DamagedError("a NumPy array in it is empty")
    _, shape, type_, columns, content = array.state
    if not isinstance(type_, NumpyType) or not isinstance(shape, tuple):
        raise DamagedError("a NumPy array in it has no type or shape")
    dtype = type_.native()
    raw = content.text if isinstance(content, Latin) else content
    if not isinstance(raw, str | bytes | bytearray) or len(raw) % dtype.itemsize:
        raise DamagedError("a NumPy array in it lacks numbers")

    def read() -> Tensor:
        try:
            content = raw.encode("latin-1") if isinstance(raw, str) else raw
        except UnicodeEncodeError as error:
            raise DamagedError("the bytes of a NumPy array in it are none") from error
        return torch.from_numpy(np.frombuffer(content, dtype).astype(dtype.newbyteorder("=")))

    plain = torch.from_numpy(np.zeros(0, dtype.newbyteorder("="))).dtype
    storage = Storage(plain, len(raw) // dtype.itemsize, read)
    return view(storage, 0, shape, _strides(shape, bool(columns)))


def _strides(shape: tuple[Any, ...], columns: bool) -> tuple[int, ...]:
    strides, step = [], 1
    for side in shape[:8] if columns else reversed(shape[:8]):
        strides.append(step)
        step *= side if isinstance(side, int) else 0
    return tuple(strides if columns else reversed(strides))


_Known = dict[str, Callable[[tuple[Any, ...]], Any]]

_TENSORS: _Known = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch.nn.parameter.Parameter": _first,
    "torch.nn.parameter.Buffer": _first,
}
_OTHERS: _Known = {
    "torch._tensor._rebuild_from_type_v2": _subclass,
    "torch.Size": _first,
    "collections.OrderedDict": _dictionary,
    "builtins.dict": _dictionary,
    "collections.defaultdict": _dictionary,
    "builtins.set": _set,
    "builtins.frozenset": _set,
    "__builtin__.set": _set,
    "__builtin__.frozenset": _set,
    "_codecs.encode": _encoded,
    "numpy.dtype": _numpy_type,
    "numpy.core.multiarray._reconstruct": _numpy_array,
    "numpy._core.multiarray._reconstruct": _numpy_array,
    "numpy.core.numeric._frombuffer": _numpy_from_buffer,
    "numpy._core.numeric._frombuffer": _numpy_from_buffer,
}
