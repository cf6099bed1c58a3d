"""The description of the machine in a record."""

import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from posemark.core.errors import UsageError
from posemark.measure import environment as module
from posemark.measure.environment import (
    WAITING,
    board,
    cpu_model,
    environment,
    last_level_cache,
    usable_cores,
    wait_passively,
)


def test_it_names_the_machine_and_the_software_and_can_be_written_as_json():
    found = environment()
    assert set(found) == {
        *("label", "board", "gpus", "os"),
        *("cpu", "cores", "cpus", "memory_gib", "system", "machine", "python", "libraries"),
        "waiting",
    }
    assert json.loads(json.dumps(found)) == found
    assert found["cpu"] == cpu_model() != ""
    assert found["cores"] == usable_cores() >= 1
    assert found["memory_gib"] > 0
    assert found["libraries"]["numpy"] == version("numpy")
    assert found["libraries"]["torch"] == version("torch")


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
def test_cores_are_those_this_process_may_use(monkeypatch):
    monkeypatch.setattr(module.control_groups, "cpu_quota", lambda: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7})
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert usable_cores() == 3


@pytest.mark.parametrize(("counted", "expected"), [(6, 6), (None, 1)])
def test_without_affinity_all_cores_count_and_there_is_at_least_one(monkeypatch, counted, expected):
    monkeypatch.setattr(module.control_groups, "cpu_quota", lambda: None)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert usable_cores() == expected


def test_a_library_that_is_not_installed_is_none(monkeypatch):
    monkeypatch.setattr(module, "LIBRARIES", ("numpy", "no-such-library-anywhere"))
    found = environment()["libraries"]
    assert found == {"numpy": version("numpy"), "no-such-library-anywhere": None}


def cache(folder, cpu, index, level, shared, kib):
    place = folder / f"cpu{cpu}" / "cache" / f"index{index}"
    place.mkdir(parents=True)
    for name, text in (("level", level), ("shared_cpu_list", shared), ("size", f"{kib}K")):
        (place / name).write_text(f"{text}\n")


def test_the_last_caches_are_added_up_and_each_counts_once(tmp_path):
    for cpu, shared in enumerate(("0-1", "0-1", "2-3", "2-3")):
        cache(tmp_path, cpu, 2, 2, cpu, 1024)
        cache(tmp_path, cpu, 3, 3, shared, 32768)
    assert last_level_cache(tmp_path) == 2 * 32 * 2**20


def test_caches_that_are_not_reported_are_none(tmp_path):
    (tmp_path / "cpu0" / "cache" / "index0").mkdir(parents=True)
    assert last_level_cache(tmp_path) is None


@pytest.fixture
def no_choice(monkeypatch):
    for name in WAITING:
        monkeypatch.setenv(name, "1")  # so that monkeypatch restores the variable
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_choice")
def test_threads_wait_passively_and_the_record_says_so():
    assert environment()["waiting"] == {}
    wait_passively()
    assert environment()["waiting"] == {"OMP_WAIT_POLICY": "passive"}


@pytest.mark.usefixtures("no_choice")
@pytest.mark.parametrize("name", WAITING)
def test_how_threads_wait_is_left_to_the_user(monkeypatch, name):
    monkeypatch.setenv(name, "7")
    wait_passively()
    assert environment()["waiting"] == {name: "7"}


def test_the_command_sets_it_before_torch_is_loaded():
    """libgomp prints its settings when it is loaded with OMP_DISPLAY_ENV."""
    environ = {name: text for name, text in os.environ.items() if name not in WAITING}
    code = (
        "import sys; from posemark.cli import main\n"
        "assert 'torch' not in sys.modules; sys.argv = ['posemark', '--version']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "import torch"
    )
    command = [sys.executable, "-c", code]
    display = {"OMP_DISPLAY_ENV": "true"}
    done = subprocess.run(
        command, env=environ | display, capture_output=True, text=True, check=True
    )
    if "OPENMP DISPLAY ENVIRONMENT" not in done.stderr:
        pytest.skip("this torch has another OpenMP")
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr


