"""What an ONNX file says of itself, without the package onnx: running one does not need it.

A small reader of the fields that tell precision and other files, in protobuf's wire format.
Numbers of fields are those of onnx.proto (github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from collections import Counter
from collections.abc import Iterator
from math import prod
from pathlib import Path

from posemark.core.errors import CheckpointError
from posemark.runtimes.files import reading

# Of ModelProto, GraphProto, NodeProto, AttributeProto (a tensor, a graph, graphs), TensorProto.
_GRAPH = 7
_NODE, _INITIALISER = 1, 5
_OPERATOR, _ATTRIBUTE = 4, 5
_TENSOR, _BRANCH, _BRANCHES = 5, 6, 11
_SIDES, _TYPE, _ELSEWHERE = 1, 2, 13

_TYPES = {1: "fp32", 10: "fp16", 16: "bf16"}
"""TensorProto.DataType of weights that are no integers."""

_INTEGER = ("QLinear", "QuantizeLinear", "DequantizeLinear", "ConvInteger", "MatMulInteger")
"""What names of operators begin with where products are in 8 bits."""


def precision(path: Path) -> str:
    """int8 where anything is quantised; else the type of most weights: fp32, fp16 or bf16.

    Raises:
        CheckpointError: if it is no ONNX file.
    """
    with reading(path, "PoseMark"):
        graph = _graph(path)
        if any(kind.startswith(_INTEGER) for kind in _operators(graph)):
            return "int8"
        numbers: Counter[str] = Counter()
        for tensor in _tensors(graph):
            kind = next((kind for number, kind in _fields(tensor) if number == _TYPE), 0)
            numbers[_TYPES.get(kind, "")] += _count(tensor)
    del numbers[""]  # shapes, indices
    return max(numbers, key=lambda kind: numbers[kind], default="fp32")


def require_whole(path: Path) -> None:
    """Refuse a file whose weights lie in others, which nobody would hash or count.

    Raises:
        CheckpointError: naming one of these; or if it is no ONNX file.
    """
    with reading(path, "PoseMark"):
        tensors = _tensors(_graph(path))
        pairs = [_pair(entry) for tensor in tensors for entry in _of(tensor, _ELSEWHERE)]
    if pairs:
        other = dict(pairs).get("location", "another file")
        raise CheckpointError(
            f"{path}: its weights lie in {other}, but the file of a card is one file, so that "
            "its hash and its size stand for all of it. Save it as one: "
            f"onnx.save(onnx.load('{path.name}'), 'whole.onnx')."
        )


def _graph(path: Path) -> memoryview:
    graphs = list(_of(memoryview(path.read_bytes()), _GRAPH))  # to the end: it may be cut short
    if not graphs:
        raise ValueError("it has no graph")
    return graphs[0]


def _graphs(graph: memoryview) -> Iterator[memoryview]:
    """It and those inside its nodes: branches, loops."""
    yield graph
    for node in _of(graph, _NODE):
        for attribute in _of(node, _ATTRIBUTE):
            for inner in (*_of(attribute, _BRANCH), *_of(attribute, _BRANCHES)):
                yield from _graphs(inner)


def _operators(graph: memoryview) -> Iterator[str]:
    for each in _graphs(graph):
        for node in _of(each, _NODE):
            yield from (bytes(kind).decode() for kind in _of(node, _OPERATOR))


def _tensors(graph: memoryview) -> Iterator[memoryview]:
    """Initialisers, and the values of constants."""
    for each in _graphs(graph):
        yield from _of(each, _INITIALISER)
        for node in _of(each, _NODE):
            for attribute in _of(node, _ATTRIBUTE):
                yield from _of(attribute, _TENSOR)


def _count(tensor: memoryview) -> int:
    """Of its numbers. Sides come one by one, or several in one field."""
    sides = [side for number, side in _fields(tensor) if number == _SIDES]
    return prod(one for side in sides for one in ([side] if isinstance(side, int) else _all(side)))


def _pair(entry: memoryview) -> tuple[str, str]:
    """A StringStringEntryProto."""
    key, value = (b"".join(_of(entry, number)).decode() for number in (1, 2))
    return key, value


# --- the wire format ----------------------------------------------------------------------------


def _of(message: memoryview, number: int) -> Iterator[memoryview]:
    """The messages and texts in a field."""
    for each, field in _fields(message):
        if each == number:
            if isinstance(field, int):
                raise ValueError(f"field {number} is a number")
            yield field


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Numbers and values of a message's fields, in the file's order; what is in them, unread."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
        else:
            size, at = (8 if kind == 1 else 4, at) if kind in (1, 5) else _length(message, at, kind)
            value, at = message[at : at + size], at + size
        yield tag >> 3, value
    if at != len(message):
        raise ValueError("the message ends inside a field")


def _length(message: memoryview, at: int, kind: int) -> tuple[int, int]:
    if kind != 2:
        raise ValueError(f"no field is of the wire type {kind}")
    return _varint(message, at)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number in 7-bit steps, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _all(packed: memoryview) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value
