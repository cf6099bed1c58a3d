"""The zip of a bundle: bytes that depend on the content alone, and whole or not there."""

import os
import zipfile

import pytest

from posemark.bundle.archive import writing
from posemark.core.errors import UsageError


def write(path, model):
    with writing(path) as archive:
        archive.add("run.py", b"print()\n" * 99, program=True)
        archive.add("frames/1.jpg", bytes(999))
        archive.add_file("models/a.onnx", model)


def test_the_bytes_depend_on_the_content_alone(tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(os.urandom(3 << 20))
    write(tmp_path / "a.zip", model)
    os.utime(model, (0, 0))
    model.chmod(0o600)
    write(tmp_path / "b.zip", model)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as zipped:
        assert zipped.testzip() is None
        assert zipped.read("models/a.onnx") == model.read_bytes()
        modes = [each.external_attr >> 16 & 0o777 for each in zipped.infolist()]
        assert modes == [0o755, 0o644, 0o644]
        assert zipped.getinfo("run.py").compress_size < 99
        assert zipped.getinfo("frames/1.jpg").compress_size == 999


def test_what_fails_leaves_nothing_and_changes_nothing(tmp_path):
    path = tmp_path / "a.zip"
    path.write_text("before")

    def fail():
        with writing(path) as archive:
            archive.add("a", b"a")
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]
    with pytest.raises(UsageError, match="the bundle cannot be written"):
        write(tmp_path / "none" / "a.zip", path)
