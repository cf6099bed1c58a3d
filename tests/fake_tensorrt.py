"""Stand-ins for the module tensorrt: the generation with bindings (8.2), and that with names (10).

They have the attributes of NVIDIA's Python API reference that a bundle uses, and no others of the
other generation. A "plan" is JSON; a network is "run" on the host: each output is the mean over
blocks of 4x4 pixels of each channel, plus the number of the output.
"""

import ctypes
import json
from types import SimpleNamespace

import numpy as np

LIMIT = 1 << 33


class Dims(tuple):
    """TensorRT's own class of shapes, which can be iterated."""


class Flag:
    def __init__(self, value):
        self.value = value

    def __int__(self):
        return self.value


class DataType:
    def __init__(self, name):
        self.name = name

    def __str__(self):
        return f"DataType.{self.name}"


class Profile:
    def set_shape(self, name, low, usual, high):
        self.shapes = {name: (low, usual, high)}


class Config:
    def __init__(self, trt):
        self.trt, self.flags, self.profiles = trt, {"TF32"}, []
        if trt.named:
            self.set_memory_pool_limit = self._set_limit
        else:
            self.max_workspace_size = 1 << 24

    def _set_limit(self, pool, size):
        assert pool == self.trt.MemoryPoolType.WORKSPACE
        self.max_workspace = size

    def set_flag(self, flag):
        self.flags.add(flag)

    def clear_flag(self, flag):
        self.flags.discard(flag)

    def add_optimization_profile(self, profile):
        self.profiles.append(profile)


class Builder:
    platform_has_fast_fp16 = True

    def __init__(self, logger):
        self.trt = logger.trt

    def create_network(self, flags):
        assert flags == (0 if self.trt.named else 1)
        return SimpleNamespace(get_input=lambda index: self.input, model=None)

    def create_builder_config(self):
        return Config(self.trt)

    def create_optimization_profile(self):
        return Profile()

    def build_serialized_network(self, network, config):
        self.trt.built.append((network, config))
        if self.trt.broken == "build":
            return None
        shapes = config.profiles[0].shapes if config.profiles else {}
        plan = {"shapes": shapes, "half": "FP16" in config.flags, "outputs": self.trt.outputs}
        return bytearray(json.dumps(plan).encode())  # as IHostMemory, it has a buffer


class OnnxParser:
    def __init__(self, network, logger):
        self.network, self.trt = network, logger.trt
        self.errors = []

    def parse(self, content):
        assert isinstance(content, bytes)
        if self.trt.broken == "parse":
            self.errors = ["In node 3 (DeformConv): UNSUPPORTED_NODE: No importer\nmore"]
            return False
        self.network.get_input = lambda index: SimpleNamespace(
            name="images", shape=Dims(self.trt.input_shape)
        )
        return True

    @property
    def num_errors(self):
        return len(self.errors)

    def get_error(self, index):
        return self.errors[index]


