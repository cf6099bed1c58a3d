"""L2: one file a runtime, each giving a Session; `opening` chooses among them by name."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from posemark import export
from posemark.artefacts import Store
from posemark.core.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

Maps = dict[str, NDArray[np.float32]]


class Session(Protocol):
    """A network ready to run. runtime, precision and device: what really runs, read back."""

    runtime: str
    precision: str
    device: str

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Do now what the first batch of this shape would otherwise have to wait for."""
        ...

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Named outputs for a batch (N, 3, H, W); returns when they are ready."""
        ...


@dataclass(frozen=True)
class Tensor:
    """An input or output of a file. shape: None where a side is free. dtype: as numpy says it."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Target:
    """What was asked for, and what every session that opens does: there is no second best.

    runtime: one of opening.RUNTIMES. precision: fp32, bf16, fp16 or int8. device: as the
    runtime names it, in lower case: cpu, cuda, cuda:1; for onnxruntime cpu, cuda, tensorrt,
    coreml, ... (an execution provider); for openvino cpu, gpu, npu. layout: None for the
    runtime's own; channels-last for eager torch in float32, which then keeps maps as NHWC.
    """

    runtime: str = "torch"
    precision: str = "fp32"
    device: str = "cpu"
    layout: str | None = None


@dataclass(frozen=True)
class Calibration:
    """Batches (N, 3, H, W) as the network will see them, to choose int8 ranges from.

    name: tells this set from others, such as "coco:seed0:300"; artefacts are named after it.
    notes: what was left out of its annotations or filled in, one sentence each.
    """

    name: str
    batches: Callable[[], Iterable[NDArray[np.float32]]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A network to be opened somewhere.

    spec: where it names an artefact, a runtime that reads that opens it as it is.
    build: makes the torch module, weights loaded, in evaluation mode; it is not called where
    an artefact is here already. weights: the checkpoint's SHA-256, or the formula's version.
    version: of PoseMark. store: where artefacts are kept. threads: of the CPU.
    """

    spec: ModelSpec
    build: "Callable[[], nn.Module]"
    weights: str
    version: str
    store: Store
    threads: int
    calibration: Calibration | None = None

    def facts(self, precision: str) -> dict[str, str]:
        """All that the network in this precision depends on, for the names of artefacts."""
        return export.facts(self.spec, self.weights, self.version, precision)
