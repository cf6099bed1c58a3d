"""Reads .caffemodel files: the weights of networks that were trained with Caffe.

A .caffemodel is one protobuf message, NetParameter. Only a few of its fields hold weights, and
their numbers are listed here, so neither a protobuf library nor Caffe is needed:

    NetParameter    100 layer (new format), 2 layers (V1 format)
    layer (new)     1 name, 7 blobs
    layer (V1)      4 name, 6 blobs
    blob            7 shape (its field 1: dim), or 1 to 4 num, channels, height, width; 5 data

A file is untrusted input. Every length is compared with the bytes that exist, memory is never
allocated by a declared size, nesting is fixed and the number of fields is limited. Time and
memory thus stay in proportion to the weights in the file.
"""

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posemark.core.errors import CheckpointError

LARGEST = (1 << 31) - 1
"""Most bytes of a file, as of every protobuf message. OpenPose's largest has 210 MB."""

Arrays = dict[str, NDArray[np.float32]]
"""Arrays by name: `<layer>.weight` and `<layer>.bias`."""


def read(path: Path) -> Arrays:
    """Read the weights in a .caffemodel file.

    Returns:
        Arrays named `<layer>.weight` and `<layer>.bias`. A convolution has both, of shapes
        (outputs, inputs, kernel, kernel) and (outputs,), in the layout of torch. A PReLU has
        only a weight, its slopes (channels,).

    Raises:
        CheckpointError: if the file cannot be read, has more than LARGEST bytes, is truncated or
            damaged, or holds no weights.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise _DamagedError(f"it has more than {LARGEST:,} bytes")
        return parse(path.read_bytes())
    except (_DamagedError, OSError) as error:
        raise CheckpointError(
            f"{path}: expected a Caffe model (binary .caffemodel), but {error}. It is truncated, "
            "damaged or of another kind: fetch it again and compare its size and MD5."
        ) from error


def parse(data: bytes) -> Arrays:
    """Read the weights in the content of a .caffemodel file, as `read` does for a path.

    Raises:
        ValueError: if the content is damaged or holds no weights; the message is the reason.
    """
    arrays: Arrays = {}
    fields = _Fields()
    for format_, layer in _layers(memoryview(data), fields):
        name, blobs = _layer(layer, format_, fields)
        for key, blob in zip(_keys(name, len(blobs)), blobs, strict=True):
            if key in arrays:
                raise _DamagedError(f"it holds two layers called {name!r}")
            arrays[key] = blob.reshape(-1) if key.endswith(".bias") else blob
    if not arrays:
        raise _DamagedError("it holds no layer with weights")
    return arrays


def _keys(layer: str, blobs: int) -> list[str]:
    """Return names for a layer's blobs; no network here has layers with more than two."""
    named = [f"{layer}.weight", f"{layer}.bias"]
    return (named + [f"{layer}.blob{i}" for i in range(2, blobs)])[:blobs]


# ------------------------------------------------------------------------ Caffe's messages


class _Format(NamedTuple):
    """The field numbers of name and blobs in one of the two layer messages."""

    name: int
    blobs: int


# The formats of a layer by its field number in NetParameter.
_FORMATS = {100: _Format(name=1, blobs=7), 2: _Format(name=4, blobs=6)}

_SHAPE, _DATA = 7, 5
_LEGACY_SIZES = range(1, 5)
_MOST_SIDES = 32


def _layers(net: memoryview, fields: "_Fields") -> Iterator[tuple[_Format, memoryview]]:
    for number, value in fields.of(net):
        if number in _FORMATS:
            yield _FORMATS[number], _message(value, "a layer")


def _layer(
    layer: memoryview, format_: _Format, fields: "_Fields"
) -> tuple[str, list[NDArray[np.float32]]]:
    name = b""
    blobs: list[NDArray[np.float32]] = []
    for number, value in fields.of(layer):
        if number == format_.name:
            name = bytes(_message(value, "a layer's name"))
        elif number == format_.blobs:
            blobs.append(_blob(_message(value, "a blob"), fields))
    try:
        return name.decode(), blobs
    except UnicodeDecodeError as error:
        raise _DamagedError("a layer's name is no text") from error


