"""PyTorch as it comes: eager. In float32 on the CPU the reference every runtime is held to.

On CUDA, maps lie channels last, products are never in TF32, and batches of one image are
replayed as CUDA graphs, which frees them from the cost of starting kernels one by one.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from posemark.runtimes import Maps, Session, Source, Target
from posemark.runtimes.registry import unknown_device

GRAPHS = 8
"""Shapes with a CUDA graph, which holds memory of its own; others run kernel by kernel."""

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def supported(device: str) -> tuple[str, ...]:
    """Precisions on this device.

    Raises:
        UsageError: if it is not here.
    """
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    known = ["cpu", "cuda", *cuda] if cuda else ["cpu"]
    if device not in known:
        raise unknown_device("torch", device, known)
    # Half precision has no fast path on CPUs: it would tell nothing that bf16 does not.
    return ("fp32", "bf16") if device == "cpu" else tuple(DTYPES)


def open_session(target: Target, source: Source) -> Session:
    """Eager torch at this precision on this device."""
    if target.device == "cpu":
        last = target.layout is not None
        return TorchSession(source.build(), source.threads, target.precision, last)
    return CudaSession(source.build(), source.threads, target.precision, target.device)


class TorchSession:
    """Runs a torch module whose forward returns a dict of tensors, on the CPU."""

    runtime = "torch"
    precision = "fp32"
    device = "cpu"

    def __init__(
        self,
        network: nn.Module,
        threads: int,
        precision: str = "fp32",
        channels_last: bool = False,
    ) -> None:
        torch.set_num_threads(threads)
        self.precision = precision
        self._network = network.eval()
        self._like: dict[str, Any] = {}
        if precision != "fp32" or channels_last:  # else as the official code runs it
            self._like = {"dtype": DTYPES[precision], "memory_format": torch.channels_last}
            self._network.to(**self._like)

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Nothing is specific to a shape."""

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Named outputs for a batch (N, 3, H, W); the CPU needs no synchronisation."""
        with torch.inference_mode():
            pixels = torch.from_numpy(batch)
            outputs = self._network(pixels.to(**self._like) if self._like else pixels)
        return {name: tensor.float().numpy() for name, tensor in outputs.items()}


def refuse_tf32() -> None:
    """TF32 is neither fp32 nor asked for; cuDNN would take it unasked."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


class CudaSession:
    """Runs a torch module on a CUDA device, weights in the precision's own type."""

    runtime = "torch"

    def __init__(self, network: nn.Module, threads: int, precision: str, device: str) -> None:
        torch.set_num_threads(threads)
        refuse_tf32()
        # Times convolutions of a shape when it is first seen, and takes the fastest.
        torch.backends.cudnn.benchmark = True
        self._on = torch.device(device)
        self._like = {"dtype": DTYPES[precision], "memory_format": torch.channels_last}
        self._network = network.eval().to(device=self._on, **self._like)
        self._graphs: dict[tuple[int, ...], _Graph] = {}
        self.precision = precision
        self.device = f"{device} ({torch.cuda.get_device_name(self._on)})"

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Capture the graph of a batch of one image."""
        if shape[0] == 1 and shape not in self._graphs and len(self._graphs) < GRAPHS:
            self._graphs[shape] = _Graph(self._network, self._moved(np.zeros(shape, np.float32)))

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Named outputs for a batch (N, 3, H, W); copying them to the host waits for them."""
        self.prepare(batch.shape)
        pixels = self._moved(batch)
        with torch.inference_mode():
            graph = self._graphs.get(batch.shape)
            outputs = graph.replay(pixels) if graph else self._network(pixels)
            return {name: tensor.float().cpu().numpy() for name, tensor in outputs.items()}

    def _moved(self, batch: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(batch).to(device=self._on, **self._like)


class _Graph:
    """The kernels of one forward at one shape, recorded once and replayed as a whole."""

    def __init__(self, network: nn.Module, pixels: Tensor) -> None:
        self._pixels = pixels
        with torch.inference_mode(), torch.cuda.device(pixels.device):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):  # capture wants everything allocated and tuned
                for _ in range(3):
                    network(pixels)
            torch.cuda.current_stream().wait_stream(side)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._outputs: dict[str, Tensor] = network(pixels)

    def replay(self, pixels: Tensor) -> dict[str, Tensor]:
        self._pixels.copy_(pixels)
        self._graph.replay()
        return self._outputs
