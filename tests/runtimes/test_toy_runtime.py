"""Adding a runtime costs one file: this test adds one, and touches no other file."""

import subprocess
import sys

import pytest

import zoo
from posemark import runtimes
from posemark.core.errors import UsageError
from posemark.datasets.sample import Sample
from posemark.records import files
from posemark.report.results import load_rows
from posemark.run.plan import Options, plan
from posemark.run.prepare import prepare_job
from posemark.runtimes import Target
from posemark.runtimes.registry import distributions, formats, installed, require
from posemark.runtimes.registry import runtimes as rows
from runs import run_one

SOURCE = '''
"""A runtime that answers every batch with the same heatmaps, for a test."""

import numpy as np

from posemark.runtimes.registry import unknown_device
from posemark.runtimes.row import Runtime

ROWS = (
    Runtime("toy", __name__, packages=("numpy",), extra="toy", distributions=("numpy-of-toy",)),
)


def supported(device):
    if device != "cpu":
        raise unknown_device("toy", device, ["cpu"])
    return ("fp32", "fp16")


def open_session(target, source):
    return Session(target, source)


class Session:
    runtime, device = "toy", "cpu"

    def __init__(self, target, source):
        (self._output,) = source.spec.outputs
        self.precision = target.precision

    def prepare(self, shape):
        pass

    def infer(self, batch):
        stride = self._output.stride
        cells = [side // stride for side in batch.shape[2:]]
        maps = np.zeros((len(batch), self._output.channels, *cells), np.float32)
        maps[..., 3, 5] = 1
        return {self._output.name: maps}
'''
SMALL = "naive-litehrnet-18-256x192@gt"


@pytest.fixture
def added(tmp_path):
    folder = tmp_path / "runtimes"
    folder.mkdir()
    with zoo.one_more_file(runtimes, rows, folder, "toy_runtime", SOURCE):
        yield


def test_one_file_is_a_runtime(added):
    assert list(rows()) == ["torch", "torch-compile", "onnxruntime", "openvino", "tflite", "toy"]
    assert "toy" in installed()
    assert distributions()[-1] == "numpy-of-toy"
    assert "toy" not in formats().values()
    with pytest.raises(UsageError, match="toy finds no device 'gpu' here"):
        require(Target("toy", "fp32", "gpu"))
    with pytest.raises(UsageError, match="toy on cpu cannot run bf16; here it can run fp32, fp16"):
        require(Target("toy", "bf16"))
    with pytest.raises(UsageError, match="toy in fp32 on cpu has no layout"):
        require(Target("toy", layout="channels-last"))


def test_it_runs_from_the_plan_to_a_row_of_the_report(added, tmp_path):
    options = Options(data="sample", threads=1, limit=2, runtime="toy", precision="fp16")
    (job,) = plan([SMALL], options)
    dataset = Sample(4)
    path, _ = run_one(prepare_job(job, dataset, dataset.frames()), tmp_path)
    (row,) = load_rows([path])
    assert (row.runtime, row.precision, row.failed_frames) == ("toy", "fp16", 0)
    assert files.read(path).header.environment["libraries"]["numpy-of-toy"] is None


def test_without_the_file_there_is_no_such_runtime():
    with pytest.raises(UsageError, match="no runtime is called 'toy'"):
        require(Target("toy"))


def test_what_is_known_of_a_runtime_loads_none_of_its_libraries():
    code = (
        "import sys; from posemark.runtimes.registry import runtimes; runtimes(); "
        "sys.exit(bool({'torch', 'openvino', 'onnxruntime', 'onnx'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
