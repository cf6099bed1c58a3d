"""Reading real checkpoints of every age and kind, and hostile ones, without executing code."""

import argparse
import copy
import io
import pickle
import random
import struct
import time
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

import goldens
from made_weights import as_file, tar
from posemark.core.errors import CheckpointError
from posemark.weights import load_fitting, torch_file


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.head = nn.Linear(4, 2)
        self.register_buffer("grid", torch.arange(3), persistent=False)


@pytest.fixture(scope="module")
def net():
    generator = torch.Generator().manual_seed(5)
    net = Net()
    for tensor in net.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator))
    return net


@pytest.fixture
def load(net, tmp_path):
    """Load bytes, or an object that torch.save writes, for the network."""

    def load(content, part="", name="x.pth", **how):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path, **how)
        return load_fitting(path, net.state_dict(), "Net", part=part)

    return load


def require_equal(found, net):
    assert found.keys() == net.state_dict().keys()
    for key, tensor in net.state_dict().items():
        assert torch.equal(found[key], tensor), key
        assert found[key].dtype == tensor.dtype


class HistoryBuffer:
    """Like mmengine's class: an object of an unknown class, with arrays as its state."""

    def __init__(self):
        self._log_history = np.arange(4.0)
        self._statistics_methods = {"mean": len}


class Averaged:
    """Like ultralytics' ModelEMA: an object that contains a module."""

    def __init__(self, module):
        self.ema, self.updates = module, 3


def prefixed(prefix):
    return lambda net: OrderedDict((prefix + k, v) for k, v in net.state_dict().items())


def without_counters(net):
    return {k: v for k, v in net.state_dict().items() if "num_batches" not in k}


def adam(net):
    net = copy.deepcopy(net)
    optimizer = torch.optim.Adam(net.parameters())
    sum(p.sum() for p in net.parameters()).backward()
    optimizer.step()
    return optimizer.state_dict()


def under(key):
    return lambda net: {"epoch": 3, key: net.state_dict()}


WHOLE = {
    "state dict": lambda net: net.state_dict(),
    "no counters": without_counters,
    "module.": prefixed("module."),
    "model.": prefixed("model."),
    "_orig_mod.": prefixed("_orig_mod."),
    "module._orig_mod.": prefixed("module._orig_mod."),
    "compiled inside": lambda net: {
        k.replace("backbone.", "backbone._orig_mod."): v for k, v in net.state_dict().items()
    },
    **{
        key: under(key)
        for key in ("state_dict", "model", "network", "params", "model_state_dict", "ema")
    },
    "NumPy scalars": lambda net: {"state_dict": net.state_dict(), "perf": np.float64(0.66)},
    "NumPy arrays": lambda net: {
        "meta": {"dataset_meta": {"sigmas": np.full(17, 0.05), "names": np.array(["a", "bc"])}},
        "state_dict": net.state_dict(),
        "message_hub": {"log_scalars": {"loss": HistoryBuffer()}},
    },
    "namespace": lambda net: {"args": argparse.Namespace(lr=1), "model": net.state_dict()},
    "optimizer": lambda net: {"state_dict": net.state_dict(), "optimizer": adam(net)},
    "module": lambda net: net,
    "module in a dict": lambda net: {"model": net, "ema": None},
    "module in an object": lambda net: {"ema": Averaged(net), "model": None},
    "parameters": lambda net: {
        k: nn.Parameter(v) if v.is_floating_point() else v for k, v in net.state_dict().items()
    },
    "equal copies": lambda net: {
        "state_dict": prefixed("module.")(net),
        "best_state_dict": net.state_dict(),
    },
    "arrays": lambda net: {k: v.numpy() for k, v in net.state_dict().items()},
    "views of one storage": lambda net: views(net),
}


def views(net):
    """Return a state whose weights are views of one flat buffer."""
    state = without_counters(net)
    flat = torch.cat([t.flatten() for t in state.values()])
    parts = flat.split([t.numel() for t in state.values()])
    return {k: p.view(t.shape) for (k, t), p in zip(state.items(), parts, strict=True)}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])
