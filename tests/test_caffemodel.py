"""Reading .caffemodel files, whole and damaged."""

import math
import time
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import goldens
from caffe_writer import NEW, V1, field, net, varint
from posemark import caffemodel, weights
from posemark.core.errors import CheckpointError

FILES = ("new_format.caffemodel", "v1_format.caffemodel")


RNG = np.random.default_rng(0)
CONV = (RNG.normal(size=(4, 3, 3, 3)).astype("f4"), RNG.normal(size=4).astype("f4"))
SLOPES = (RNG.normal(size=4).astype("f4"),)
TINY = {"conv": CONV, "data": (), "prelu": SLOPES}


@pytest.fixture(scope="module")
def tiny():
    return [goldens.path(f"caffemodel_tiny/{file}").read_bytes() for file in FILES]


# --- whole files ------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
def test_files_that_opencv_4_reads(file):
    expected = goldens.arrays("caffemodel_tiny/expected.npz")
    found = caffemodel.read(goldens.path(f"caffemodel_tiny/{file}"))
    wanted = expected if len(found) == len(expected) else {k: expected[k] for k in found}
    assert {"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"} <= set(found)
    for key, array in wanted.items():
        assert array.shape == found[key].shape
        np.testing.assert_array_equal(array, found[key])


@pytest.mark.parametrize("format_", [NEW, V1])
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_every_layout(format_, legacy, packed):
    found = caffemodel.parse(net(TINY, format_, legacy=legacy, packed=packed))
    assert list(found) == ["conv.weight", "conv.bias", "prelu.weight"]
    for key, array in zip(found, (*CONV, *SLOPES), strict=True):
        assert found[key].shape == array.shape
        np.testing.assert_array_equal(found[key], array)


def test_weights_load_them_by_suffix(tmp_path):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.prelu = torch.nn.Conv2d(3, 4, 3), torch.nn.PReLU(4)

    path, network = tmp_path / "tiny.caffemodel", Net()
    path.write_bytes(net(TINY))
    weights.load_into(network, path)
    np.testing.assert_array_equal(network.conv.weight.detach(), CONV[0])
    np.testing.assert_array_equal(network.prelu.weight.detach(), SLOPES[0])


def test_a_big_unpacked_blob_is_read_at_once():
    array = RNG.normal(size=300_000).astype("f4")
    records = np.empty(len(array), np.dtype([("tag", "u1"), ("value", "<f4")]))
    records["tag"], records["value"] = 0x2D, array
    content = field(7, field(1, varint(len(array)))) + records.tobytes()
    layer = field(1, b"big") + field(7, content)
    start = time.perf_counter()
    found = caffemodel.parse(field(100, layer))
    assert time.perf_counter() - start < 5
    np.testing.assert_array_equal(found["big.weight"], array)


# --- damage -----------------------------------------------------------------------------------


def read_or_refuse(content):
    """Return what was read, or {} if the file was refused with a ValueError, as it should be."""
    try:
        return caffemodel.parse(content)
    except ValueError:
        return {}


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_cut_anywhere_is_refused_or_lacks_whole_layers(which, tiny):
    whole = caffemodel.parse(tiny[which])
    for size in range(len(tiny[which])):
        found = read_or_refuse(tiny[which][:size])
        assert len(found) < len(whole)
        for key, array in found.items():
            np.testing.assert_array_equal(array, whole[key])


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_flipped_bytes_never_crash_or_grow(data):
    content = bytearray(net(TINY, packed=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    found = read_or_refuse(bytes(content))
    assert sum(a.nbytes for a in found.values()) <= 2 * len(content)


@settings(deadline=None, max_examples=300)
@given(content=st.binary(max_size=400))
def test_garbage_never_crashes(content):
    read_or_refuse(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no layer with weights"),
        (field(1, b"only a name"), "no layer with weights"),
        (varint(100 << 3 | 2) + varint(1 << 60), "bytes where 0 are left"),
        (b"\xff" * 20, "longer than 64 bits"),
        (b"\x0b", "unknown kind 3"),
        (field(100, 7), "a layer in it is a bare number"),
        (net({"a": CONV}) + net({"a": CONV}), "two layers called 'a'"),
        (field(100, field(1, b"\xff\xfe")), "no text"),
    ],
)
def test_damage_is_named(content, reason, tmp_path):
    path = tmp_path / "x.caffemodel"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=reason) as error:
        weights.load_fitting(path, {}, "any")
    assert "fetch it again" in str(error.value)
    assert str(path) in str(error.value)


