"""A family is added in one file and one golden: this test adds one, and changes no other file."""

import json
from contextlib import ExitStack
from inspect import signature

import numpy as np
import pytest
from torch.nn import functional

import goldens
import zoo
from models import test_every_model as every
from posemark import export, models
from posemark.datasets.sample import Sample
from posemark.report.results import load_rows
from posemark.run.options import Options
from posemark.run.plan import plan, suites
from posemark.run.prepare import prepare_job
from runs import run_one

NAME = "toynet-64x48"

FAMILY = '''
"""ToyNet: three convolutions, for a test."""

from torch import nn

from posemark.codecs.heatmap import Heatmap
from posemark.core.spec import ModelSpec, TopDown
from posemark.geometry.conventions import HRNET


class ToyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, 2, 1, bias=False)
        self.final_layer = nn.Conv2d(8, 17, 1)

    def forward(self, x):
        return {"heatmaps": self.final_layer(self.conv2(self.bn1(self.conv1(x)).relu()))}


MODELS = (
    ModelSpec(
        name="toynet-64x48",
        family="ToyNet",
        paper="arXiv 0000.00000",
        origin="github.com/nobody/toynet",
        licence="MIT",
        input_hw=(64, 48),
        build=ToyNet,
        method=TopDown(HRNET, Heatmap("quarter")),
        parameters=961,
        macs=302_592,
    ),
)
'''

KEYS = [
    ["conv1.weight", [8, 3, 3, 3], "float32"],
    *([f"bn1.{name}", [8], "float32"] for name in ("weight", "bias", "running_mean")),
    ["bn1.running_var", [8], "float32"],
    ["bn1.num_batches_tracked", [], "int64"],
    ["conv2.weight", [8, 8, 3, 3], "float32"],
    ["final_layer.weight", [17, 8, 1, 1], "float32"],
    ["final_layer.bias", [17], "float32"],
]


def official(state, x):
    """Return the output, as the authors' code would compute it."""
    norm = (state[f"bn1.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
    x = functional.conv2d(x, state["conv1.weight"], None, 2, 1)
    x = functional.relu(functional.batch_norm(x, *norm))
    x = functional.conv2d(x, state["conv2.weight"], None, 2, 1)
    return functional.conv2d(x, state["final_layer.weight"], state["final_layer.bias"])


@pytest.fixture
def golden(tmp_path, monkeypatch):
    """The folder of the family's golden."""
    monkeypatch.setattr(goldens, "HERE", tmp_path / "golden")
    folder = tmp_path / "golden" / goldens.folder(NAME)
    folder.mkdir(parents=True)
    (folder / "keys.json").write_text(json.dumps({"keys": KEYS}))
    given = {"input_seed": 1, "input_shape": (2, 3, 64, 48)}
    output = official(goldens.state_dict(folder.name), goldens.network_input(given))
    np.savez(folder / "golden.npz", output=output.numpy(), **given)
    return folder


@pytest.fixture
def add(tmp_path):
    """A function that adds a family file to the zoo until the test ends."""
    package = tmp_path / "zoo"
    package.mkdir()

    with ExitStack() as stack:

        def put(source):
            files = zoo.one_more_file(models, models.all_models, package, "toynet", source)
            stack.enter_context(files)

        yield put


def test_one_file_is_a_family_of_the_zoo(add):
    before = list(models.all_models())
    add(FAMILY)
    assert list(models.all_models()) == [*before, NAME]
    assert models.spec_of(NAME).family == "ToyNet"
    entries = [entry.name for entry in suites()["all"]]
    assert entries[-2:] == [f"{NAME}@detected", f"{NAME}@gt"]


def test_what_is_kept_of_its_network_hangs_on_its_file_and_on_no_other_family(add, tmp_path):
    def codes():
        return {name: export.facts(models.spec_of(name), "", "", "fp32")["code"] for name in known}

    add(FAMILY)
    known = [NAME, "hrnet-w32-256x192", "dekr-w32-512"]
    before = codes()
    (tmp_path / "zoo" / "toynet.py").write_text(FAMILY + "# edited\n")
    assert [name for name, code in codes().items() if code != before[name]] == [NAME]


def test_it_passes_what_every_model_must_fulfil(add, golden):
    add(FAMILY)
    tests = [test for name, test in vars(every).items() if name.startswith("test_")]
    checks = [test for test in tests if list(signature(test).parameters) == ["name"]]
    assert len(checks) >= 6
    for check in checks:
        check(NAME)


@pytest.mark.parametrize(
    ("right", "wrong", "check"),
    [
        ("parameters=961", "parameters=960", "parameters_are_the_counted_ones"),
        ("302_592", "302_591", "macs_are_half_the_counted_flops"),
        ("self.conv2 ", "self.other = self.conv2 ", "names_and_shapes_of_the_state_dict"),
        (".relu()", "", "output_is_that_of_the_golden"),
    ],
)
def test_a_mistake_in_the_file_is_noticed(right, wrong, check, add, golden):
    assert FAMILY.count(right) == 1
    add(FAMILY.replace(right, wrong))
    (failing,) = (test for name, test in vars(every).items() if check in name)
    with pytest.raises(AssertionError):
        failing(NAME)


@pytest.mark.parametrize("file", ["keys.json", "golden.npz"])
def test_a_network_without_a_golden_fails_by_name(file, add, golden):
    add(FAMILY)
    (golden / file).unlink()
    with pytest.raises(AssertionError, match=rf"{NAME} has no golden: .*toynet_64x48/{file}"):
        every.test_the_output_is_that_of_the_golden(NAME)


def test_it_runs_from_the_plan_to_a_row_of_the_report(add, tmp_path):
    add(FAMILY)
    options = Options(data="sample", threads=1, flip=True, limit=2)
    (job,) = plan([NAME], options)
    dataset = Sample(4)
    path, _ = run_one(prepare_job(job, dataset, dataset.frames()), tmp_path)
    (row,) = load_rows([path])
    assert (row.model, row.family, row.frames, row.failed_frames) == (NAME, "ToyNet", 2, 0)
    assert row.fps_pose > 0
    assert row.codec_ceiling > 0.5