class Context:
    """Runs a plan; `bindings` are addresses of ordinary memory."""

    def __init__(self, engine):
        self.engine, self.given = engine, None

    def set(self, shape):
        low, _, high = self.engine.plan["shapes"].get("images", (shape,) * 3)
        fits = all(a <= side <= b for a, side, b in zip(low, shape, high, strict=True))
        self.given = tuple(shape) if fits else None
        return fits

    def shape(self, name):
        if name == "images":
            return Dims(self.given)
        batch, channels, height, width = self.given
        return Dims((batch, channels, height // 4, width // 4))

    def run(self, addresses):
        if self.engine.trt.broken == "run":
            return False
        images = at(addresses["images"], self.shape("images"))
        batch, channels, height, width = images.shape
        blocks = images.reshape(batch, channels, height // 4, 4, width // 4, 4).mean((3, 5))
        for number, name in enumerate(self.engine.plan["outputs"]):
            at(addresses[name], self.shape(name))[...] = blocks + number
        return True


def at(address, shape):
    """Return the float32 array at an address."""
    kind = ctypes.c_float * int(np.prod(shape))
    return np.frombuffer(kind.from_address(address), np.float32).reshape(shape)


class BindingContext(Context):
    def set_binding_shape(self, number, shape):
        assert number == 0
        return self.set(shape)

    def get_binding_shape(self, number):
        return self.shape(self.engine.names[number])

    def execute_async_v2(self, bindings, stream_handle):
        assert stream_handle
        return self.run(dict(zip(self.engine.names, bindings, strict=True)))


class NamedContext(Context):
    def __init__(self, engine):
        super().__init__(engine)
        self.addresses = {}

    def set_input_shape(self, name, shape):
        assert name == "images"
        return self.set(shape)

    def get_tensor_shape(self, name):
        return self.shape(name)

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream):
        assert stream
        return self.run(self.addresses)


class Engine:
    context = Context

    def __init__(self, trt, plan):
        self.trt, self.plan = trt, plan
        self.names = ["images", *plan["outputs"]]

    def create_execution_context(self):
        return self.context(self)

    def create_engine_inspector(self):
        return Inspector(self)

    def declared(self, name):
        return Dims(self.trt.input_shape) if name == "images" else Dims((-1, 3, -1, -1))


class BindingEngine(Engine):
    context = BindingContext

    @property
    def num_bindings(self):
        return len(self.names)

    def get_binding_name(self, number):
        return self.names[number]

    def binding_is_input(self, number):
        return number == 0

    def get_binding_dtype(self, number):
        return DataType(self.trt.dtype)

    def get_binding_shape(self, number):
        return self.declared(self.names[number])


class NamedEngine(Engine):
    context = NamedContext

    @property
    def num_io_tensors(self):
        return len(self.names)

    def get_tensor_name(self, number):
        return self.names[number]

    def get_tensor_mode(self, name):
        return "TensorIOMode.INPUT" if name == "images" else "TensorIOMode.OUTPUT"

    def get_tensor_dtype(self, name):
        return DataType(self.trt.dtype)

    def get_tensor_shape(self, name):
        return self.declared(name)


class Inspector:
    def __init__(self, engine):
        self.engine, self.execution_context = engine, None

    def get_engine_information(self, form):
        assert form == "JSON"
        return json.dumps({"Layers": [self.layer(each) for each in self.engine.trt.layers]})

    def layer(self, kind):
        if kind == "name only":
            return kind
        if self.execution_context is None:
            kind = "N/A due to dynamic shapes"
        return {"Name": "a layer", "Outputs": [{"Name": "out", "Format/Datatype": kind}]}


class Runtime:
    def __init__(self, logger):
        self.trt = logger.trt

    def deserialize_cuda_engine(self, plan):
        assert isinstance(plan, bytes)
        try:
            content = json.loads(plan)
        except ValueError:
            return None
        return (NamedEngine if self.trt.named else BindingEngine)(self.trt, content)


class FakeTensorRt:
    """The module.

    Attributes:
        built: (network, config) of each engine that was built.
        broken: parse, build or run, if this fails.
        outputs: names of the outputs of the network.
        layers: what the inspector says of each layer.
    """

    def __init__(self, version):
        self.__version__ = version
        self.named = int(version.split(".")[0]) >= 10
        self.built, self.broken, self.outputs, self.dtype = [], "", ["heatmaps"], "FLOAT"
        self.input_shape = (-1, 3, 256, 192)
        self.layers = ["Row major linear FP16 format", "Row major linear FP32", "name only"]
        self.Logger = lambda level: SimpleNamespace(trt=self)
        self.Logger.ERROR = 1
        self.Builder, self.OnnxParser, self.Runtime = Builder, OnnxParser, Runtime
        self.BuilderFlag = SimpleNamespace(FP16="FP16", TF32="TF32")
        self.ProfilingVerbosity = SimpleNamespace(DETAILED="DETAILED")
        self.LayerInformationFormat = SimpleNamespace(JSON="JSON")
        self.NetworkDefinitionCreationFlag = SimpleNamespace()
        if self.named:
            self.MemoryPoolType = SimpleNamespace(WORKSPACE="WORKSPACE")
        else:
            self.NetworkDefinitionCreationFlag.EXPLICIT_BATCH = Flag(0)

    def init_libnvinfer_plugins(self, logger, namespace):
        assert (logger.trt, namespace) == (self, "")
        return True
