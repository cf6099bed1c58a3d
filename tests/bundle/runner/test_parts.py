"""The parts of the runner that need no process: console, sensors, sentinel, choice of an engine."""

import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from posemark.bundle.runner import found_engines, numpy_sentinel, worker
from posemark.bundle.runner.bundled import BundledEntry, DeclaredFile
from posemark.bundle.runner.console import Console, ascii_text, duration
from posemark.bundle.runner.engines import tflite_engine
from posemark.bundle.runner.engines.engine import Wanted
from posemark.bundle.runner.engines.known import ENGINES, engine_named
from posemark.bundle.runner.engines.opencv_engine import OpenCvSession
from posemark.bundle.runner.entry_file import EntryFile, ModelFile
from posemark.bundle.runner.found_engines import FoundEngine, choose
from posemark.bundle.runner.named_session import NamedSession
from posemark.bundle.runner.numpy_sentinel import NumpySentinel
from posemark.bundle.runner.proc_sensors import ProcSensors
from posemark.bundle.runner.record import Existing, RecordWriter, read_record
from posemark.bundle.runner.summary import pose_fps, table, watts
from posemark.bundle.runner.supervise import entries_named
from posemark.bundle.runner.worker import passes, record_key
from posemark.core.errors import RecordError, UsageError
from posemark.core.model_file import FileOutput

WEIGHTS = Path(__file__).parents[3].parent / "shared" / "weights"


class Terminal(io.StringIO):
    def isatty(self):
        return True


# --- console ------------------------------------------------------------------------------------


def test_other_characters_and_commands_of_a_terminal_are_written_as_codes():
    assert ascii_text("Jetson™\x1b[2J") == "Jetson\\u2122\\u001b[2J"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_a_duration_in_words(seconds, words):
    assert duration(seconds) == words


def test_progress_is_rewritten_on_a_terminal_and_removed_before_a_line():
    console = Console(Terminal())
    console.progress("long progress")
    console._next = 0
    console.progress("short")
    console.say("done")
    printed = console._out.getvalue()
    assert printed == "\rlong progress\rshort        " + "\r     \r" + "done\n"


def test_progress_in_a_file_is_a_line_now_and_then():
    console = Console(io.StringIO())
    for number in range(100):
        console.progress(f"{number}")
    assert console._out.getvalue() == "", "the first comes after some seconds"
    console._next = 0
    console.progress("later")
    assert console._out.getvalue() == "later\n"


def test_a_path_stays_whole_however_long():
    console, path = Console(io.StringIO()), "/x" * 60
    console.say(f"written to {path} at last")
    assert path in console._out.getvalue().splitlines()


# --- the machine --------------------------------------------------------------------------------


def test_times_of_the_cores_are_those_of_the_kernel(tmp_path):
    (tmp_path / "proc").mkdir()
    stat = tmp_path / "proc/stat"
    stat.write_text("cpu  100 20 30 4000 50 6 7 80 9 10\ncpu0 1 1 1 1\n")
    tick = 1e9 / os.sysconf("SC_CLK_TCK")
    assert ProcSensors(tmp_path).cpu_ns() == (int(163 * tick), int(80 * tick))
    stat.write_text("cpu  0 0 0 0 0 0 0 0 0 0\n")
    assert ProcSensors(tmp_path).cpu_ns() is None, "as in some sandboxes"


def test_the_sentinel_becomes_smaller_where_products_are_slow(monkeypatch):
    times = iter([300e6] * 6 + [90e6] * 3)
    monkeypatch.setattr(numpy_sentinel, "time_of", lambda work: next(times))
    sentinel = NumpySentinel()
    assert sentinel.side == 768 // 4
    assert sentinel.description == "numpy, 2 products 192x192"
    assert NumpySentinel(96).side == 96, "the size in a record is kept"


# --- engines ------------------------------------------------------------------------------------

ONNX, TFLITE = ModelFile("models/a.onnx", "1" * 64), ModelFile("models/a.tflite", "2" * 64)
OUTPUT = FileOutput("heatmaps")


def entry(key="small@gt", precision=None):
    declared = precision and DeclaredFile(precision, "nchw", "float32", (256, 192), OUTPUT)
    return BundledEntry(key, spec=None, declared=declared)


