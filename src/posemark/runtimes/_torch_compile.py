"""PyTorch compiled ahead of time by Inductor, with fused operators and constant weights.

The network is compiled once per input shape, before the run instead of during it as with
torch.compile, and the result is kept: compiling takes a minute or two, loading a tenth of a
second.
"""

import itertools
import os
import platform
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from posemark import export
from posemark.core.errors import UsageError
from posemark.runtimes import Maps, Session, Source, Target, _torch_eager
from posemark.runtimes._torch_eager import DTYPES, arrays_of, channels_last, tensor_of
from posemark.runtimes.export_errors import conversion_errors

PACKAGE = "network.pt2"
"""Name of the file with the compiled network."""

supported = _torch_eager.supported

Package = Callable[[Tensor], Mapping[str, Tensor]]
"""A compiled and loaded network."""


class _Inductor(Protocol):
    """What is used of torch._inductor."""

    def aoti_compile_and_package(
        self,
        exported_program: torch.export.ExportedProgram,
        *,
        package_path: str,
        inductor_configs: Mapping[str, object],
    ) -> str: ...

    def aoti_load_package(self, path: str) -> Package: ...


def _inductor() -> _Inductor:
    # torch documents ahead-of-time compilation under this name, despite its underscore.
    return cast("_Inductor", torch._inductor)  # pyright: ignore[reportPrivateUsage]


def open_session(target: Target, source: Source) -> Session:
    """Open a session in compiled torch at the precision and device of the target.

    Raises:
        UsageError: on CPUs, if there is no C++ compiler.
    """
    compiler = os.environ.get("CXX", "g++")
    if target.device == "cpu" and shutil.which(compiler) is None:
        raise UsageError(
            f"torch-compile needs a C++ compiler, but {compiler} was not found. Install one (on "
            "Debian the package g++), set the variable CXX to yours, or use another runtime."
        )
    return CompiledSession(source, target)


class CompiledSession:
    """Runs one compiled package per input shape; a new shape is compiled first."""

    runtime = "torch-compile"

    def __init__(self, source: Source, target: Target) -> None:
        torch.set_num_threads(source.threads)
        _torch_eager.refuse_tf32()
        self._source = source
        self._target = target
        self._packages: dict[tuple[int, ...], Package] = {}
        self._dtype = DTYPES[target.precision]
        self._on = torch.device(target.device)
        self.precision = target.precision
        self.device = target.device

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Compile for this shape, unless the store has the result already, and load it."""
        if shape in self._packages:
            return
        facts = self._facts(shape)
        name = f"{self._source.spec.name}-torch-compile"
        with conversion_errors(self._source.spec.name, self._target):
            folder = self._source.store.get(name, facts, lambda made: self._compile(shape, made))
        self._packages[shape] = _inductor().aoti_load_package(str(folder / PACKAGE))
        self.infer(np.zeros(shape, np.float32))

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Return the outputs by name for a batch (N, 3, H, W)."""
        self.prepare(batch.shape)
        with torch.inference_mode():
            return arrays_of(self._packages[batch.shape](self._moved(tensor_of(batch))))

    def _moved(self, pixels: Tensor) -> Tensor:
        return pixels.to(device=self._on, dtype=self._dtype, memory_format=torch.channels_last)

    def _facts(self, shape: tuple[int, ...]) -> dict[str, object]:
        """What a package depends on: it has machine code for one processor and thread count."""
        cpu = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
        on = cpu if self.device == "cpu" else torch.cuda.get_device_name(self.device)
        known = self._source.facts(self.precision)
        return {**known, "shape": shape, "processor": on, "threads": self._source.threads}

    def _compile(self, shape: tuple[int, ...], folder: Path) -> None:
        network = self._source.build().eval().requires_grad_(False)
        images, _, height, width = shape
        batch = tensor_of(export.example(self._source.spec, images, (height, width)))
        with torch.no_grad():
            expected = network(batch)
            moved = self._moved(batch)
            _package(channels_last(network, self._on, self._dtype), moved, folder / PACKAGE)
            outputs = _inductor().aoti_load_package(str(folder / PACKAGE))(moved)
        name = f"{self._source.spec.name} in {self.runtime}"
        if self.precision == "fp32":
            export.require_close(name, arrays_of(outputs), arrays_of(expected))


def _package(network: nn.Module, batch: Tensor, path: Path) -> None:
    _fold_transposed(network)
    # Freezing folds norms into convolutions and stores weights in the layout of the kernels.
    settings = {"freezing": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch uses deprecated parts of torch
        program = torch.export.export(network, (batch,))
        _inductor().aoti_compile_and_package(
            program, package_path=str(path), inductor_configs=settings
        )


def _fold_transposed(network: nn.Module) -> None:
    """Fold norms into the transposed convolutions before them.

    Freezing folds them as well, but along the wrong axis of the weights (observed in torch 2.13
    where a layer has as many inputs as outputs): heatmaps were wrong by a quarter of their
    maximum.
    """
    for block in network.modules():
        layers = list(block.named_children()) if isinstance(block, nn.Sequential) else []
        for (name, layer), (after, norm) in itertools.pairwise(layers):
            if isinstance(layer, nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
                block.add_module(name, fuse_conv_bn_eval(layer, norm, transpose=True))
                block.add_module(after, nn.Identity())
