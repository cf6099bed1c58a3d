"""Eager PyTorch. In float32 on the CPU it is the reference for every other runtime.

On CUDA, maps have the channels-last layout, products never use TF32, and batches of one image
are replayed as CUDA graphs, which avoids the cost of launching kernels one by one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from posemark.core.target import Target
from posemark.runtimes import Maps, Session, Source
from posemark.runtimes.registry import unknown_device

GRAPHS = 8
"""Number of input shapes with a CUDA graph, each of which has its own memory; further shapes run
kernel by kernel."""

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def supported(device: str) -> tuple[str, ...]:
    """Return the precisions of a device.

    Raises:
        UsageError: if this machine does not have the device.
    """
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    known = ["cpu", "cuda", *cuda] if cuda else ["cpu"]
    if device not in known:
        raise unknown_device("torch", device, known)
    # On CPUs, torch has no fast kernels for fp16, which therefore has no advantage over bf16.
    return ("fp32", "bf16") if device == "cpu" else tuple(DTYPES)


def open_session(target: Target, source: Source) -> Session:
    """Open a session in eager torch at the precision, device and layout of the target."""
    if target.device == "cpu":
        last = target.layout is not None
        return TorchSession(source.build(), source.threads, target.precision, last)
    return CudaSession(source.build(), source.threads, target.precision, target.device)


def tensor_of(batch: NDArray[np.float32]) -> Tensor:
    """Return a tensor on the CPU that shares the memory of an array."""
    # torch's annotation leaves the type of the array's elements open.
    return torch.from_numpy(batch)  # pyright: ignore[reportUnknownMemberType]


def arrays_of(outputs: Mapping[str, Tensor]) -> Maps:
    """Return outputs as float32 arrays on the host; copying from a device waits for it."""
    return {name: tensor.float().cpu().numpy() for name, tensor in outputs.items()}


def channels_last(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Move a network to a device and type, with the channels-last layout, and return it."""
    # Any, since torch declares no overload of Module.to with a memory format.
    changes: dict[str, Any] = {
        "device": device,
        "dtype": dtype,
        "memory_format": torch.channels_last,
    }
    return network.to(**changes)


class TorchSession:
    """Runs a torch module on the CPU; its forward returns a dictionary of tensors."""

    runtime = "torch"
    precision = "fp32"
    device = "cpu"

    def __init__(
        self,
        network: nn.Module,
        threads: int,
        precision: str = "fp32",
        last: bool = False,
    ) -> None:
        """Take over a network.

        Args:
            network: the network, with its weights; it is changed in place.
            threads: number of CPU threads.
            precision: fp32 or bf16.
            last: whether maps and weights have the channels-last layout even in fp32.
        """
        torch.set_num_threads(threads)
        self._threads = threads
        self.precision = precision
        self._network = network.eval()
        self._dtype = DTYPES[precision]
        # In float32 without a chosen layout, the network runs as in the official code.
        self._converts = precision != "fp32" or last
        if self._converts:
            channels_last(self._network, torch.device("cpu"), self._dtype)

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Do nothing: eager torch needs no preparation for a shape."""

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Return the outputs by name for a batch (N, 3, H, W); the CPU needs no synchronisation."""
        # The number is that of the calling thread; a new thread begins with that of another one.
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        with torch.inference_mode():
            pixels = tensor_of(batch)
            if self._converts:
                pixels = pixels.to(dtype=self._dtype, memory_format=torch.channels_last)
            outputs = self._network(pixels)
        return {name: tensor.float().numpy() for name, tensor in outputs.items()}


def refuse_tf32() -> None:
    """Turn TF32 off, which cuDNN uses for float32 by default."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


class CudaSession:
    """Runs a torch module on a CUDA device, with weights in the type of the precision."""

    runtime = "torch"

    def __init__(self, network: nn.Module, threads: int, precision: str, device: str) -> None:
        torch.set_num_threads(threads)
        refuse_tf32()
        # cuDNN times its algorithms when a shape first occurs, and then uses the fastest.
        torch.backends.cudnn.benchmark = True
        self._on = torch.device(device)
        self._dtype = DTYPES[precision]
        self._network = channels_last(network.eval(), self._on, self._dtype)
        self._graphs: dict[tuple[int, ...], _Graph] = {}
        self.precision = precision
        self.device = f"{device} ({torch.cuda.get_device_name(self._on)})"

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Capture a CUDA graph for a batch of one image."""
        if shape[0] == 1 and shape not in self._graphs and len(self._graphs) < GRAPHS:
            self._graphs[shape] = _Graph(self._network, self._moved(np.zeros(shape, np.float32)))

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Return the outputs by name for a batch (N, 3, H, W), copied to the host."""
        self.prepare(batch.shape)
        pixels = self._moved(batch)
        with torch.inference_mode():
            graph = self._graphs.get(batch.shape)
            return arrays_of(graph.replay(pixels) if graph else self._network(pixels))

    def _moved(self, batch: NDArray[np.float32]) -> Tensor:
        return tensor_of(batch).to(
            device=self._on, dtype=self._dtype, memory_format=torch.channels_last
        )


class _Graph:
    """The kernels of one forward pass at one shape, captured once and replayed together."""

    def __init__(self, network: nn.Module, pixels: Tensor) -> None:
        self._pixels = pixels
        with torch.inference_mode(), torch.cuda.device(pixels.device):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):  # everything must be allocated and tuned before capture
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
