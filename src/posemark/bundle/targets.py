"""The devices that a bundle can be written for, as data."""

from dataclasses import dataclass

from posemark.bundle.operators import OperatorList, operator_list
from posemark.core.errors import UsageError
from posemark.core.names import nearest


@dataclass(frozen=True)
class BundleTarget:
    """A kind of device.

    Attributes:
        name: its name on the command line.
        title: what it is, with the version of its software.
        opset: the version of ONNX's operator set that networks are exported with.
        precision: the precision that is tried first; an engine without it runs fp32.
        frames: the number of frames if --limit does not say another one.
        engines: the names of the engines that may run the bundle, the preferred one first.
        operators: the name of the list that files must keep to; None if they need not.
    """

    name: str
    title: str
    opset: int
    precision: str
    frames: int
    engines: tuple[str, ...]
    operators: str | None = None

    @property
    def reads(self) -> OperatorList | None:
        """What the preferred engine reads; None if there is no list of it."""
        return operator_list(self.operators) if self.operators else None


LISTING = "posemark bundle --help"
"""The command that names the targets."""

TARGETS = (
    BundleTarget(
        name="jetson-nano",
        title="Jetson Nano, TX2 or Xavier with JetPack 4.6.1 or later (Python 3.6, TensorRT 8.2)",
        opset=11,
        precision="fp16",
        frames=50,
        engines=("tensorrt", "onnxruntime", "opencv"),
        operators="tensorrt-8.2",
    ),
    BundleTarget(
        name="jetson-orin",
        title="Jetson Orin with JetPack 6 (Python 3.10, TensorRT 8.6 or 10)",
        opset=17,
        precision="fp16",
        frames=200,
        engines=("tensorrt", "onnxruntime", "opencv"),
        operators="tensorrt-8.6",
    ),
    BundleTarget(
        name="raspberry-pi",
        title="Raspberry Pi with a 64-bit system",
        opset=11,
        precision="fp32",
        frames=30,
        engines=("onnxruntime", "tflite", "opencv"),
    ),
    BundleTarget(
        name="generic",
        title="any Linux device with Python 3.6 or later",
        opset=11,
        precision="fp32",
        frames=50,
        engines=("onnxruntime", "openvino", "tflite", "opencv", "tensorrt"),
    ),
)
"""All targets. Opset 11 is read by TensorRT 8.2, and by ONNX Runtime from 1.3 on."""


def target_named(name: str) -> BundleTarget:
    """Return the target with this name.

    Raises:
        UsageError: if there is none.
    """
    known = {target.name: target for target in TARGETS}
    if name not in known:
        raise UsageError(
            f"--target {name!r}: expected {', '.join(known)}. {nearest(name, known, LISTING)}"
        )
    return known[name]
