"""A codec is added in one file: here a family with its own codec, which reads two outputs.

No other file knows the codec, so the test also shows that no other file depends on the kind of a
codec: it is used in a run with the flip test, in a row of the report, and in an export's list of
outputs.
"""

import numpy as np
import pytest

import zoo
from posemark import models
from posemark.core.errors import UsageError
from posemark.datasets.sample import Sample
from posemark.report.results import load_rows
from posemark.run.export_model import export_model
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.tune.search_space import Subject, decoders
from runs import run_one

NAME = "toyoffsets-64x48"

FAMILY = '''
"""ToyOffsets: whole cells in one output, what is left of a cell in another."""

from dataclasses import dataclass

import numpy as np
from torch import nn

from posemark.codecs.heatmap import Heatmap
from posemark.core.codec import NoVariants, Output
from posemark.core.spec import ModelSpec, TopDown
from posemark.geometry.conventions import HRNET


@dataclass(frozen=True)
class CellAndRest(NoVariants):
    """A heatmap says which cell, two more maps how far from its centre."""

    name = "cell-and-rest"
    stride = 4

    def outputs(self, skeleton):
        count = len(skeleton.keypoints)
        return (
            Output("cells", count, 4, skeleton.name, count),
            Output("rest", 2 * count, 4, skeleton.name, 0),
        )

    def encode(self, keypoints_xy, visible, size_wh):
        whole = np.round(keypoints_xy)
        cells = Heatmap().gaussians(whole, visible, size_wh)
        rest = (keypoints_xy - whole).reshape(len(cells), 2 * cells.shape[1], 1, 1)
        return {"cells": cells, "rest": np.broadcast_to(rest, (*rest.shape[:2], *cells.shape[2:]))}

    def decode(self, outputs, mirrored, convention, skeleton):
        found, scores = self._read(outputs, convention)
        if mirrored is not None:
            order, width = list(skeleton.mirrored()), outputs["cells"].shape[-1]
            other, _ = self._read(mirrored, convention)
            other[..., 0] = width - 1 / self.stride - other[..., 0]
            found = (found + other[:, order]) / 2
        return found, scores

    def _read(self, outputs, convention):
        cells, scores = Heatmap("argmax").peaks(outputs["cells"], convention.missing_xy)
        rest = outputs["rest"].reshape(*cells.shape, *outputs["rest"].shape[2:])
        return cells + rest[..., 0, 0], scores


class ToyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 51, 3, 4, 1)

    def forward(self, x):
        maps = self.conv(x)
        return {"cells": maps[:, :17], "rest": maps[:, 17:]}


MODELS = (
    ModelSpec(
        name="toyoffsets-64x48",
        family="ToyOffsets",
        paper="arXiv 0000.00000",
        origin="github.com/nobody/toyoffsets",
        licence="MIT",
        input_hw=(64, 48),
        build=ToyNet,
        method=TopDown(HRNET, CellAndRest()),
        parameters=1_428,
        macs=264_384,
    ),
)
'''


@pytest.fixture(autouse=True)
def added(tmp_path):
    folder = tmp_path / "zoo"
    folder.mkdir()
    with zoo.one_more_file(models, models.all_models, folder, "toyoffsets", FAMILY):
        yield


@pytest.mark.parametrize("flip", [False, True])
def test_a_codec_with_two_outputs_runs_and_reaches_its_ceiling(flip, tmp_path):
    (job,) = plan([NAME], Options(data="sample", threads=1, flip=flip, limit=4))
    dataset = Sample(12)
    path, _ = run_one(prepare_job(job, dataset, dataset.frames()), tmp_path / "out")
    (row,) = load_rows([path])
    assert (row.frames, row.failed_frames) == (4, 0)
    assert row.codec == "cell-and-rest"
    assert row.codec_ceiling > 0.95, "decimals of a cell come from the second output"


def test_its_outputs_are_those_that_an_export_has(tmp_path):
    done = export_model(NAME, "none", tmp_path / "toy.onnx", 1)
    assert set(done.outputs) == {each.name for each in models.spec_of(NAME).outputs}


def test_what_it_cannot_do_is_said_of_it(tmp_path):
    (job,) = plan([NAME], Options(data="sample", threads=1, codec="argmax"))
    with pytest.raises(UsageError, match=f"cannot read the outputs of {NAME}"):
        prepare_job(job, Sample(1), Sample(1).frames())
    (step,) = decoders(Subject(models.spec_of(NAME), ("torch",), None, 1), ())
    assert step.missing == "this model's decoder has no variants"


def test_both_outputs_are_needed():
    spec = models.spec_of(NAME)
    points = np.array([[[5.3, 7.8]] * 17])
    outputs = spec.codec.encode(points, np.ones((1, 17), bool), (12, 16))
    found, _ = spec.codec.decode(outputs, None, spec.convention, spec.skeleton)
    np.testing.assert_allclose(found, points, atol=1e-6)
    with pytest.raises(KeyError):
        spec.codec.decode({"cells": outputs["cells"]}, None, spec.convention, spec.skeleton)