@pytest.mark.parametrize(("quota", "cores"), [(None, 4), (0.5, 1), (1.9, 1), (2.0, 2), (9.0, 4)])
def test_a_quota_counts_as_so_many_cores(monkeypatch, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    monkeypatch.setattr(module.control_groups, "cpu_quota", lambda: quota)
    assert usable_cores() == cores


def write_file(root, place, text):
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text(text)


def test_a_board_is_named_by_its_device_tree_or_firmware(tmp_path):
    assert board(tmp_path) is None
    write_file(tmp_path, "sys/class/dmi/id/sys_vendor", "Dell Inc.\n")
    write_file(tmp_path, "sys/class/dmi/id/product_name", "To Be Filled By O.E.M.\n")
    write_file(tmp_path, "sys/class/dmi/id/board_name", "0X8DXD\n")
    assert board(tmp_path) == "Dell Inc. 0X8DXD"
    write_file(tmp_path, "sys/class/dmi/id/product_name", "XPS 13 9310\n")
    assert board(tmp_path) == "Dell Inc. XPS 13 9310"
    write_file(tmp_path, "sys/class/dmi/id/product_name", "dell inc. XPS\n")
    assert board(tmp_path) == "dell inc. XPS", "the maker is not said twice"
    write_file(tmp_path, "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\x00")
    assert board(tmp_path) == "Raspberry Pi 4 Model B Rev 1.4"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('NAME="Ubuntu"\nVERSION_ID="18.04"\n# a comment = 1\n', "Ubuntu 18.04"),
        ("NAME='Arch Linux'\n", "Arch Linux"),
        ('NAME="No end\n', '"No end'),
    ],
)
def test_linux_is_named_by_its_release_file(tmp_path, text, name):
    kernel = module.operating_system(tmp_path)
    assert kernel == f"{module.platform.system()} {module.platform.release()}"
    write_file(tmp_path, "usr/lib/os-release", "NAME=Fallback\n")
    assert module.operating_system(tmp_path) == "Fallback"
    write_file(tmp_path, "etc/os-release", text)
    assert module.operating_system(tmp_path) == name


def test_macs_are_distinguished_by_the_model_that_the_system_reports(tmp_path, monkeypatch):
    words = {"hw.model": "Mac15,3", "machdep.cpu.brand_string": "Apple M3"}
    monkeypatch.setattr(module.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(module.platform, "mac_ver", lambda: ("14.5", ("", "", ""), "arm64"))
    monkeypatch.setattr(module, "_output", lambda command: words[command[-1]])
    assert (board(tmp_path), cpu_model(tmp_path)) == ("Mac15,3", "Apple M3")
    assert module.operating_system() == "macOS 14.5"


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo 'NVIDIA H100'; echo 'NVIDIA T4'", ("NVIDIA H100", "NVIDIA T4")),
        ("echo failed; exit 9", ()),
        (None, ()),
    ],
)
def test_a_gpu_is_named_where_its_driver_says_it_and_is_no_error_elsewhere(
    tmp_path, monkeypatch, script, found
):
    if script:
        write_file(tmp_path, "nvidia-smi", f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    module.gpus.cache_clear()
    assert module.gpus() == found
    module.gpus.cache_clear()


def test_a_machine_has_the_name_that_its_user_gives_it(monkeypatch):
    monkeypatch.delenv("POSEMARK_MACHINE", raising=False)
    assert environment()["label"] is None
    monkeypatch.setenv("POSEMARK_MACHINE", "shelf")
    assert (environment()["label"], environment(" desk ")["label"]) == ("shelf", "desk")
    for wrong in ("a\nb", " ", "x" * 61):
        with pytest.raises(UsageError, match="POSEMARK_MACHINE"):
            environment(wrong)
