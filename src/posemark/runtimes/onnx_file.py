"""Reads the precision of an ONNX file, and whether its weights are stored in other files.

The parser of protobuf, which the package onnx uses, refuses messages nested more than 100 deep, so
that recursion over graphs inside nodes ends.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import chain
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from posemark.core.errors import CheckpointError, UsageError
from posemark.runtimes.model_file import reading_errors

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

_TYPES = {1: "fp32", 10: "fp16", 16: "bf16"}
"""Precision by TensorProto.DataType, for floating-point weights."""

_MOST_NODES = 1_000_000
"""Most nodes in all graphs of a file. The largest networks of the suites have some thousands."""

LARGEST = (1 << 31) - 1
"""Most bytes of a file, as of every protobuf message."""

_INTEGER = ("QLinear", "QuantizeLinear", "DequantizeLinear", "ConvInteger", "MatMulInteger")
"""Prefixes of the names of operators that compute, or convert to, 8-bit integers."""


def precision(path: Path) -> str:
    """Return the precision of an ONNX file.

    Returns:
        int8 if any operator is quantised, otherwise the type of most weights: fp32, fp16 or bf16.

    Raises:
        CheckpointError: if the file is not an ONNX file.
        UsageError: if the package onnx is not installed.
    """
    model = _model(path)
    with reading_errors(path, "PoseMark"):  # a text may not be UTF-8
        if any(node.op_type.startswith(_INTEGER) for node in _all_nodes(model)):
            return "int8"
        numbers: defaultdict[str, float] = defaultdict(float)
        for tensor in _tensors(model):
            # Floats, since the product of a hostile file's integers could take hours.
            numbers[_TYPES.get(tensor.data_type, "")] += prod(tensor.dims, start=1.0)
    numbers.pop("", None)  # integers: shapes and indices
    return max(numbers, key=lambda kind: numbers[kind], default="fp32")


def require_whole(path: Path) -> None:
    """Refuse a file whose weights are stored in other files, which a hash would not cover.

    Raises:
        CheckpointError: if a tensor is stored elsewhere, or if the file is not an ONNX file.
        UsageError: if the package onnx is not installed.
    """
    model = _model(path)
    with reading_errors(path, "PoseMark"):  # a text may not be UTF-8
        entries = [entry for tensor in _tensors(model) for entry in tensor.external_data]
        pairs = {entry.key: entry.value for entry in entries}
    if pairs:
        other = pairs.get("location", "another file")
        raise CheckpointError(
            f"{path}: its weights are stored in {other}, but a card needs a single file, so that "
            "its hash and size cover everything. Save it as one file: "
            f"onnx.save(onnx.load('{path.name}'), 'whole.onnx')."
        )


def _model(path: Path) -> "ModelProto":
    if find_spec("onnx") is None:
        raise UsageError(
            f"{path}: reading an ONNX file needs onnx, which is not installed. Run "
            "`pip install 'posemark[onnx]'`."
        )
    import onnx

    with reading_errors(path, "PoseMark"):
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST:,} bytes")
        model = onnx.load(  # pyright: ignore[reportUnknownMemberType]  # PathLike of an open type
            path, "protobuf", load_external_data=False
        )
        if not model.HasField("graph"):  # as in an empty file
            raise ValueError("it has no graph")
    return model


def _all_nodes(model: "ModelProto") -> Iterator["NodeProto"]:
    """Yield the nodes of functions and of all graphs, including graphs inside nodes.

    Raises:
        ValueError: if there are more than _MOST_NODES.
    """
    parts = (model.graph, *model.functions)
    every = chain.from_iterable(_with_inner(part.node) for part in parts)
    for count, node in enumerate(every, 1):
        if count > _MOST_NODES:
            raise ValueError(f"it has more than {_MOST_NODES:,} nodes")
        yield node


def _with_inner(nodes: Iterable["NodeProto"]) -> Iterator["NodeProto"]:
    for node in nodes:
        yield node
        for graph in _branches(node):
            yield from _with_inner(graph.node)


def _branches(node: "NodeProto") -> Iterator["GraphProto"]:
    """Yield the graphs inside a node, such as branches and bodies of loops."""
    for attribute in node.attribute:
        yield from (attribute.g, *attribute.graphs)


def _tensors(model: "ModelProto") -> Iterator["TensorProto"]:
    """Yield initialisers and constants; of sparse tensors, the values and the indices."""
    yield from _initialisers(model.graph)
    for node in _all_nodes(model):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            yield from _parts((attribute.sparse_tensor, *attribute.sparse_tensors))
        for graph in _branches(node):
            yield from _initialisers(graph)


def _initialisers(graph: "GraphProto") -> Iterator["TensorProto"]:
    yield from graph.initializer
    yield from _parts(graph.sparse_initializer)


def _parts(tensors: Iterable["SparseTensorProto"]) -> Iterator["TensorProto"]:
    for tensor in tensors:
        yield from (tensor.values, tensor.indices)
