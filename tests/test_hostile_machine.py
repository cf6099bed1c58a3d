"""A machine that lacks something: disk space, permissions, a home folder, memory, locks, UTF-8.

Commands run in processes of their own. They end with one paragraph that says what to do, never with
a traceback, and continue when what was lacking is there.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from posemark.core import memory
from posemark.records import files

MODEL = "naive-litehrnet-18-256x192"
OTHER = "hrnet-w48-384x288"
PROGRAM = """
import os
import resource

if __name__ == "__main__" and "CONTROL_GROUP" in os.environ:
    with open(os.environ["CONTROL_GROUP"] + "/cgroup.procs", "w") as group:
        group.write(str(os.getpid()))
where, _, spare = os.environ.get("SPARE_MEMORY", "").partition(":")
if where == __name__:
    import cv2, torch  # the limit is for what follows
    import posemark.run.worker

    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + int(spare),) * 2)
if __name__ == "__main__":  # workers load this file
    from posemark.cli import machine, main
    machine.peak_figures = lambda *_: None  # what the machine attains takes long
    main()
"""


@pytest.fixture
def posemark(tmp_path):
    """Return a function that runs a command, and returns its exit code, stdout and stderr."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")

    def run(*words, **variables):
        known = {"POSEMARK_CACHE": str(tmp_path / "cache"), **variables}
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **known}
        done = subprocess.run(
            [sys.executable, program, *map(os.fsencode, map(str, words))],
            env={name: value for name, value in env.items() if value is not None},
            capture_output=True,
            cwd=tmp_path,
        )
        said, error = (each.decode(errors="surrogateescape") for each in (done.stdout, done.stderr))
        assert "Traceback" not in error, error
        return done.returncode, said, error

    return run


@pytest.fixture
def control_group():
    """Return a function that makes a control group with a limit; skip where not permitted."""
    made = []

    def limited(controller, **limits):
        version_1 = Path("/sys/fs/cgroup", controller)
        folder = version_1 if version_1.is_dir() else Path("/sys/fs/cgroup")
        folder /= f"posemark-test-{os.getpid()}"
        try:
            folder.mkdir()
            made.append(folder)
            for name, value in limits.items():
                file = folder / name.replace("__", ".")
                if file.exists():  # of this version
                    file.write_text(value)
            assert (folder / "cgroup.procs").exists()
            assert any((folder / name.replace("__", ".")).exists() for name in limits)
        except (OSError, AssertionError):
            pytest.skip("no control group with this limit can be made here")
        return folder

    yield limited
    for folder in made:
        for _ in range(100):  # until the last process of the group has gone
            with suppress(OSError):
                folder.rmdir()
                break
            time.sleep(0.1)


def run_of(out, limit, *more):
    return ("run", MODEL, "--threads", 1, "--limit", limit, "--out", out, *more)


def measured(out):
    return [f.image_id for f in files.read(out / f"{MODEL}@gt.jsonl").good]


# --- disks --------------------------------------------------------------------------------------


def test_a_disk_that_fills_in_the_midst_of_a_run_costs_no_frame(disk, posemark):
    small = disk("500k")  # the annotations of the sample take 300k of it
    out = small.folder / "run"
    code, _, error = posemark(*run_of(out, 400))
    assert code == 2
    assert "No space left on device" in error
    assert "Every finished frame is kept" in error
    before = measured(out)
    assert before == list(range(1, len(before) + 1))
    small.change("size=8m")
    code, _, error = posemark(*run_of(out, len(before) + 5, "--resume"))
    assert code == 0, error
    assert measured(out) == list(range(1, len(before) + 6))


def test_a_disk_that_is_full_before_a_run_is_found_before_anything_is_measured(disk, posemark):
    small = disk("100k")
    code, _, error = posemark(*run_of(small.folder / "run", 3))
    assert code == 2
    assert "annotations cannot be written beside the records (No space left on device)" in error


@pytest.mark.parametrize("made", ["an export", "an artefact"])
def test_a_full_disk_while_a_network_is_exported_leaves_nothing(disk, posemark, made, tmp_path):
    small = disk("500k")
    if made == "an export":
        code, _, error = posemark("export", MODEL, "-o", small.folder / "model.onnx")
    else:
        command = run_of(tmp_path / "run", 2, "--runtime", "onnxruntime")
        code, _, error = posemark(*command, POSEMARK_CACHE=str(small.folder))
    assert code == 2
    assert "No space left on device" in error
    assert not [path for path in small.folder.rglob("*") if path.is_file()]