def chosen(found, models=(ONNX,), wanted=None, target="fp32", made=None, device=None):
    file = EntryFile({}, tuple(models), {})
    return choose(made or entry(), file, found, wanted, target, device)


NONE = FoundEngine("tensorrt", "", "not installed")
ORT, CV = FoundEngine("onnxruntime", "1.10"), FoundEngine("opencv", "4.1")
TRT, LITE = FoundEngine("tensorrt", "8.2"), FoundEngine("tflite", "2.5")


def test_the_first_engine_that_is_installed_and_reads_the_format_runs():
    assert chosen([NONE, CV, ORT]).engine.name == "opencv"
    assert chosen([CV, LITE], models=[TFLITE]).engine.name == "tflite"
    found = chosen([LITE], models=[ONNX, TFLITE])
    assert (found.version, found.model, found.device) == ("2.5", TFLITE, "cpu")
    assert chosen([TRT]).device == "cuda"
    assert chosen([ORT], device="tensorrt").device == "tensorrt"


@pytest.mark.parametrize(
    ("engine", "wanted", "target", "runs"),
    [
        (TRT, None, "fp16", "fp16"),
        (TRT, "fp32", "fp16", "fp32"),
        (ORT, None, "fp16", "fp32"),
        (ORT, "fp32", "fp16", "fp32"),
    ],
)
def test_the_precision_is_that_of_the_user_or_else_of_the_target(engine, wanted, target, runs):
    assert chosen([engine], wanted=wanted, target=target).precision == runs


def test_a_file_in_int8_runs_as_it_is_where_an_engine_can():
    int8 = entry(precision="int8")
    assert chosen([CV, ORT], made=int8, target="fp16").precision == "int8"
    with pytest.raises(UsageError, match="opencv: does not run it in int8"):
        chosen([CV], made=int8)
    with pytest.raises(UsageError, match="onnxruntime: does not run it in fp32"):
        chosen([ORT], made=int8, wanted="fp32")


def test_without_an_engine_every_reason_is_given():
    with pytest.raises(UsageError) as caught:
        chosen([NONE, LITE, CV], wanted="fp16")
    text = str(caught.value)
    assert text.startswith("small@gt: no engine on this device can run it. tensorrt: not inst")
    assert "tflite: reads .tflite, which the bundle does not contain" in text
    assert "opencv: does not run it in fp16" in text


@pytest.mark.parametrize(
    ("printed", "code", "problem"),
    [
        (b"", -4, "cannot be loaded: SIGILL"),
        (b"", 1, "cannot be loaded: its process ended with code 1"),
        (b"[]\n", 0, "cannot be loaded: its process ended with code 0"),
        (b'chatter\n{"version": "1", "problem": "x"}\n', 0, "x"),
    ],
)
def test_an_engine_that_crashes_on_loading_has_a_problem(printed, code, problem):
    assert found_engines._reported("opencv", printed, code).problem == problem


def test_a_probe_says_what_is_wrong(monkeypatch):
    def broken():
        raise ImportError("libopenblas.so.0: cannot open shared object file")

    monkeypatch.setattr(found_engines, "engine_named", lambda name: SimpleNamespace(version=broken))
    told = json.loads(found_engines.probe("opencv"))
    assert told["problem"].startswith("cannot be loaded: ImportError: libopenblas.so.0")


def test_engines_have_distinct_names_and_say_how_they_are_installed():
    assert len({engine.name for engine in ENGINES}) == len(ENGINES) == 5
    for engine in ENGINES:
        assert engine_named(engine.name) is engine
        assert engine.how_to_install


# --- sessions -----------------------------------------------------------------------------------


def raw(outputs=None, error=None):
    def infer(batch):
        if error:
            raise error
        return {name: np.full((1,), len(name), np.float32) for name in outputs}

    return SimpleNamespace(runtime="opencv", precision="fp32", device="cpu", infer=infer)


