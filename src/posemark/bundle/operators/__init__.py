"""What engines read of ONNX: their published lists of operators, and the check of a file.

The lists are TOML files beside this module, each with its sources and the day they were read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from posemark.core import toml

if TYPE_CHECKING:
    from onnx import AttributeProto, ModelProto, NodeProto


@dataclass(frozen=True)
class OperatorList:
    """What an engine reads.

    Attributes:
        title: the engine with its version.
        opset: the latest version of the operator set that it reads.
        sources: the addresses of the published list.
        operators: the names of the operators.
        constant_inputs: by operator, the indices of the inputs that must be constants.
        outputs: by operator, the largest number of outputs that are used.
        attributes: by operator and attribute, the values that are read.
    """

    title: str
    opset: int
    sources: tuple[str, ...]
    operators: frozenset[str]
    constant_inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, int]
    attributes: Mapping[str, Mapping[str, tuple[str, ...]]]


@cache
def operator_list(name: str) -> OperatorList:
    """Return the list with this name, such as "tensorrt-8.2"."""
    content = toml.parsed(Path(__file__).with_name(f"{name}.toml").read_bytes())
    return msgspec.convert(content, OperatorList)


def problems(model: "ModelProto", known: OperatorList) -> Iterator[str]:
    """Yield what an engine does not read of a file, each reason once and in short.

    Args:
        model: the file.
        known: what the engine reads.
    """
    opset = next((each.version for each in model.opset_import if each.domain in ("", _ONNX)), 0)
    if opset > known.opset:
        yield f"its operator set is {opset}, and the latest that is read is {known.opset}"
    constants = {each.name for each in model.graph.initializer} | {
        name for node in model.graph.node if node.op_type == "Constant" for name in node.output
    }
    found = (each for node in model.graph.node for each in _of_node(node, known, constants))
    yield from dict.fromkeys(found)


_ONNX = "ai.onnx"
"""The other name of the domain "" of ONNX's own operators."""


def _of_node(node: "NodeProto", known: OperatorList, constants: set[str]) -> Iterator[str]:
    kind = node.op_type if node.domain in ("", _ONNX) else f"{node.domain}.{node.op_type}"
    if kind not in known.operators:
        yield f"the operator {kind} is not read"
        return
    for index in known.constant_inputs.get(kind, ()):
        name = node.input[index] if index < len(node.input) else ""
        if name and name not in constants:
            yield f"input {index} of {kind} is computed, and must be a constant"
    most = known.outputs.get(kind, len(node.output))
    if sum(map(bool, node.output)) > most:
        yield f"{kind} has more outputs than {most}"
    allowed = known.attributes.get(kind, {})
    for attribute in node.attribute:
        value = _text(attribute)
        if value is not None and value not in allowed.get(attribute.name, (value,)):
            yield f"{kind} with {attribute.name} = {value} is not read"


def _text(attribute: "AttributeProto") -> str | None:
    """Return the value of a text attribute; None for one of another type."""
    return attribute.s.decode(errors="replace") if attribute.s else None
