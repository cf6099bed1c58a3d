"""Builds the values of the known names in a checkpoint's pickle; all other names are inert.

Known are tensors (storages, sizes, types), dictionaries and sets, and NumPy's arrays as data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posemark.weights.pickles import DamagedError, Name, Thing, as_list, as_tuple, put
from posemark.weights.tensors import Storage, Stored, from_array, view

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


def make(name: str, arguments: tuple[object, ...]) -> object:
    """Return the value of a call of a known name, or an inert Thing for any other name."""
    known = _TENSORS.get(name) or _OTHERS.get(name)
    return known(arguments) if known else Thing(name)


def dtype_of(storage: object) -> torch.dtype:
    """Return the type of the numbers in storages of a class, such as torch.FloatStorage.

    Raises:
        DamagedError: if the value is not the Name of a known storage class.
    """
    words = storage.text.split(".") if isinstance(storage, Name) else [""]
    dtype = _STORAGES.get(words[-1].removesuffix("Storage"))
    if words[0] != "torch" or dtype is None:
        raise DamagedError("numbers in it are of a type that networks do not have")
    return dtype


# --- tensors ------------------------------------------------------------------------------------


def _tensor(arguments: tuple[object, ...]) -> Stored:
    storage, offset, shape, strides = arguments[:4]
    return view(storage, offset, shape, strides)


def _first(arguments: tuple[object, ...]) -> object:
    return arguments[0] if arguments else None


def _subclass(arguments: tuple[object, ...]) -> object:
    """Return a tensor of a subclass, pickled as (function, type, its arguments, state)."""
    function, _, inner = arguments[:3]
    known = _TENSORS.get(function.text) if isinstance(function, Name) else None
    inner_arguments = as_tuple(inner)
    if known is None or inner_arguments is None:
        return Thing("torch.Tensor")
    return known(inner_arguments)


# --- collections --------------------------------------------------------------------------------


def _dictionary(arguments: tuple[object, ...]) -> dict[str, object]:
    """Return a dictionary that Python 2 has pickled as OrderedDict([[key, value], ...])."""
    made: dict[str, object] = {}
    entries = as_list(_first(arguments))
    if entries is not None:
        pairs = [as_tuple(entry) or as_list(entry) or () for entry in entries]
        put(made, [(pair[0], pair[1]) for pair in pairs if len(pair) == 2])
        entries.clear()  # a pickle that names the same list many times must cost nothing
    return made


def _set(arguments: tuple[object, ...]) -> list[object]:
    values = as_list(_first(arguments))
    return [] if values is None else values


# --- NumPy --------------------------------------------------------------------------------------

_NUMPY_TYPES = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1"}


@dataclass(eq=False)
class NumpyType:
    """A NumPy dtype in a pickle.

    Attributes:
        code: kind and size in bytes, such as "f4"; None if the pickle gives no such text.
        state: a tuple whose second element is the byte order.
    """

    code: str | None
    state: object = None

    def native(self) -> np.dtype[Any]:
        """Return the dtype, in the byte order of the file.

        Raises:
            DamagedError: if it is not a dtype of plain numbers.
        """
        state = as_tuple(self.state) or ()
        order = state[1] if len(state) > 1 else "="
        if self.code not in _NUMPY_TYPES or order not in ("<", ">", "=", "|"):
            raise DamagedError("a NumPy array in it holds no plain numbers")
        return np.dtype(f"{order}{self.code}")


@dataclass(eq=False)
class NumpyArray:
    """A NumPy array in a pickle; its state is (version, shape, dtype, column-major?, bytes)."""

    state: object = None


@dataclass(frozen=True, eq=False)
class Latin:
    """Bytes that a pickle of protocol 2 stores as text in Latin-1."""

    text: str


def _encoded(arguments: tuple[object, ...]) -> Latin | Thing:
    text = _first(arguments)
    return Latin(text) if isinstance(text, str) else Thing("_codecs.encode")


def _numpy_type(arguments: tuple[object, ...]) -> NumpyType:
    code = _first(arguments)
    return NumpyType(code if isinstance(code, str) and len(code) < 8 else None)


def _numpy_array(_: tuple[object, ...]) -> NumpyArray:
    return NumpyArray()


def _numpy_from_buffer(arguments: tuple[object, ...]) -> NumpyArray:
    """Return an array that protocol 5 has pickled as (bytes, dtype, shape, order)."""
    content, dtype, shape, order = arguments[:4]
    return NumpyArray((1, shape, dtype, order == "F", content))


def tensor_of(value: object) -> Stored | None:
    """Return a tensor, or a NumPy array of numbers as a tensor; None for any other value."""
    if isinstance(value, NumpyArray):
        try:
            return _stored(value)
        except ValueError:
            return None
    return value if isinstance(value, Stored) else None


def _stored(array: NumpyArray) -> Stored:
    state = as_tuple(array.state)
    if state is None:
        raise DamagedError("a NumPy array in it is empty")
    _, shape, type_, columns, content = state
    sides = as_tuple(shape)
    if not isinstance(type_, NumpyType) or sides is None:
        raise DamagedError("a NumPy array in it has no type or shape")
    dtype = type_.native()
    raw = content.text if isinstance(content, Latin) else content
    if not isinstance(raw, str | bytes | bytearray) or len(raw) % dtype.itemsize:
        raise DamagedError("a NumPy array in it lacks numbers")

    def read() -> Tensor:
        try:
            content = raw.encode("latin-1") if isinstance(raw, str) else raw
        except UnicodeEncodeError as error:
            raise DamagedError("a NumPy array in it has text in place of bytes") from error
        return from_array(np.frombuffer(content, dtype).astype(dtype.newbyteorder("=")))

    native = from_array(np.zeros(0, dtype.newbyteorder("="))).dtype
    storage = Storage(native, len(raw) // dtype.itemsize, read)
    return view(storage, 0, sides, _strides(sides, bool(columns)))


def _strides(shape: tuple[object, ...], columns: bool) -> tuple[int, ...]:
    """Return the strides, in elements, of a contiguous array; columns: in column-major order."""
    strides: list[int] = []
    step = 1
    for side in shape[:8] if columns else reversed(shape[:8]):
        strides.append(step)
        step *= side if isinstance(side, int) else 0
    return tuple(strides if columns else reversed(strides))


_Known = dict[str, Callable[[tuple[object, ...]], object]]

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
