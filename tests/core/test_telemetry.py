"""Libraries report nothing to their makers: an import leaves no identifier in the home folder."""

import os
import subprocess
import sys

import pytest

from posemark.core.telemetry import report_no_use


@pytest.mark.parametrize("library", ["onnxruntime", "openvino"])
def test_an_import_leaves_no_trace_in_the_home_folder(library, tmp_path):
    pytest.importorskip(library)
    program = f"import posemark, {library}"
    ours = {name: text for name, text in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    ours |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "CI": ""}
    subprocess.run([sys.executable, "-c", program], env=ours, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    report_no_use()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"


def test_telemetry_that_is_loaded_already_stays(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino_telemetry", sys)
    report_no_use()
    assert sys.modules["openvino_telemetry"] is sys
