"""What OpenVINO is asked for beside its results."""

import numpy as np
import pytest

from posemark.core.target import Target
from posemark.runtimes.open_vino import OpenVinoFileSession

openvino = pytest.importorskip("openvino")

SHAPE = [1, 3, 8, 8]


@pytest.fixture
def path(tmp_path):
    """A network of one convolution."""
    images = openvino.opset13.parameter(SHAPE, name="images")
    weights = np.ones((4, 3, 3, 3), np.float32)
    maps = openvino.opset13.convolution(images, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    model = openvino.Model([maps], [images])
    openvino.save_model(model, tmp_path / "model.xml")
    return tmp_path / "model.xml"


def test_threads_are_not_pinned_so_that_two_processes_do_not_share_a_core(path):
    session = OpenVinoFileSession(openvino.Core(), path, 1, Target("openvino"))
    compiled = session._request(tuple(SHAPE)).get_compiled_model()
    assert compiled.get_property("ENABLE_CPU_PINNING") is False
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1
