"""L2: one file per runtime, each of which opens a Session; `registry` selects one by name."""

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
    """A network that is ready to run.

    Attributes:
        runtime: name of the runtime, one of registry.runtimes().
        precision: the precision that really runs, read back from the runtime.
        device: the device that really runs it, read back from the runtime.
    """

    runtime: str
    precision: str
    device: str

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Do the work that would otherwise delay the first batch of this shape (N, 3, H, W)."""
        ...

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Run the network on a batch (N, 3, H, W) and return its outputs by name, finished."""
        ...


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model file.

    Attributes:
        name: its name in the file.
        shape: its dimensions; None for one that may have any size.
        dtype: numpy's name of its type, such as float32.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Target:
    """How a network is to run. A session that opens runs exactly so, or opening it raises.

    Attributes:
        runtime: one of registry.runtimes().
        precision: fp32, bf16, fp16 or int8.
        device: the runtime's name of the device in lower case: cpu, cuda or cuda:1; for
            onnxruntime an execution provider such as cpu, cuda, tensorrt or coreml; for openvino
            cpu, gpu or npu.
        layout: None for the runtime's default; channels-last makes eager torch in float32 keep
            maps as NHWC.
    """

    runtime: str = "torch"
    precision: str = "fp32"
    device: str = "cpu"
    layout: str | None = None


@dataclass(frozen=True)
class Calibration:
    """Batches of network input, from which the ranges of int8 are chosen.

    Attributes:
        name: identifies the set of batches, such as "coco:seed0:300"; artefacts depend on it.
        batches: yields normalised batches (N, 3, H, W).
        notes: what was left out of its annotations or added to them, one sentence each.
    """

    name: str
    batches: Callable[[], Iterable[NDArray[np.float32]]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A network that is to be opened in a runtime.

    Attributes:
        spec: the model. If it has an artefact, a runtime opens that file unchanged.
        build: returns the torch module with its weights, in evaluation mode. It is not called if
            the converted network is already in the store.
        weights: SHA-256 of the checkpoint, or the version of the formula.
        version: version of PoseMark.
        store: keeps converted networks.
        threads: number of CPU threads.
        calibration: batches for int8, if there are any.
    """

    spec: ModelSpec
    build: "Callable[[], nn.Module]"
    weights: str
    version: str
    store: Store
    threads: int
    calibration: Calibration | None = None

    def facts(self, precision: str) -> dict[str, str]:
        """Return everything that the converted network in this precision depends on."""
        return export.facts(self.spec, self.weights, self.version, precision)