def _blob(blob: memoryview, fields: "_Fields") -> NDArray[np.float32]:
    """Return the numbers of a blob in its declared shape, which must match their count."""
    shape: list[int] | None = None
    legacy: dict[int, int] = {}
    parts: list[memoryview] = []
    for number, value in fields.of(blob):
        if number == _SHAPE:
            shape = _dimensions(_message(value, "a shape"), fields)
        elif number == _DATA:
            parts.append(_message(value, "numbers"))
        elif number in _LEGACY_SIZES and isinstance(value, int):
            legacy[number] = value
    numbers = _floats(parts)
    if shape is None:
        shape = _legacy_shape(legacy)
    if 0 in shape or math.prod(shape) != len(numbers):
        raise _DamagedError(f"a blob of shape {tuple(shape[:8])} holds {len(numbers)} numbers")
    return numbers.reshape(shape)


def _dimensions(shape: memoryview, fields: "_Fields") -> list[int]:
    """Return the dim numbers of a shape message, whether they are packed or not."""
    sizes: list[int] = []
    for number, value in fields.of(shape):
        if number == 1:
            sizes += [value] if isinstance(value, int) else islice(_varints(value), _MOST_SIDES + 1)
        if len(sizes) > _MOST_SIDES:
            raise _DamagedError(f"a shape in it has more than {_MOST_SIDES} sides")
    return sizes


def _legacy_shape(sizes: dict[int, int]) -> list[int]:
    """Return (num, channels, height, width), or (n,) for a vector stored as (1, 1, 1, n)."""
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

_MOST_FIELDS = 1 << 16
"""Most fields of all messages together. OpenPose's networks have a few thousand; reading one
takes up to 20 microseconds and a few hundred bytes of memory."""

_TAGGED = np.dtype([("tag", "u1"), ("value", "<u4")])


class _DamagedError(ValueError):
    """The bytes are damaged; the message completes "expected a Caffe model, but ..."."""


class _Fields:
    """Reads the fields of messages, and ends with an error after _MOST_FIELDS of them."""

    def __init__(self) -> None:
        self._left = _MOST_FIELDS

    def of(self, message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        """Yield the fields of a message, as _fields does.

        Raises:
            _DamagedError: if the message is damaged, or the file has too many fields.
        """
        for field in _fields(message):
            self._left -= 1
            if self._left < 0:
                raise _DamagedError(f"it has more than {_MOST_FIELDS:,} fields")
            yield field


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value); the value is an int, or the bytes of any other kind.

    Consecutive unpacked 4-byte numbers, which have a tag each, are joined to one value.
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
            raise _DamagedError(f"a field in it has the unknown kind {kind}")
        if size > len(message) - at:
            raise _DamagedError(f"it announces {size} bytes where {len(message) - at} are left")
        yield number, message[at : at + size]
        at += size


def _fixed32_run(message: memoryview, at: int) -> NDArray[np.uint32]:
    """Return the consecutive 4-byte numbers from `at` on that have the same one-byte tag.

    The search looks ahead in growing steps, so that the work stays in proportion to the run.
    """
    available = (len(message) - at) // 5
    if available == 0:
        raise _DamagedError("a number in it is cut off")
    items = np.frombuffer(message, _TAGGED, available, at)
    same, step = 1, 16
    while same < available:
        ahead = items["tag"][same : same + step] == items["tag"][0]
        if not ahead.all():
            same += int(ahead.argmin())
            break
        same, step = same + len(ahead), 2 * step
    return items["value"][:same]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return a variable-length integer of at most 64 bits, and the index behind it."""
    value = 0
    for index in range(10):
        if at + index >= len(message):
            raise _DamagedError("it ends in the middle of a number")
        byte = message[at + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    raise _DamagedError("a number in it is longer than 64 bits")


def _varints(packed: memoryview) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value


def _message(value: int | memoryview, what: str) -> memoryview:
    if isinstance(value, int):
        raise _DamagedError(f"{what} in it is a bare number")
    return value