def test_a_file_longer_than_protobuf_allows_is_not_read(tmp_path):
    path = tmp_path / "x.caffemodel"
    with path.open("wb") as file:
        file.truncate(caffemodel.LARGEST + 1)
    with pytest.raises(CheckpointError, match="it has more than 2,147,483,647 bytes"):
        caffemodel.read(path)


def test_a_shape_that_does_not_fit_allocates_nothing():
    huge = field(7, field(1, varint(1 << 40) + varint(1 << 20))) + field(5, bytes(8))
    with pytest.raises(ValueError, match="holds 2 numbers"):
        caffemodel.parse(field(100, field(1, b"a") + field(7, huge)))
    assert math.prod((1 << 40, 1 << 20)) > 1 << 59


@pytest.mark.parametrize(
    "blob_content",
    [
        (b"\x2d" + bytes(4) + b"\x08\x01") * 100_000,
        field(7, field(1, varint((1 << 64) - 1) * 100_000)),
    ],
    ids=["alternating fields", "a shape of 100,000 sides"],
)
def test_hostile_files_take_linear_time(blob_content):
    content = field(7, blob_content)
    start = time.perf_counter()
    read_or_refuse(field(100, field(1, b"a") + content))
    assert time.perf_counter() - start < 20


ONE = field(7, b"\x2d" + bytes(4))
TINY_FIELDS = {
    "layers": field(100, b""),
    "other fields of the network": field(3, 1),
    "layers with weights": field(100, ONE),
    "blobs": ONE,
    "runs of numbers": field(5, b""),
    "numbers with another tag each": b"\x2d" + bytes(4) + b"\x35" + bytes(4),
    "sides": field(1, 1),
    "names": field(1, b"a"),
}
WITHIN = {  # the fields around them
    "blobs": lambda fields: field(100, fields),
    "names": lambda fields: field(100, fields),
    "runs of numbers": lambda fields: field(100, field(7, fields)),
    "numbers with another tag each": lambda fields: field(100, field(7, fields)),
    "sides": lambda fields: field(100, field(7, field(7, fields))),
}


def many(kind):
    """Return 5 MB of tiny fields."""
    tiny = TINY_FIELDS[kind]
    fields = tiny * (5_000_000 // len(tiny))
    return WITHIN.get(kind, bytes)(fields)


@pytest.mark.parametrize("kind", TINY_FIELDS)
def test_a_file_of_many_tiny_fields_is_refused_soon(kind):
    content = many(kind)
    start = time.process_time()
    with pytest.raises(ValueError, match="more than (65,536 fields|32 sides)|two layers called"):
        caffemodel.parse(content)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("kind", ["blobs", "runs of numbers"])
def test_what_many_tiny_fields_hold_is_limited(kind):
    content = many(kind)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="more than 65,536 fields"):
            caffemodel.parse(content)
        assert tracemalloc.get_traced_memory()[1] < 500_000_000
    finally:
        tracemalloc.stop()


def test_a_blob_without_numbers_is_refused_whatever_its_other_sides():
    empty = field(7, field(1, varint(0) + varint(1 << 63)))
    with pytest.raises(ValueError, match="holds 0 numbers"):
        caffemodel.parse(field(100, field(1, b"a") + field(7, empty)))
