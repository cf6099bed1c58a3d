"""Hundreds of hostile pickles: each is refused in one paragraph, and nothing is executed.

The canary is a file that appears if a reader executes a pickle. Python's own pickle is tricked
first, which shows that the canary works.
"""

import contextlib
import copyreg
import io
import pickle
import resource
import struct
import sys
import tarfile
import time
import zipfile
from itertools import product

import pytest
import torch

from posemark.core.errors import CheckpointError
from posemark.weights import load_fitting

MODULE = """
from pathlib import Path

CANARY = Path({path!r})
CANARY.touch()

def sing(*_, **__):
    CANARY.touch()

class Singer:
    def __new__(cls, *_, **__):
        sing()
        return super().__new__(cls)
    def __setstate__(self, state):
        sing()
"""
EXTENSION = 0xF3
MOST_SECONDS, MOST_BYTES = 10, 10**9


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """The file that must not appear; importing the module that is made here would create it."""
    path = tmp_path / "canary"
    (tmp_path / "canary_module.py").write_text(MODULE.format(path=str(path)))
    monkeypatch.syspath_prepend(str(tmp_path))
    copyreg.add_extension("canary_module", "sing", EXTENSION)
    yield path
    copyreg.remove_extension("canary_module", "sing", EXTENSION)
    sys.modules.pop("canary_module", None)


# --- what is called -------------------------------------------------------------------------------


def text(value):
    content = value.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def named(module, name):
    return f"c{module}\n{name}\n".encode()


def payloads(path):
    """Return (module, name, argument) of calls that create the canary."""
    statement = f"__import__('pathlib').Path({str(path)!r}).touch()"
    script = str(path.with_name("canary_module.py"))
    return [
        ("os", "system", f"touch '{path}'"),
        ("posix", "system", f"touch '{path}'"),
        ("subprocess", "getoutput", f"touch '{path}'"),
        ("builtins", "eval", statement),
        ("builtins", "exec", statement),
        ("builtins", "__import__", "canary_module"),
        ("importlib", "import_module", "canary_module"),
        ("runpy", "run_path", script),
        ("canary_module", "sing", "x"),
    ]


def reduce(module, name, argument):
    return named(module, name) + text(argument) + b"\x85R"


# Ways to make the call: opcodes that leave one value on the stack.
WAYS = {
    "reduce": reduce,
    "reduce of a name on the stack": lambda m, n, a: (
        text(m) + text(n) + b"\x93" + text(a) + b"\x85R"
    ),
    "inst": lambda m, n, a: b"(" + text(a) + f"i{m}\n{n}\n".encode(),
    "obj": lambda m, n, a: b"(" + named(m, n) + text(a) + b"o",
    "newobj": lambda *_: named("canary_module", "Singer") + b")\x81",
    "newobj with keywords": lambda *_: named("canary_module", "Singer") + b")}\x92",
    "setstate": lambda *_: named("canary_module", "Singer") + b")\x81}" + text("k") + b"K\x01sb",
    "persistent id": lambda m, n, a: reduce(m, n, a) + b"Q",
    "extension 1": lambda *_: b"\x82" + bytes([EXTENSION]) + b")R",
    "extension 2": lambda *_: b"\x83" + struct.pack("<H", EXTENSION) + b")R",
    "extension 4": lambda *_: b"\x84" + struct.pack("<i", EXTENSION) + b")R",
    "getattr": lambda *_: (
        named("builtins", "getattr")
        + reduce("builtins", "__import__", "canary_module")
        + text("sing")
        + b"\x86R)R"
    ),
}


def called(way, payload):
    return WAYS[way](*payload)


@pytest.mark.parametrize("way", WAYS)
def test_whoever_executes_pickles_hears_the_canary_by_every_way(way, canary):
    sing = ("canary_module", "sing", "x")
    try:
        pickle.loads(b"\x80\x04" + called(way, sing) + b".")
    except pickle.UnpicklingError:
        assert way == "persistent id"
    assert canary.exists()


def test_whoever_executes_pickles_hears_the_canary_by_every_call(canary):
    for payload in payloads(canary):
        sys.modules.pop("canary_module", None)
        pickle.loads(b"\x80\x04" + called("reduce", payload) + b".")
        assert canary.exists(), payload
        canary.unlink()


