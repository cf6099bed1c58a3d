"""Where a network is to run."""

from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "bf16", "fp16", "int8"]


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
        streams: the number of sessions on the network that infer at the same time.
    """

    runtime: str = "torch"
    precision: str = "fp32"
    device: str = "cpu"
    layout: str | None = None
    streams: int = 1

    def key_parts(self, runtime: str, precision: str) -> list[str]:
        """Return the parts of a record's key for what differs from an entry's defaults.

        Args:
            runtime: the runtime of the entry.
            precision: the precision of the entry.
        """
        parts = [self.runtime] if self.runtime != runtime else []
        parts += [self.precision] if self.precision != precision else []
        parts += [self.device.replace(":", "")] if self.device != "cpu" else []
        return parts + ([self.layout] if self.layout else [])
