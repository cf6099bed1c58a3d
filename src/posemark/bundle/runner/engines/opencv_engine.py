"""OpenCV's module dnn, on the CPU in float32.

Source: OpenCV's documentation of cv::dnn::Net and readNet. Other devices are not offered: OpenCV
falls back to the CPU without an error, and cannot say which device ran.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark.bundle.runner.engines.engine import Engine, Wanted
from posemark.core.errors import UsageError
from posemark.runtimes import Maps, Tensor
from posemark.runtimes.model_file import RawSession

_PREFIX = "onnx_node!"
"""OpenCV 4.5 to 4.x puts it before names of nodes that have a name of their own."""


class OpenCvEngine(Engine):
    """Runs ONNX files with cv2.dnn."""

    name = "opencv"
    modules = ("cv2",)
    suffixes = (".onnx",)
    precisions = ("fp32",)
    file_precisions = ("fp32",)
    device = "cpu"
    how_to_install = "sudo apt-get install python3-opencv, or pip3 install opencv-python-headless"

    def version(self) -> str:
        """Return the installed version; see Engine."""
        import cv2

        return str(cv2.__version__)

    def open(self, wanted: Wanted) -> RawSession:
        """Open a network; see Engine."""
        return OpenCvSession(wanted)


class OpenCvSession:
    """Runs an ONNX file with cv2.dnn.

    Raises:
        UsageError: if another device than the CPU is wanted, or OpenCV cannot read the file.
    """

    runtime = "opencv"
    precision = "fp32"
    device = "cpu"

    def __init__(self, wanted: Wanted) -> None:
        import cv2

        if wanted.device != "cpu":
            raise UsageError(
                f"opencv runs on the device cpu only, got {wanted.device}. On other devices it "
                "falls back to the CPU without an error, and cannot say which device ran."
            )
        cv2.setNumThreads(wanted.threads)
        try:
            net: Any = cv2.dnn.readNet(str(wanted.path))
        except cv2.error as error:
            raise UsageError(
                f"OpenCV {cv2.__version__} cannot read {wanted.path.name} ({error.err}). Use "
                "another engine (--engine), or a newer OpenCV."
            ) from error
        # Some builds prefer another backend. The target is the CPU unless another one is set.
        net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        self._net = net
        self._names = [str(name) for name in net.getUnconnectedOutLayersNames()]

    def infer(self, batch: NDArray[Any]) -> Maps:
        """Run a batch and return its outputs by name, as float32 arrays of their own."""
        self._net.setInput(batch)
        outputs = self._net.forward(self._names)
        # OpenCV overwrites the arrays of a network in the next pass.
        return {
            name[len(_PREFIX) :] if name.startswith(_PREFIX) else name: np.array(maps, np.float32)
            for name, maps in zip(self._names, outputs, strict=True)
        }

    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return no tensors, because OpenCV does not say what a file declares."""
        return [], []
