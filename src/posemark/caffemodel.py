"""Reader of .caffemodel files: the weights of networks that were trained with Caffe.

A .caffemodel is one protobuf message, NetParameter. Of the few fields that hold weights we
know the numbers, so no protobuf library and no Caffe is needed:

    NetParameter    100 layer (new format), 2 layers (V1 format)
    layer (new)     1 name, 7 blobs
    layer (V1)      4 name, 6 blobs
    blob            7 shape (its field 1: dim), or 1 to 4 num, channels, height, width; 5 data

A file is untrusted input. Every length is checked against what is really there, nothing
is allocated by a declared size, and nesting is fixed, so time and memory stay in proportion
to the file.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posemark.core.errors import CheckpointError

Arrays = dict[str, NDArray[np.float32]]


def read(path: Path) -> Arrays:
    """The weights in a .caffemodel by name: `<layer>.weight` and `<layer>.bias`.

    Convolutions hold both, (outputs, inputs, kernel, kernel) and (outputs,), in the layout
    of torch; a PReLU holds only a weight, its slopes (channels,).

    Raises:
        CheckpointError: if the file cannot be read, is truncated or damaged, or holds no weights.
    """
    try:
        return parse(path.read_bytes())
    except (_DamagedError, OSError) as error:
        raise CheckpointError(
            f"{path}: expected a Caffe model (binary .caffemodel), but {error}. It is truncated, "
            "damaged or of another kind: fetch it again and compare its size and MD5."
        ) from error


def parse(data: bytes) -> Arrays:
    """The same for the content of a file; raises ValueError with the reason alone."""
    arrays: Arrays = {}
    for format_, layer in _layers(memoryview(data)):
        name, blobs = _layer(layer, format_)
        for key, blob in zip(_keys(name, len(blobs)), blobs, strict=True):
            if key in arrays:
                raise _DamagedError(f"it holds two layers called {name!r}")
            arrays[key] = blob.reshape(-1) if key.endswith(".bias") else blob
    if not arrays:
        raise _DamagedError("no layer with weights is in it")
    return arrays


def _keys(layer: str, blobs: int) -> list[str]:
    """Names of a layer's blobs; more than two belong to layers that no network here has."""
    named = [f"{layer}.weight", f"{layer}.bias"]
    return (named + [f"{layer}.blob{i}" for i in range(2, blobs)])[:blobs]


# ------------------------------------------------------------------------ Caffe's messages


class _Format(NamedTuple):
    """Field numbers of one of the two layer messages."""

    name: int
    blobs: int


# By their field number in NetParameter.
_FORMATS = {100: _Format(name=1, blobs=7), 2: _Format(name=4, blobs=6)}

_SHAPE, _DATA = 7, 5
_LEGACY_SIZES = range(1, 5)
_MOST_SIDES = 32


def _layers(net: memoryview) -> Iterator[tuple[_Format, memoryview]]:
    for number, value in _fields(net):
        if number in _FORMATS:
            yield _FORMATS[number], _message(value, "a layer")


def _layer(layer: memoryview, format_: _Format) -> tuple[str, list[NDArray[np.float32]]]:
    name, blobs = b"", []
    for number, value in _fields(layer):
        if number == format_.name:
            name = bytes(_message(value, "a layer's name"))
        elif number == format_.blobs:
            blobs.append(_blob(_message(value, "a blob")))
    try:
        return name.decode(), blobs
    except UnicodeDecodeError as error:
        raise _DamagedError("a layer's name is no text") from error


def _blob(blob: memoryview) -> NDArray[np.float32]:
    """An array in the shape that the blob states, which must fit its numbers."""
    shape: list[int] | None = None
    legacy: dict[int, int] = {}
    parts: list[memoryview] = []
    for number, value in _fields(blob):
        if number == _SHAPE:
            shape = _dimensions(_message(value, "a shape"))
        elif number == _DATA:
            parts.append(_message(value, "numbers"))
        elif number in _LEGACY_SIZES and isinstance(value, int):
            legacy[number] = value
    numbers = _floats(parts)
    if shape is None:
        shape = _legacy_shape(legacy)
    if len(shape) > _MOST_SIDES or math.prod(shape) != len(numbers):
        raise _DamagedError(f"a blob of shape {tuple(shape[:8])} holds {len(numbers)} numbers")
    return numbers.reshape(shape)


def _dimensions(shape: memoryview) -> list[int]:
    """The dim numbers of a shape message, packed or one by one."""
    sizes: list[int] = []
    for number, value in _fields(shape):
        if number == 1:
            sizes += [value] if isinstance(value, int) else _varints(value)
    return sizes


def _legacy_shape(sizes: dict[int, int]) -> list[int]:
    """num, channels, height, width; a vector was stored as (1, 1, 1, n)."""
    shape = [sizes.get(number, 1) for number in _LEGACY_SIZES]
    return shape[3:] if shape[:3] == [1, 1, 1] else shape


def _floats(parts: list[memoryview]) -> NDArray[np.float32]:
    if any(len(part) % 4 for part in parts):
        raise _DamagedError("numbers in it are cut off")
    arrays = [np.frombuffer(part, "<f4") for part in parts]
    return np.concatenate([np.zeros(0, np.float32), *arrays], dtype=np.float32)


# --------------------------------------------------------------------- protobuf's encoding

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}


class _DamagedError(ValueError):
    """What is wrong with the bytes, to complete "expected a Caffe model, but ..."."""


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) one after the other: an int, or the bytes of anything else.

    Unpacked 4-byte numbers (one tag each) come as one value for each unbroken run.
    """
    at = 0
    while at < len(message):
        tag_at = at
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _FIXED32 and at == tag_at + 1:
            run = _fixed32_run(message, tag_at)
            at = tag_at + 5 * len(run)
            yield number, memoryview(run.tobytes())
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in _FIXED_SIZES:
            size = _FIXED_SIZES[kind]
        else:
            raise _DamagedError(f"a field of unknown kind {kind} is in it")
        if size > len(message) - at:
            raise _DamagedError(f"{size} bytes are announced where {len(message) - at} are left")
        yield number, message[at : at + size]
        at += size


def _fixed32_run(message: memoryview, at: int) -> NDArray[np.uint32]:
    """The numbers from `at` on that carry the same one-byte tag and stand side by side.

    Looks ahead in growing steps, so that the work stays in proportion to the run.
    """
    available = (len(message) - at) // 5
    if available == 0:
        raise _DamagedError("a number in it is cut off")
    items = np.frombuffer(message, np.dtype([("tag", "u1"), ("value", "<u4")]), available, at)
    same, step = 1, 16
    while same < available:
        ahead = items["tag"][same : same + step] == items["tag"][0]
        if not ahead.all():
            same += int(ahead.argmin())
            break
        same, step = same + len(ahead), 2 * step
    return items["value"][:same]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A variable-length integer of at most 64 bits, and where it ends."""
    value = 0
    for index in range(10):
        if at + index >= len(message):
            raise _DamagedError("it ends in the middle of a number")
        byte = message[at + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    raise _DamagedError("a number in it is longer than 64 bits")


def _varints(packed: memoryview) -> list[int]:
    values, at = [], 0
    while at < len(packed):
        value, at = _varint(packed, at)
        values.append(value)
    return values


def _message(value: int | memoryview, what: str) -> memoryview:
    if isinstance(value, int):
        raise _DamagedError(f"{what} in it is a bare number")
    return value
