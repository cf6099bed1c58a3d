"""A real checkpoint (../shared/weights) in every format in use, with foreign classes.

The classes of other programs are defined here, and removed before the file is read.
"""

import argparse
import sys
from collections import OrderedDict
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import goldens
from made_weights import tar
from posemark.datasets import open_dataset
from posemark.models import spec_of
from posemark.records import files
from posemark.report.results import row_of
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.weights import import_all, load_fitting
from runs import run_one

MODEL = "wider-naive-litehrnet-18-256x192"


@pytest.fixture(scope="module")
def tinypose():
    return load_file(goldens.shared("weights/tinypose_256x192_wider_naive_litehrnet18.safetensors"))


@contextmanager
def stand_in(name, *bases, **body):
    """Define a class of a module that does not exist, while something is pickled."""
    module, _, short = name.rpartition(".")
    parents = [module.rsplit(".", at)[0] for at in range(module.count(".") + 1)]
    made = type(short, bases, {"__module__": module} | body)
    for each in parents:
        sys.modules[each] = ModuleType(each)
    setattr(sys.modules[module], short, made)
    try:
        yield made
    finally:
        for each in parents:
            del sys.modules[each]


def mmengine(state, path):
    """Save as mmpose 1.x does: with arrays in the meta data, and a history of objects."""
    with stand_in("mmengine.logging.history_buffer.HistoryBuffer") as buffer:
        history = buffer()
        history._log_history, history._count_history = np.arange(6.0), np.ones(6)
        history._statistics_methods = {"mean": len}
        dataset = {"sigmas": np.full(17, 0.05), "keypoint_colors": np.zeros((17, 3), np.uint8)}
        content = {
            "meta": {"epoch": 210, "cfg": "model = dict()", "dataset_meta": dataset},
            "state_dict": state,
            "message_hub": {"log_scalars": {"train/loss": history}, "runtime_info": {"iter": 7}},
        }
        torch.save(content, path)


def training(state, path):
    """Save as the training scripts of the HRNet family do."""
    content = {
        "epoch": 210,
        "state_dict": OrderedDict((f"module.{k}", v) for k, v in state.items()),
        "best_state_dict": state,
        "perf": np.float64(0.664),
        "best_acc": np.float32(0.7),
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4, "params": list(range(9))}]},
    }
    torch.save(content, path)


def arguments(state, path):
    torch.save({"args": argparse.Namespace(lr=0.1, seed=None), "model": state}, path)


def module(state, path):
    """Save a whole network, as `torch.save(model)` does, and its averaged copy."""
    with stand_in("ultralytics.nn.tasks.PoseModel", nn.Module) as kind:
        torch.save({"model": tree(state, kind), "ema": None, "date": "2023"}, path)


def tree(state, kind):
    """Return modules of that class, nested as the names of a state dict are."""
    top = kind()
    for name, tensor in state.items():
        *parents, own = name.split(".")
        where = top
        for parent in parents:
            if parent not in where._modules:
                where.add_module(parent, kind())
            where = where._modules[parent]
        where.register_buffer(own, tensor)
    return top


def averaged(state, path):
    with stand_in("timm.utils.model_ema.ModelEma") as kind:
        ema = kind()
        ema.module, ema.decay = dict(state), 0.9999
        torch.save({"state_dict": state, "ema": ema, "state_dict_ema": state}, path)


def under(key, prefix=""):
    def write(state, path):
        torch.save({"epoch": 3, key: {prefix + k: v for k, v in state.items()}}, path)

    return write


FORMATS = {
    "mmengine": mmengine,
    "training": training,
    "namespace": arguments,
    "module": module,
    "averaged": averaged,
    "plain": lambda state, path: torch.save(state, path),
    "stream": lambda state, path: torch.save(state, path, _use_new_zipfile_serialization=False),
    "tar": lambda state, path: path.write_bytes(tar(state)),
    **{key: under(key) for key in ("model", "network", "params", "model_state_dict", "ema")},
    **{key: under("state_dict", key) for key in ("module.", "model.")},
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_real_checkpoint_loads_whatever_was_put_around_it(name, tinypose, tmp_path):
    path = tmp_path / "file.pth"
    FORMATS[name](tinypose, path)
    wanted = spec_of(MODEL).build().state_dict()
    before = set(sys.modules)
    found = load_fitting(path, wanted, MODEL)
    assert set(sys.modules) == before, "nothing was imported"
    assert set(found) == set(wanted)
    for key, tensor in tinypose.items():  # its counters are vectors of one number
        assert torch.equal(found[key], tensor.reshape(wanted[key].shape)), key


def test_a_real_checkpoint_is_recognised_in_another_packing(tinypose, tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    mmengine(tinypose, tmp_path / "epoch_210.pth")
    (outcome,) = import_all([tmp_path / "epoch_210.pth"], [spec_of(MODEL)])
    assert (outcome.names, outcome.digest) == ((f"{MODEL}.official",), "not known")


def accuracy(weights, folder):
    """Return the results of a run over the first images with these weights."""
    options = Options(
        data=f"coco:{goldens.shared('coco')}", threads=1, weights=str(weights), limit=12
    )
    (job,) = plan([f"{MODEL}@gt"], options)
    dataset = open_dataset(options.data)
    prepared = prepare_job(job, dataset, dataset.frames()[:12])
    return row_of(files.read(run_one(prepared, folder)[0]), {}).ap


@pytest.mark.timeout(600)
def test_the_accuracy_is_that_of_the_file_whose_ap_is_known(tinypose, tmp_path):
    """test_real_accuracy.py compares that file with an independent evaluation."""
    original = goldens.shared("weights/tinypose_256x192_wider_naive_litehrnet18.safetensors")
    expected = accuracy(original, tmp_path / "original")
    assert expected["AP"] > 0.5
    for name in ("mmengine", "module"):
        FORMATS[name](tinypose, tmp_path / f"{name}.pth")
        assert accuracy(tmp_path / f"{name}.pth", tmp_path / name) == expected
