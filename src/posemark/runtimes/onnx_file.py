"""What an ONNX file says of itself, without the package onnx: running one does not need it.

A small reader of the fields that tell precision and other files, in protobuf's wire format.
Numbers of fields are those of onnx.proto (github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from collections import Counter
from collections.abc import Iterator
from math import prod
from pathlib import Path

from posemark.core.errors import CheckpointError
from posemark.runtimes.model_file import reading

# Of ModelProto, FunctionProto, GraphProto, NodeProto, AttributeProto (tensors, graphs, sparse
# tensors: one and several), SparseTensorProto (values, indices), TensorProto.
_GRAPH, _FUNCTION = 7, 25
_FUNCTION_NODE = 7
_NODE, _INITIALISER, _SPARSE_INITIALISER = 1, 5, 15
_OPERATOR, _ATTRIBUTE = 4, 5
_TENSORS, _BRANCHES, _SPARSE = (5, 10), (6, 11), (22, 23)
_PARTS = (1, 2)
_SIDES, _TYPE, _ELSEWHERE = 1, 2, 13

_LONGEST_VARINT = 10

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
        model = _model(path)
        if any(kind.startswith(_INTEGER) for kind in _operators(model)):
            return "int8"
        numbers: Counter[str] = Counter()
        for tensor in _tensors(model):
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
        tensors = _tensors(_model(path))
        pairs = [_pair(entry) for tensor in tensors for entry in _of(tensor, _ELSEWHERE)]
    if pairs:
        other = dict(pairs).get("location", "another file")
        raise CheckpointError(
            f"{path}: its weights lie in {other}, but the file of a card is one file, so that "
            "its hash and its size stand for all of it. Save it as one: "
            f"onnx.save(onnx.load('{path.name}'), 'whole.onnx')."
        )


def _model(path: Path) -> memoryview:
    model = memoryview(path.read_bytes())
    if not list(_of(model, _GRAPH)):  # to the end: it may be cut short
        raise ValueError("it has no graph")
    return model


def _all_nodes(model: memoryview) -> Iterator[memoryview]:
    """Of all graphs, also of those inside nodes (branches, loops), and of functions."""
    for graph in _of(model, _GRAPH):
        yield from _with_inner(_of(graph, _NODE))
    for function in _of(model, _FUNCTION):
        yield from _with_inner(_of(function, _FUNCTION_NODE))


def _with_inner(nodes: Iterator[memoryview]) -> Iterator[memoryview]:
    for node in nodes:
        yield node
        for graph in _branches(node):
            yield from _with_inner(_of(graph, _NODE))


def _branches(node: memoryview) -> Iterator[memoryview]:
    return _values(node, _BRANCHES)


def _values(node: memoryview, numbers: tuple[int, ...]) -> Iterator[memoryview]:
    """What stands in these fields of its attributes."""
    for attribute in _of(node, _ATTRIBUTE):
        for number in numbers:
            yield from _of(attribute, number)


def _operators(model: memoryview) -> Iterator[str]:
    for node in _all_nodes(model):
        yield from (bytes(kind).decode() for kind in _of(node, _OPERATOR))


def _tensors(model: memoryview) -> Iterator[memoryview]:
    """Initialisers, and the values of constants; of sparse ones the values and the indices."""
    for graph in _of(model, _GRAPH):
        yield from _initialisers(graph)
    for node in _all_nodes(model):
        yield from _values(node, _TENSORS)
        yield from _parts(_values(node, _SPARSE))
        for graph in _branches(node):
            yield from _initialisers(graph)


def _initialisers(graph: memoryview) -> Iterator[memoryview]:
    yield from _of(graph, _INITIALISER)
    yield from _parts(_of(graph, _SPARSE_INITIALISER))


def _parts(sparse: Iterator[memoryview]) -> Iterator[memoryview]:
    for tensor in sparse:
        for number in _PARTS:
            yield from _of(tensor, number)


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
    """A number in 7-bit steps, the lowest first, and where it ends.

    It has 64 bits at most: reading on to the end of whatever is no ONNX file would be quadratic.
    """
    value = 0
    for step in range(_LONGEST_VARINT):
        byte = message[at + step]
        value |= (byte & 127) << (7 * step)
        if byte < 128:
            return value, at + step + 1
    raise ValueError(f"a number is longer than {_LONGEST_VARINT} bytes")


def _all(packed: memoryview) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value
