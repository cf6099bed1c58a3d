"""Reads the precision of an ONNX file, and whether its weights are stored in other files.

It is a small reader of the relevant fields in protobuf's wire format, because running an ONNX
file does not need the package onnx. The numbers of fields are those of onnx.proto
(github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from collections import Counter
from collections.abc import Iterator
from math import prod
from pathlib import Path

from posemark.core.errors import CheckpointError
from posemark.runtimes.model_file import reading_errors

# Field numbers. An attribute has a field for one tensor, graph or sparse tensor, and another field
# for a list of them.
_GRAPH, _FUNCTION = 7, 25  # ModelProto
_FUNCTION_NODE = 7  # FunctionProto
_NODE, _INITIALISER, _SPARSE_INITIALISER = 1, 5, 15  # GraphProto
_OPERATOR, _ATTRIBUTE = 4, 5  # NodeProto
_TENSORS, _BRANCHES, _SPARSE = (5, 10), (6, 11), (22, 23)  # AttributeProto
_PARTS = (1, 2)  # SparseTensorProto: values, indices
_DIMENSIONS, _TYPE, _EXTERNAL_DATA = 1, 2, 13  # TensorProto
_KEY, _VALUE = 1, 2  # StringStringEntryProto

_LONGEST_VARINT = 10  # bytes

_TYPES = {1: "fp32", 10: "fp16", 16: "bf16"}
"""Precision by TensorProto.DataType, for floating-point weights."""

_INTEGER = ("QLinear", "QuantizeLinear", "DequantizeLinear", "ConvInteger", "MatMulInteger")
"""Prefixes of the names of operators that compute, or convert to, 8-bit integers."""


def precision(path: Path) -> str:
    """Return the precision of an ONNX file.

    Returns:
        int8 if any operator is quantised, otherwise the type of most weights: fp32, fp16 or bf16.

    Raises:
        CheckpointError: if the file is not an ONNX file.
    """
    with reading_errors(path, "PoseMark"):
        model = _model(path)
        if any(kind.startswith(_INTEGER) for kind in _operators(model)):
            return "int8"
        numbers: Counter[str] = Counter()
        for tensor in _tensors(model):
            kind = next((value for number, value in _fields(tensor) if number == _TYPE), 0)
            numbers[_TYPES.get(kind, "") if isinstance(kind, int) else ""] += _count(tensor)
    del numbers[""]  # integers: shapes and indices
    return max(numbers, key=lambda kind: numbers[kind], default="fp32")


def require_whole(path: Path) -> None:
    """Refuse a file whose weights are stored in other files, which a hash would not cover.

    Raises:
        CheckpointError: if a tensor is stored elsewhere, or if the file is not an ONNX file.
    """
    with reading_errors(path, "PoseMark"):
        tensors = _tensors(_model(path))
        entries = (entry for tensor in tensors for entry in _messages(tensor, _EXTERNAL_DATA))
        pairs = dict(_key_and_value(entry) for entry in entries)
    if pairs:
        other = pairs.get("location", "another file")
        raise CheckpointError(
            f"{path}: its weights are stored in {other}, but a card needs a single file, so that "
            "its hash and size cover everything. Save it as one file: "
            f"onnx.save(onnx.load('{path.name}'), 'whole.onnx')."
        )


def _model(path: Path) -> memoryview:
    model = memoryview(path.read_bytes())
    if not list(_messages(model, _GRAPH)):  # reads to the end, since the file may be cut off
        raise ValueError("it has no graph")
    return model


def _all_nodes(model: memoryview) -> Iterator[memoryview]:
    """Yield the nodes of functions and of all graphs, including graphs inside nodes."""
    for graph in _messages(model, _GRAPH):
        yield from _with_inner(_messages(graph, _NODE))
    for function in _messages(model, _FUNCTION):
        yield from _with_inner(_messages(function, _FUNCTION_NODE))


def _with_inner(nodes: Iterator[memoryview]) -> Iterator[memoryview]:
    for node in nodes:
        yield node
        for graph in _branches(node):
            yield from _with_inner(_messages(graph, _NODE))


def _branches(node: memoryview) -> Iterator[memoryview]:
    """Yield the graphs inside a node, such as branches and bodies of loops."""
    return _attribute_values(node, _BRANCHES)


def _attribute_values(node: memoryview, numbers: tuple[int, ...]) -> Iterator[memoryview]:
    """Yield the messages in these fields of a node's attributes."""
    for attribute in _messages(node, _ATTRIBUTE):
        for number in numbers:
            yield from _messages(attribute, number)


def _operators(model: memoryview) -> Iterator[str]:
    for node in _all_nodes(model):
        yield from (bytes(kind).decode() for kind in _messages(node, _OPERATOR))


def _tensors(model: memoryview) -> Iterator[memoryview]:
    """Yield initialisers and constants; of sparse tensors, the values and the indices."""
    for graph in _messages(model, _GRAPH):
        yield from _initialisers(graph)
    for node in _all_nodes(model):
        yield from _attribute_values(node, _TENSORS)
        yield from _parts(_attribute_values(node, _SPARSE))
        for graph in _branches(node):
            yield from _initialisers(graph)


def _initialisers(graph: memoryview) -> Iterator[memoryview]:
    yield from _messages(graph, _INITIALISER)
    yield from _parts(_messages(graph, _SPARSE_INITIALISER))


def _parts(sparse: Iterator[memoryview]) -> Iterator[memoryview]:
    for tensor in sparse:
        for number in _PARTS:
            yield from _messages(tensor, number)


def _count(tensor: memoryview) -> int:
    """The number of values of a tensor. A field has one dimension, or several packed ones."""
    fields = [value for number, value in _fields(tensor) if number == _DIMENSIONS]
    return prod(
        dimension
        for field in fields
        for dimension in ([field] if isinstance(field, int) else _packed(field))
    )


def _key_and_value(entry: memoryview) -> tuple[str, str]:
    key, value = (b"".join(_messages(entry, number)).decode() for number in (_KEY, _VALUE))
    return key, value


# --- the wire format ----------------------------------------------------------------------------


def _messages(message: memoryview, number: int) -> Iterator[memoryview]:
    """Yield the messages or texts in a field."""
    for each, field in _fields(message):
        if each == number:
            if isinstance(field, int):
                raise ValueError(f"field {number} is a number")
            yield field


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the numbers and values of a message's fields, in the file's order.

    A value is an integer, or the bytes of a nested message, text, array or float.
    """
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
        raise ValueError(f"the wire type {kind} does not exist")
    return _varint(message, at)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Read an integer in groups of 7 bits, lowest first; return it and where it ends.

    The length is limited to that of 64 bits: without a limit, a file that is not an ONNX file
    would take quadratic time.
    """
    value = 0
    for step in range(_LONGEST_VARINT):
        byte = message[at + step]
        value |= (byte & 127) << (7 * step)
        if byte < 128:
            return value, at + step + 1
    raise ValueError(f"a number is longer than {_LONGEST_VARINT} bytes")


def _packed(packed: memoryview) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value
