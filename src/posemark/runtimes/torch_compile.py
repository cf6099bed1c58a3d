"""PyTorch compiled ahead of time by Inductor: operators fused, weights folded in.

What torch.compile does as a program runs is done before, once for each input shape, and
kept: compiling takes a minute or two, loading a tenth of a second.
"""

import itertools
import os
import platform
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from posemark import export
from posemark.core.errors import UsageError
from posemark.runtimes import Maps, Session, Source, Target, torch_eager
from posemark.runtimes.export_errors import making
from posemark.runtimes.torch_eager import DTYPES

PACKAGE = "network.pt2"

supported = torch_eager.supported


def open_session(target: Target, source: Source) -> Session:
    """Compiled torch at this precision on this device.

    Raises:
        UsageError: on CPUs, if there is no C++ compiler.
    """
    compiler = os.environ.get("CXX", "g++")
    if target.device == "cpu" and shutil.which(compiler) is None:
        raise UsageError(
            f"torch-compile needs a C++ compiler, and {compiler} is not here. Install one (on "
            "Debian the package g++), name yours in the variable CXX, or take another runtime."
        )
    return CompiledSession(source, target)


class CompiledSession:
    """Runs one compiled package an input shape; an unknown shape is compiled first."""

    runtime = "torch-compile"

    def __init__(self, source: Source, target: Target) -> None:
        torch.set_num_threads(source.threads)
        torch_eager.refuse_tf32()
        self._source = source
        self._target = target
        self._packages: dict[tuple[int, ...], Any] = {}
        self._like: dict[str, Any] = {
            "dtype": DTYPES[target.precision],
            "memory_format": torch.channels_last,
            "device": torch.device(target.device),
        }
        self.precision = target.precision
        self.device = target.device

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Compile for this shape, if that was not done in an earlier run either, and load."""
        if shape in self._packages:
            return
        facts = self._facts(shape)
        name = f"{self._source.spec.name}-torch-compile"
        with making(self._source.spec.name, self._target):
            folder = self._source.store.get(name, facts, lambda made: self._compile(shape, made))
        self._packages[shape] = torch._inductor.aoti_load_package(str(folder / PACKAGE))
        self.infer(np.zeros(shape, np.float32))

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Named outputs for a batch (N, 3, H, W)."""
        self.prepare(batch.shape)
        with torch.inference_mode():
            outputs = self._packages[batch.shape](torch.from_numpy(batch).to(**self._like))
            return {name: tensor.float().cpu().numpy() for name, tensor in outputs.items()}

    def _facts(self, shape: tuple[int, ...]) -> dict[str, object]:
        """Packages hold machine code for this processor and this number of threads."""
        cpu = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
        on = cpu if self.device == "cpu" else torch.cuda.get_device_name(self.device)
        known = self._source.facts(self.precision)
        return {**known, "shape": shape, "processor": on, "threads": self._source.threads}

    def _compile(self, shape: tuple[int, ...], folder: Path) -> None:
        network = self._source.build().eval().requires_grad_(False)
        batch = torch.from_numpy(export.example(self._source.spec, shape[0], shape[2:]))
        with torch.no_grad():
            expected = network(batch)
            _package(network.to(**self._like), batch.to(**self._like), folder / PACKAGE)
            compiled = torch._inductor.aoti_load_package(str(folder / PACKAGE))
            outputs = compiled(batch.to(**self._like))
        name = f"{self._source.spec.name} in {self.runtime}"
        if self.precision == "fp32":
            export.require_close(name, _arrays(outputs), _arrays(expected))


def _package(network: nn.Module, batch: torch.Tensor, path: Path) -> None:
    _fold_transposed(network)
    # Freezing folds norms into convolutions and lays out weights as the kernels want them.
    settings = {"freezing": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch, within torch
        program = torch.export.export(network, (batch,))
        torch._inductor.aoti_compile_and_package(
            program, package_path=str(path), inductor_configs=settings
        )


def _fold_transposed(network: nn.Module) -> None:
    """Fold norms into the transposed convolutions before them.

    Freezing does it, too, but along the wrong axis of the weights (seen in torch 2.13 where
    a layer has as many inputs as outputs): heatmaps were off by a quarter of their maximum.
    """
    for block in network.modules():
        layers = list(block.named_children()) if isinstance(block, nn.Sequential) else []
        for (name, layer), (after, norm) in itertools.pairwise(layers):
            if isinstance(layer, nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
                block.add_module(name, fuse_conv_bn_eval(layer, norm, transpose=True))
                block.add_module(after, nn.Identity())


def _arrays(outputs: dict[str, torch.Tensor]) -> Maps:
    return {name: tensor.float().cpu().numpy() for name, tensor in outputs.items()}