@pytest.mark.parametrize("case", WHOLE)
def test_checkpoints_as_people_have_them_load(case, zipped, net, load):
    require_equal(load(WHOLE[case](net), _use_new_zipfile_serialization=zipped), net)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_pickles_is_read(protocol, net, load):
    require_equal(load({"a": np.ones(3), "model": net}, pickle_protocol=protocol), net)
    arrays = {k: np.asfortranarray(v.numpy()) for k, v in net.state_dict().items()}
    require_equal(load(pickle.dumps(arrays, protocol)), net)


def test_types_are_converted_to_the_networks(net, load):
    require_equal(
        load({k: v.double() if v.is_floating_point() else v for k, v in net.state_dict().items()}),
        net,
    )
    whole = {k: torch.ones_like(v, dtype=torch.int8) for k, v in net.state_dict().items()}
    with pytest.raises(CheckpointError, match="with another type: .*expected float32, got int8"):
        load(whole)


def test_the_tar_format_is_read_as_torch_reads_it(net, load, tmp_path):
    content = tar(net.state_dict())
    path = tmp_path / "torch.pth"
    path.write_bytes(content)
    for key, tensor in torch.load(path, weights_only=False).items():
        assert torch.equal(tensor, net.state_dict()[key])
    require_equal(load(content), net)


# --- which of several ---------------------------------------------------------------------------


def test_of_two_that_differ_one_is_asked_for(net, load):
    twice = {k: v * 2 for k, v in net.state_dict().items()}
    both = {"state_dict": net.state_dict(), "ema": {"module": twice}}
    with pytest.raises(CheckpointError, match="differ: state_dict and ema.module") as error:
        load(both)
    assert "posemark weights import FILE --as MODEL.TAG --part state_dict" in str(error.value)
    require_equal(load(both, part="state_dict"), net)
    assert torch.equal(load(both, part="ema.module")["head.bias"], net.head.bias * 2)
    with pytest.raises(CheckpointError, match="'best'.*state_dict \\(9 tensors\\), ema.module"):
        load(both, part="best")