def test_outputs_are_named_as_in_the_file_if_an_engine_forgets_a_name():
    shape = (1, 3, 8, 8)
    batch = np.zeros(shape, np.float32)
    assert list(NamedSession(raw(["x", "tags", "maps"]), ("maps", "tags")).infer(batch)) == [
        "maps",
        "tags",
    ]
    assert list(NamedSession(raw(["output_0"]), ("maps",)).infer(batch)) == ["maps"]
    with pytest.raises(UsageError, match="gives the outputs a, b, expected maps, tags"):
        NamedSession(raw(["a", "b"]), ("maps", "tags")).prepare(shape)


def test_an_engine_that_cannot_run_a_network_says_so_before_the_run():
    session = NamedSession(raw(error=RuntimeError("no kernel\nlong story")), ("maps",))
    with pytest.raises(UsageError, match=r"cannot run this network on .* \(no kernel\)"):
        session.prepare((1, 3, 8, 8))


def test_opencv_names_a_file_that_it_cannot_read(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no network")
    wanted = SimpleNamespace(path=tmp_path / "a.onnx", device="cpu", threads=1)
    with pytest.raises(UsageError, match=r"OpenCV .* cannot read a.onnx"):
        OpenCvSession(wanted)


MOVENET = WEIGHTS / "movenet_multipose_lightning_fp16.tflite"


@pytest.mark.skipif(not MOVENET.is_file(), reason="needs the shared weights")
def test_tflite_gives_what_the_package_gives():
    from posemark.runtimes.tflite import TfliteFile, _interpreter

    engine = engine_named("tflite")
    wanted = Wanted(MOVENET, "", "fp32", 1, "cpu", (), MOVENET.parent, print)
    session = engine.open(wanted)
    batch = np.zeros((1, 64, 64, 3), np.uint8)
    expected = TfliteFile(MOVENET, 1, _interpreter).infer(batch)
    for name, values in session.infer(batch).items():
        np.testing.assert_array_equal(values, expected[name])
    assert (session.runtime, session.precision, session.device) == ("tflite", "fp32", "cpu")
    assert engine.version().startswith("ai-edge-litert ")
    with pytest.raises(UsageError, match="runs on the device cpu only, got gpu"):
        engine.open(replace(wanted, device="gpu"))


@pytest.mark.parametrize("package", ["tflite_runtime", "tensorflow"])
def test_tflite_has_older_names(monkeypatch, package):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", None)
    monkeypatch.setattr(np, "__version__", "1.26.4")
    old = SimpleNamespace(__version__="2.5.0")
    monkeypatch.setitem(sys.modules, package, old)
    lite = "lite" if package == "tensorflow" else "interpreter"
    made = SimpleNamespace(Interpreter=lambda model_path, num_threads: (model_path, num_threads))
    monkeypatch.setitem(sys.modules, f"{package}.{lite}", made)
    assert engine_named("tflite").version() == f"{package.replace('_', '-')} 2.5.0"
    assert tflite_engine._opened(Path("a.tflite"), 3) == ("a.tflite", 3)


def test_tflite_runtime_is_refused_with_numpy_2(monkeypatch):
    for package in ("ai_edge_litert", "tensorflow"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", SimpleNamespace(__version__="2.14.0"))
    monkeypatch.setattr(np, "__version__", "2.4.6")
    with pytest.raises(ImportError, match=r"needs numpy 1, and numpy 2\.4\.6 is installed"):
        engine_named("tflite").version()


def test_without_any_of_its_packages_tflite_is_not_there(monkeypatch):
    for package in ("ai_edge_litert", "tflite_runtime", "tensorflow"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match="none of these is installed: ai_edge_litert, tflite_"):
        engine_named("tflite").version()


# --- keys, names and passes ---------------------------------------------------------------------


def test_a_key_names_what_is_chosen_on_the_device():
    nano = chosen([TRT], target="fp16")
    assert record_key(entry("small@gt+flip"), nano, False) == "small@gt+flip+tensorrt+fp16+cuda"
    assert record_key(entry(), chosen([ORT]), True) == "small@gt+sustained+onnxruntime"
    card = BundledEntry("tiny@gt", spec=None, runtime="onnxruntime", precision="int8")
    assert record_key(card, chosen([ORT], made=entry(precision="int8")), False) == "tiny@gt"


def test_an_entry_is_named_by_its_key_or_the_beginning_of_keys():
    bundle = SimpleNamespace(entries=[entry("a@gt"), entry("a@gt+flip"), entry("b@gt")])

    def keys(*names):
        return [each.key for each in entries_named(bundle, names)]

    assert keys() == ["a@gt", "a@gt+flip", "b@gt"]
    assert keys("a@gt") == ["a@gt"]
    assert keys("b", "a") == ["a@gt", "a@gt+flip", "b@gt"]
    with pytest.raises(UsageError, match=r"'c' is no entry of this bundle. It has: a@gt, a"):
        keys("a", "c")


@pytest.mark.parametrize(
    ("repeat", "before", "seconds", "expected"),
    [
        *((None, None, 2.0, 3), (None, None, 60, 1), (None, None, 0.0, 1)),
        *((4, None, 2.0, 4), (None, 7, 2.0, 7), (None, None, 1e-6, worker._MOST_PASSES)),
    ],
)
def test_frames_repeat_for_a_few_seconds(repeat, before, seconds, expected):
    choice = SimpleNamespace(sustained=False, repeat=repeat)
    existing = before and SimpleNamespace(header={"settings": {"repeat": before}})
    assert passes(choice, existing, seconds) == expected
    assert passes(SimpleNamespace(sustained=True), existing, seconds) is None


# --- the table ----------------------------------------------------------------------------------


def record(tmp_path, frames=100, mode="burst", **readings):
    settings = {"runtime": "tensorrt", "precision": "fp16", "mode": mode}
    stages = {"decode": 5, "detect": 0, "preprocess": 1, "infer": 12, "postprocess": 2}
    stages = {name: ms * 1_000_000 for name, ms in stages.items()}
    line = {"kind": "frame", "image_id": 1, "stages": stages, "frame_ns": 20_000_000}
    block = {"kind": "block", "frames": 1, "wall_ns": 2_000_000_000, **readings}
    header = {"entry": "small@gt+tensorrt+fp16", "settings": settings}
    lines = [header, *[line, block] * frames, {"kind": "end"}]
    return Existing(
        path=tmp_path / "r.jsonl",
        header=header,
        lines=lines,
        last=len(lines),
        damaged=[],
        whole_bytes=0,
        torn_bytes=0,
    )


def test_the_table_has_the_figures_of_the_record(tmp_path):
    made = record(tmp_path, celsius=61.6, energy_j={"VDD_IN": 9.0, "VDD_GPU": 4.0}, throttles=2)
    header, _, name, figures, note = table([made])
    assert name == "small@gt+tensorrt+fp16"
    assert figures.split() == [
        *("tensorrt", "fp16", "100", "20.00", "20.00", "66.67", "25", "5", "60", "10", "62", "4.5")
    ]
    assert note == "  throttled: the device counted 200 events"
    assert len(figures) == len(header) < 80


def test_power_is_that_of_the_whole_board_or_of_all_counters(tmp_path):
    assert watts(record(tmp_path, energy_j={"package-0": 6.0, "dram": 2.0})) == 4.0
    assert watts(record(tmp_path, energy_j={"POM_5V_IN": 6.0, "POM_5V_GPU": 2.0})) == 3.0
    assert watts(record(tmp_path)) is None
    assert pose_fps([]) is None


def test_a_sustained_run_shows_both_of_its_ends(tmp_path):
    made = record(tmp_path, 40, mode="sustained")
    *_, last = table([made])
    assert last == "  first 20 blocks 2000.0 ms a frame, last 20 blocks 2000.0 ms"


def test_lines_that_another_process_has_written_meanwhile_are_kept(tmp_path):
    path = tmp_path / "made.jsonl"
    for existing in (None, "the header"):
        before = existing and read_record(path)
        other = RecordWriter(path, before)
        other.write("frame" if existing else "header", {"run": "made"})
        other.close()
        content = path.read_bytes()
        with pytest.raises(RecordError, match="has written to this record since it was read"):
            RecordWriter(path, before)
        assert path.read_bytes() == content
    RecordWriter(path, read_record(path)).close()
    assert path.read_bytes() == content