def test_a_folder_that_can_only_be_read_is_named(disk, posemark, tmp_path):
    small = disk("1m")
    small.change("ro")
    code, _, error = posemark(*run_of(small.folder / "run", 2))
    assert code == 2
    assert "disk/run: cannot write into this folder (Read-only file system)" in error
    code, _, error = posemark(*run_of(tmp_path / "run", 2), POSEMARK_CACHE=str(small.folder))
    assert code == 0, "without artefacts, nothing needs the cache"
    command = run_of(tmp_path / "exported", 2, "--runtime", "onnxruntime")
    code, _, error = posemark(*command, POSEMARK_CACHE=str(small.folder))
    assert code == 2
    assert "POSEMARK_CACHE" in error
    assert posemark("report", tmp_path / "run", "-o", small.folder / "r.html")[0] == 2
    assert posemark("list", POSEMARK_CACHE=str(small.folder))[0] == 0


def test_a_faulty_disk_costs_the_damaged_lines_and_every_command_says_which(posemark, tmp_path):
    out = tmp_path / "run"
    assert posemark(*run_of(out, 6))[0] == 0
    path = out / f"{MODEL}@gt.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if b'"image_id":3,' in line and b"frame" in line)
    lines[at] = lines[at].replace(b'"infer":', b'"infer":9')
    damaged = b"".join([*lines, b'{"kind":"fra'])
    path.write_bytes(damaged)
    code, _, error = posemark("report", out)
    assert code == 2
    assert f"{path}: line {at + 1} is damaged" in error.replace("\n", "")
    assert "--resume" in error
    code, _, error = posemark(*run_of(out, 6, "--resume"))
    assert code == 0, error
    assert "the last line is incomplete (12 bytes)" in error
    assert f"measured again: {at + 1}." in error
    assert path.read_bytes().startswith(b"".join(lines))
    assert sorted(measured(out)) == [1, 2, 3, 4, 5, 6]
    code, said, error = posemark("report", out)
    assert code == 0, error
    assert f"damaged lines, passed over and measured again: {at + 1}" in " ".join(said.split())


# --- the user and the names ---------------------------------------------------------------------


def test_damaged_perfect_outputs_are_decoded_again_though_no_frame_is_missing(posemark, tmp_path):
    out = tmp_path / "run"
    assert posemark(*run_of(out, 6))[0] == 0
    path = out / f"{MODEL}@gt.jsonl"
    before = files.read(path).perfect
    lines = path.read_bytes().splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if b'"kind":"perfect"' in line)
    lines[place] = lines[place].replace(b'"kind"', b'"kinD"')
    path.write_bytes(b"".join(lines))
    code, _, error = posemark(*run_of(out, 6, "--resume"))
    assert code == 0, error
    after = files.read(path).perfect
    assert sorted(after, key=lambda line: line.image_id) == before
    assert len(before) > 1
    assert measured(out) == [1, 2, 3, 4, 5, 6]


def test_without_a_home_folder_a_run_needs_no_cache_and_an_artefact_asks_for_one(
    posemark, tmp_path
):
    nowhere = {"HOME": "/nonexistent", "POSEMARK_CACHE": None, "XDG_CACHE_HOME": None}
    code, _, error = posemark(*run_of(tmp_path / "run", 2), **nowhere)
    assert code == 0, error


def test_a_folder_whose_name_is_not_utf_8_holds_a_run_and_its_report(posemark, tmp_path):
    out = tmp_path / "na\udcffme" / "run"
    for locale in ("C.UTF-8", "C"):
        code, _, error = posemark(*run_of(out, 2, "--resume"), LC_ALL=locale)
        assert code == 0, error
    code, _, error = posemark("report", out, "-o", out / "r.html", LC_ALL="C")
    assert code == 0, error
    assert (out / "r.html").stat().st_size > 100_000
    assert measured(out) == [1, 2]