def test_what_does_not_fit_names_the_top_level(net, load):
    with pytest.raises(CheckpointError) as error:
        load({"epoch": 3, "generator\x1b[2J": {"w": torch.zeros(3)}})
    text = str(error.value)
    assert "epoch (a int)" in text
    assert "8 missing: backbone.0.weight" in text
    assert "1 unexpected: w" in text
    assert "\x1b" not in text


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_weights_that_are_not_finite_are_refused(value, net, load):
    state = {k: v.double() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    state["head.weight"] = state["head.weight"].clone()
    state["head.weight"][1, 1] = value
    with pytest.raises(CheckpointError, match="1 of 9 tensors.*not finite numbers: head.weight"):
        load(state)


def repacked(content):
    """Return the archive, compressed."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for item in old.infolist():
            new.writestr(item.filename, old.read(item))
    return out.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(net, load):
    state = dict(net.state_dict())
    state["head.bias"] = torch.zeros(40_000_000)[:2]  # two numbers of a storage of 160 MB
    content = repacked(as_file(state))
    assert len(content) < 1_000_000
    with pytest.raises(CheckpointError, match="would take 160,0.* bytes of memory"):
        load(content)
    require_equal(load(repacked(as_file(net.state_dict()))), net)


def test_a_long_table_of_contents_is_refused_before_it_is_read(net, load, monkeypatch):
    content = as_file(net.state_dict())
    table = len(content) - content.index(b"PK\1\2")
    monkeypatch.setattr(torch_file, "LARGEST_TABLE", table)
    require_equal(load(content), net)
    monkeypatch.setattr(torch_file, "LARGEST_TABLE", 500)
    with pytest.raises(CheckpointError, match="its table of contents has more than 500 bytes"):
        load(content)


def test_a_long_header_of_safetensors_is_refused_before_it_is_read(net, tmp_path):
    path = tmp_path / "x.safetensors"
    for length, reason in ((1 << 22, "damaged"), ((1 << 22) + 1, "header has 4,194,305 bytes")):
        path.write_bytes(struct.pack("<Q", length) + b"{}")
        with pytest.raises(CheckpointError, match=reason):
            load_fitting(path, net.state_dict(), "Net")


def nested(levels):
    """Return a module that contains a module twice, and so on: 2 to the power of levels."""
    module = nn.Sequential(nn.Linear(1, 1))
    for _ in range(levels):
        module = nn.Sequential(module, module)
    return module


def cyclic():
    loop = {}
    loop["state_dict"] = loop
    return loop


def cyclic_module():
    net = Net()
    net._modules["self"] = net
    return net


def key_bomb():
    """Return a key: a tuple that contains a tuple twice, and so on. Hashing it would never end."""
    start = b"\x80\x02}" + b"K\x01\x85" + b"q\x00"
    return (
        start
        + b"".join(
            b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(60)
        )
        + b"K\x01s."
    )


HOSTILE = {
    "cyclic": as_file(cyclic()),
    "cyclic module": as_file(cyclic_module()),
    "modules without end": as_file(nested(40)),
    "key bomb": key_bomb(),
    "empty pickle": b"\x80\x02.",
    "two bytes": b"\x80\x02",
    "huge memo": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "huge text": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 60) + b"x.",
    "huge bytes": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"x.",
    "endless steps": b"\x80\x02" + b"N0" * 1_500_000 + b"N.",
    "random": b"\x80\x02" + bytes(range(256)) * 4,
    "extension": b"\x80\x02\x82\x01.",
    "no stack": b"\x80\x02R.",
    "huge count": as_file({}, _use_new_zipfile_serialization=False)[:-4] + b"\xff" * 8,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_in_time(case, load):
    start = time.perf_counter()
    with pytest.raises(CheckpointError, match="x.pth"):
        load(HOSTILE[case])
    assert time.perf_counter() - start < 30  # seconds; far more than needed, and finite


def test_a_program_is_said_to_be_one(net, tmp_path):
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(path, "w") as archive:  # what torch.jit.save writes, beside its code
        for name in ("data.pkl", "constants.pkl"):
            archive.writestr(f"x/{name}", pickle.dumps((), 2))
    with pytest.raises(CheckpointError) as error:
        load_fitting(path, net.state_dict(), "Net")
    assert "TorchScript archive. That is a program" in str(error.value)
    assert str(error.value).endswith("Save the `state_dict()` of its module instead.")


# --- damage ---------------------------------------------------------------------------------------

SEEDS = {
    "zip.pth": lambda net: as_file({"meta": {"a": np.ones(3)}, "state_dict": net.state_dict()}),
    "stream.pth": lambda net: as_file(net, _use_new_zipfile_serialization=False),
    "tar.pth": lambda net: tar(net.state_dict()),
    "arrays.pth": lambda net: pickle.dumps({k: v.numpy() for k, v in net.state_dict().items()}),
    "x.safetensors": lambda net: save(dict(net.state_dict())),
    "x.caffemodel": lambda net: goldens.path("caffemodel_tiny/new_format.caffemodel").read_bytes(),
}


def mutant(content, draw):
    changed = bytearray(content)
    if draw.random() < 0.1:
        return bytes(changed[: draw.randrange(len(changed))])
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        at = draw.randrange(len(changed))
        changed[at : at + draw.randrange(3)] = draw.randbytes(draw.randrange(4))
    return bytes(changed)


@pytest.mark.parametrize("name", SEEDS)
def test_mutants_load_or_are_refused(name, net, load):
    draw = random.Random(7)
    content = SEEDS[name](net)
    refused = 0
    for _ in range(500):
        try:
            load(mutant(content, draw), name=name)
        except CheckpointError:
            refused += 1
    assert refused > 50
