"""All engines of the runner, by name."""

from posemark.bundle.runner.engines.engine import Engine
from posemark.bundle.runner.engines.onnxruntime_engine import OnnxRuntimeEngine
from posemark.bundle.runner.engines.opencv_engine import OpenCvEngine
from posemark.bundle.runner.engines.openvino_engine import OpenVinoEngine
from posemark.bundle.runner.engines.tensorrt_engine import TensorRtEngine
from posemark.bundle.runner.engines.tflite_engine import TfliteEngine

ENGINES: tuple[Engine, ...] = (
    TensorRtEngine(),
    OnnxRuntimeEngine(),
    OpenCvEngine(),
    TfliteEngine(),
    OpenVinoEngine(),
)


def engine_named(name: str) -> Engine:
    """Return the engine with this name; KeyError if there is none."""
    return {engine.name: engine for engine in ENGINES}[name]