# --- where it stands ------------------------------------------------------------------------------

TENSOR = named("torch._utils", "_rebuild_tensor_v2")
SIDES = b"K\x00K\x02\x85K\x01\x85\x89" + named("collections", "OrderedDict") + b")R"

PLACES = {
    "alone": lambda call: call,
    "in a list": lambda call: b"](" + call + b"e",
    "a value": lambda call: b"}" + text("state_dict") + call + b"s",
    "a key": lambda call: b"}" + call + b"K\x01s",
    "deep": lambda call: b"}" + text("a") + b"](" + b"]" * 50 + call + b"a" * 50 + b"es",
    "a state": lambda call: named("collections", "OrderedDict") + b")R" + call + b"b",
    "a storage": lambda call: TENSOR + b"(" + call + SIDES + b"tR",
    "in a reference": lambda call: (
        TENSOR
        + b"(("
        + text("storage")
        + call
        + text("0")
        + text("cpu")
        + b"K\x02tQ"
        + SIDES
        + b"tR"
    ),
    "an array": lambda call: named("numpy.core.multiarray", "_reconstruct") + call + b"\x85R",
    "a type of numbers": lambda call: named("numpy", "dtype") + call + b"\x89\x88\x87R",
}


def hostile(path):
    """Yield a program for every way and place, with the calls in rotation."""
    calls = payloads(path)
    for at, (way, place) in enumerate(product(WAYS, PLACES)):
        program = PLACES[place](called(way, calls[at % len(calls)]))
        yield f"{way}, {place}", b"\x80\x04" + program + b"."


class Obeying(pickle.Unpickler):
    def persistent_load(self, pid):
        return pid


def test_whoever_executes_pickles_hears_the_canary_from_every_place(canary):
    for what, program in hostile(canary):
        sys.modules.pop("canary_module", None)
        with contextlib.suppress(Exception):
            Obeying(io.BytesIO(program)).load()
        assert canary.exists(), what
        canary.unlink()


# --- in which file --------------------------------------------------------------------------------


def zipped(program):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x/data.pkl", program)
        archive.writestr("x/data/0", bytes(8))
        archive.writestr("x/version", "3\n")
    return out.getvalue()


def stream(at):
    """The hostile program as one of the five pickles of the stream format."""

    def write(program):
        parts = [pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {}, {}, ["0"])]
        parts[at] = program
        return b"".join(parts) + struct.pack("<q", 2) + bytes(8)

    return write


def tar(name):
    """The hostile program as one of the three members of the tar format."""

    def write(program):
        out = io.BytesIO()
        members = dict.fromkeys(("storages", "tensors"), pickle.dumps(0, 2) + pickle.dumps([], 2))
        members |= {"pickle": pickle.dumps({}, 2), name: program}
        with tarfile.open(fileobj=out, mode="w:") as archive:
            for each, content in members.items():
                member = tarfile.TarInfo(each)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return out.getvalue()

    return write


FILES = {
    "plain": lambda program: program,
    "zip": zipped,
    **{f"stream {at}": stream(at) for at in range(5)},
    **{f"tar {name}": tar(name) for name in ("storages", "tensors", "pickle")},
}


@pytest.mark.parametrize("file", FILES)
def test_no_hostile_pickle_executes_anything(file, canary, tmp_path):
    """Each kind of file is tried with 120 hostile programs."""
    path, wanted = tmp_path / "x.pth", {"w": torch.zeros(2)}
    before, names = peak_bytes(), set(sys.modules)
    count = 0
    for what, program in hostile(canary):
        path.write_bytes(FILES[file](program))
        start = time.perf_counter()
        with pytest.raises(CheckpointError) as error:
            load_fitting(path, wanted, "one")
        assert time.perf_counter() - start < MOST_SECONDS, what
        assert not canary.exists(), what
        assert str(error.value).startswith(f"{path}: "), what
        assert "\n" not in str(error.value), what
        count += 1
    assert count == len(WAYS) * len(PLACES)
    assert "canary_module" not in set(sys.modules) - names
    assert peak_bytes() - before < MOST_BYTES


def peak_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
