"""Hostile weights: PyTorch's three formats, safetensors, Caffe, and ONNX files."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save as as_safetensors

import caffe_writer
import made_weights
from hostile.checksums import tar_with_sums, zip_with_sums
from hostile.kind import Kind, written
from posemark.runtimes import onnx_file
from posemark.weights import load_fitting


def network() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))


def _contents() -> list[object]:
    """Return a state dictionary inside a training script's one, a module, and NumPy's arrays."""
    torch.manual_seed(0)
    state = network().state_dict()
    around = {"epoch": 209, "state_dict": state, "perf": np.float64(0.5), "optimizer": {}}
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    return [around, network(), {"model": arrays, "log": ["x"] * 3, "seen": {1, 2}}]


def zips() -> list[bytes]:
    return [made_weights.as_file(each) for each in _contents()]


def streams() -> list[bytes]:
    """Return checkpoints in the format before PyTorch 1.6."""
    how = {"_use_new_zipfile_serialization": False}
    return [made_weights.as_file(each, **how) for each in _contents()]


def pickles() -> list[bytes]:
    """Return the pickles inside the zip files."""
    names = ((zipfile.ZipFile(io.BytesIO(each))) for each in zips())
    return [each.read("archive/data.pkl") for each in names]


def read_pickle(folder: Path, content: bytes) -> object:
    """Read a pickle inside a sound zip file, beside sound numbers."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        for number, tensor in enumerate(network().state_dict().values()):
            archive.writestr(f"archive/data/{number}", bytes(tensor.nbytes))
    return reader_of_weights(".pth")(folder, made.getvalue())


def tar() -> bytes:
    torch.manual_seed(0)
    return made_weights.tar(network().state_dict())


def safetensors() -> bytes:
    torch.manual_seed(0)
    return as_safetensors(network().state_dict(), {"format": "pt"})


def reader_of_weights(suffix: str) -> Callable[[Path, bytes], object]:
    def read(folder: Path, content: bytes) -> object:
        path = written(folder / f"made{suffix}", content)
        return load_fitting(path, network().state_dict(), "made")

    return read


def onnx_model() -> bytes:
    """Return an ONNX file with weights as initialisers, constants, in a branch and a function."""
    weights = [numpy_helper.from_array(np.ones((4, 3, 3, 3), t), t) for t in ("f4", "f2")]
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    constant = helper.make_node("Constant", [], ["c"], value=weights[0])
    branch = helper.make_graph([constant], "branch", [], [value], [weights[1]])
    nodes = [
        constant,
        helper.make_node("Conv", ["x", "f4"], ["y"], strides=[1, 1]),
        helper.make_node("If", ["b"], ["z"], then_branch=branch, else_branch=branch),
    ]
    graph = helper.make_graph(nodes, "made", [value], [value], weights)
    sets = [helper.make_opsetid("", 17)]
    function = helper.make_function("own", "f", ["x"], ["c"], [constant], sets)
    made = helper.make_model(graph, opset_imports=sets, functions=[function], ir_version=9)
    return made.SerializeToString()


def read_onnx(folder: Path, content: bytes) -> object:
    path = written(folder / "made.onnx", content)
    onnx_file.require_whole(path)
    return onnx_file.precision(path)


def caffe() -> bytes:
    """Return a network with a convolution and a layer without numbers, in the new format."""
    draw = np.random.default_rng(0)
    weights = [draw.normal(size=shape) for shape in ((4, 3, 3, 3), (4,))]
    return caffe_writer.net({"conv": weights, "data": []})


def read_caffe(folder: Path, content: bytes) -> object:
    wanted = {"conv.weight": torch.zeros(4, 3, 3, 3), "conv.bias": torch.zeros(4)}
    return load_fitting(written(folder / "made.caffemodel", content), wanted, "made")


KINDS = {
    "zip": Kind(zips, reader_of_weights(".pth"), repair=zip_with_sums),
    "pickle": Kind(pickles, read_pickle),
    "stream": Kind(streams, reader_of_weights(".pth")),
    "tar": Kind(lambda: [tar()], reader_of_weights(".pth"), repair=tar_with_sums),
    "safetensors": Kind(lambda: [safetensors()], reader_of_weights(".safetensors")),
    "caffemodel": Kind(lambda: [caffe()], read_caffe),
    "onnx": Kind(lambda: [onnx_model()], read_onnx),
}