# --- memory -------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says what is used")
def test_too_little_memory_for_a_network_is_said_in_a_paragraph(posemark, tmp_path):
    command = ("run", OTHER, "--threads", 1, "--limit", 2, "--out", tmp_path / "run")
    code, _, error = posemark(*command, SPARE_MEMORY=f"__main__:{100 * 2**20}")
    assert code == 2, error
    assert "the memory that this process may use has run out" in error
    assert "--resume" in error


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says what is used")
def test_too_little_memory_for_one_entry_leaves_the_others(posemark, tmp_path):
    """The network of the first entry has 254 MB of parameters."""
    out = tmp_path / "run"
    command = ("run", OTHER, MODEL, "--threads", 1, "--limit", 2, "--out", out)
    code, said, error = posemark(*command, SPARE_MEMORY=f"__mp_main__:{200 * 2**20}")
    assert code == 2, error
    assert "1 of 2 entries did not finish" in error
    assert f"{OTHER}@gt: the memory of its process ran out" in error
    assert MODEL in said
    assert measured(out) == [1, 2]


def test_the_system_ends_the_process_of_one_entry_when_memory_runs_out(
    control_group, posemark, tmp_path
):
    """As in a container of 600 MB: the parent, the server of processes and a small network fit."""
    limits = {"memory__limit_in_bytes": str(600 << 20), "memory__max": str(600 << 20)}
    group, out = control_group("memory", **limits), tmp_path / "run"
    command = ("run", MODEL, OTHER, "--threads", 1, "--limit", 2, "--out", out)
    code, said, error = posemark(*command, CONTROL_GROUP=str(group))
    assert code == 2, error
    assert f"{OTHER}@gt: it did not finish; the other entries continue" in said + error
    assert "1 of 2 entries did not finish" in error
    assert "was killed by SIGKILL, as the system does when it runs out of memory" in error
    assert measured(out) == [1, 2]


def test_a_process_that_was_asked_to_end_first_stays_so(tmp_path):
    score = tmp_path / "oom_score_adj"
    memory.be_ended_first(score)  # systems without this file
    assert not score.exists()
    for before, after in (("0", 500), ("-17", 500), ("800", 800)):
        score.write_text(f"{before}\n")
        memory.be_ended_first(score)
        assert int(score.read_text()) == after


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), True),
        (RuntimeError("shape mismatch"), False),
        (ImportError("no module named torch"), False),
        (OSError(28, "No space left on device"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_how_libraries_say_that_memory_ran_out(error, is_memory):
    assert memory.ran_out(error) is is_memory


# --- processors ---------------------------------------------------------------------------------


def test_a_quota_below_one_core_is_one_thread_and_is_in_the_evidence(
    control_group, posemark, tmp_path
):
    limits = {
        "cpu__cfs_period_us": "100000",
        "cpu__cfs_quota_us": "25000",
        "cpu__max": "25000 100000",
    }
    group, out = control_group("cpu", **limits), tmp_path / "run"
    command = ("run", MODEL, "--limit", 30, "--out", out)
    code, _, error = posemark(*command, CONTROL_GROUP=str(group))
    assert code == 0, error
    record = files.read(out / f"{MODEL}@gt.jsonl")
    assert record.header.settings.threads == 1
    assert posemark("report", out, "-o", out / "r.json")[0] == 0
    (row,) = json.loads((out / "r.json").read_text())
    (held,) = (each for each in row["verdict"]["evidence"] if "CPU quota" in each)
    assert "held back 0.0%" not in held


# --- clocks -------------------------------------------------------------------------------------


def test_no_duration_is_taken_from_a_clock_that_can_be_set():
    """The time of day is only noted, as the start of a run or of a calibration."""
    source = Path(memory.__file__).parents[1]
    texts = {path: path.read_text(encoding="utf-8") for path in source.rglob("*.py")}
    for word in ("time.time(", "time_ns(", "utcnow(", "clock_gettime("):
        own = ("perf_counter_ns(", "monotonic_ns(", "process_time_ns(", "thread_time_ns(")
        for path, text in texts.items():
            left = text
            for each in own:
                left = left.replace(each, "")
            assert word not in left, f"{path}: {word}"


def test_a_clock_that_is_set_back_in_the_midst_of_a_run_changes_no_time(monkeypatch):
    from posemark.measure.clock import Budget, now_ns

    began, budget = now_ns(), Budget(100.0)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert 0 <= now_ns() - began < 10**10
    assert 90 < budget.left <= 100
