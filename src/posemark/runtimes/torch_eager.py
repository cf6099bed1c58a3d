"""PyTorch as it comes: eager, float32, on the CPU. The reference every runtime is held to."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class TorchSession:
    """Runs a torch module whose forward returns a dict of tensors."""

    runtime = "torch"
    precision = "fp32"
    device = "cpu"

    def __init__(self, network: nn.Module, threads: int) -> None:
        torch.set_num_threads(threads)
        self._network = network.eval()

    def infer(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Named outputs for a batch (N, 3, H, W); the CPU needs no synchronisation."""
        with torch.inference_mode():
            outputs = self._network(torch.from_numpy(batch))
        return {name: tensor.numpy() for name, tensor in outputs.items()}
