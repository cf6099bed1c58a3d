"""run.py from the outside: in processes of their own, with the engines that are installed here."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_bundle import MODEL, TOP_DOWN, command, made_bundle, write_script
from posemark.bundle.runner.bundled import DeclaredFile
from posemark.bundle.runner.entry_file import ENTRIES
from posemark.core.errors import RecordError
from posemark.core.model_file import FileOutput
from posemark.core.target import Target
from posemark.pipelines.build import Processing, pipeline_of
from posemark.records import files
from posemark.report.results import load_rows
from posemark.run.record_lines import people
from posemark.runtimes.onnx_runtime import OnnxRuntimeSession
from posemark.runtimes.open_vino import OpenVinoSession

ORT = f"{TOP_DOWN}+onnxruntime"
ORDINARY, FAILED, WRONG, STOPPED = 0, 1, 2, 130


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_bundle(tmp_path_factory.mktemp("bundle") / "b", frames=4)


def run(made, *arguments, once=True):
    """Run it without a terminal and without PYTHONPATH; return exit code, output and errors.

    once: whether the frames run once, if they do not repeat for a time.
    """
    if once and "--sustained" not in arguments:
        arguments += ("--repeat", 1)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command(made, *arguments),
        cwd=made.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def finished(made, tmp_path_factory):
    """The folder of a finished run with ONNX Runtime, and its output."""
    out = tmp_path_factory.mktemp("finished")
    code, printed, errors = run(made, "--engine", "onnxruntime", "--threads", 1, "--out", out)
    assert (code, errors) == (ORDINARY, "")
    return out, printed


def session_of(engine, path):
    if engine == "openvino":
        return OpenVinoSession(path, 1, Target("openvino"))
    return OnnxRuntimeSession(path, 1, Target("onnxruntime"))


SERIAL = Processing()


def poses_at_home(made, engine, how=SERIAL):
    """Return the poses of every frame by the package's own pipeline."""
    session = session_of(engine, made.folder / MODEL)
    pipeline = pipeline_of(made.prepared.spec, session, how)
    return {
        frame.image_id: people(
            pipeline.process(
                pipeline.prepare(frame, made.prepared.boxes.of(frame)), lambda _: None
            ).poses
        )
        for frame in made.prepared.frames
    }


# --- a run --------------------------------------------------------------------------------------


def test_the_record_is_that_of_an_ordinary_run(made, finished):
    record = files.read(finished[0] / f"{ORT}.jsonl")
    header, settings = record.header, record.header.settings
    assert record.complete
    assert [f.image_id for f in record.good] == [1, 2, 3, 4]
    assert (header.entry, header.own_process, header.turns) == (ORT, True, 1)
    assert (settings.runtime, settings.precision, settings.device) == ("onnxruntime", "fp32", "cpu")
    assert (settings.threads, settings.mode) == (1, "burst")
    assert header.facts.libraries["numpy"] == np.__version__
    assert set(header.facts.libraries) == {"numpy", "opencv", "onnxruntime"}
    assert header.environment["edge"]["images"] == "OpenCV"
    for block in record.blocks:
        assert block.readings.sentinel_ns > 0
        assert block.readings.own_cpu_ns is not None
        assert block.readings.peak_rss > 1e7


def test_the_poses_are_those_of_the_package_at_home(made, finished):
    record = files.read(finished[0] / f"{ORT}.jsonl")
    assert {f.image_id: f.poses for f in record.good} == poses_at_home(made, "onnxruntime")


def test_the_report_reads_it_beside_its_annotations(finished):
    (row,) = load_rows([finished[0]])
    assert (row.entry, row.runtime, row.frames, row.failed_frames) == (ORT, "onnxruntime", 4, 0)


def test_the_console_has_80_columns_of_plain_characters(finished):
    printed = finished[1]
    assert printed.isascii()
    assert all(len(line) < 80 or line.startswith("Copy") for line in printed.splitlines())
    assert f"{TOP_DOWN}: onnxruntime fp32 on cpu" in printed
    assert re.search(r"^  onnxruntime fp32 +4 +- +- +[\d.]+ ", printed, re.MULTILINE)
    assert "posemark report" in printed


@pytest.mark.parametrize("engine", ["opencv", "openvino"])
def test_other_engines_find_the_same_people(made, engine, tmp_path):
    code, _, errors = run(made, "--engine", engine, "--threads", 1, "--out", tmp_path)
    assert (code, errors) == (ORDINARY, "")
    record = files.read(tmp_path / f"{TOP_DOWN}+{engine}.jsonl")
    assert record.header.settings.runtime == engine
    expected = poses_at_home(made, engine)
    for frame in record.good:
        found, wanted = frame.poses, expected[frame.image_id]
        np.testing.assert_allclose(found.keypoints, wanted.keypoints, atol=2e-2)
    if engine == "openvino":
        assert {f.image_id: f.poses for f in record.good} == expected


def test_without_trained_weights_times_are_kept_and_no_poses(tmp_path):
    made = made_bundle(tmp_path / "b", frames=3, trained=False)
    code, _, errors = run(made, "--engine", "onnxruntime", "--out", "r")
    assert (code, errors) == (ORDINARY, "")
    record = files.read(made.folder / "r" / f"{ORT}.jsonl")
    assert [f.poses for f in record.good] == [None] * 3


def test_a_sustained_run_repeats_the_frames_until_the_time_is_over(made, tmp_path):
    arguments = ("--engine", "onnxruntime", "--sustained", 0.02, "--out", tmp_path)
    code, printed, errors = run(made, *arguments)
    assert (code, errors) == (ORDINARY, "")
    record = files.read(tmp_path / f"{TOP_DOWN}+sustained+onnxruntime.jsonl")
    assert record.header.settings.mode == "sustained"
    assert record.complete
    assert sum(block.readings.wall_ns for block in record.blocks) >= 1.2e9
    assert "repeated for 1 s for each entry" in printed
    assert len(load_rows([tmp_path])) == 1


WHOLE = "higherhrnet-w32-512@single"


def test_a_model_that_sees_whole_images_needs_no_boxes(tmp_path):
    made = made_bundle(tmp_path / "b", frames=3, trained=False, name=WHOLE)
    code, _, errors = run(made, "--engine", "onnxruntime", "--threads", 1, "--out", "r")
    assert (code, errors) == (ORDINARY, "")
    record = files.read(made.folder / "r" / f"{WHOLE}+onnxruntime.jsonl")
    people_in_scenes = [len(frame.truth) for frame in made.prepared.frames]
    assert [f.boxes for f in record.good] == people_in_scenes, "decoded from perfect outputs"
    assert all(f.pixels >= 512 * 512 for f in record.good)


def test_several_crops_run_at_once_and_with_their_mirror_images(made, tmp_path):
    batched = made_bundle(tmp_path / "b", persons="batched", max_batch=3, flip=True)
    (entry,) = batched.bundle.entries
    assert (entry.key, entry.most) == (f"{TOP_DOWN}+flip+batched3", 3)
    code, _, errors = run(batched, "--engine", "onnxruntime", "--threads", 1, "--out", "r")
    assert (code, errors) == (ORDINARY, "")
    record = files.read(batched.folder / "r" / f"{entry.key}+onnxruntime.jsonl")
    expected = poses_at_home(batched, "onnxruntime", Processing(flip=True, most=3))
    assert {f.image_id: f.poses for f in record.good} == expected


def test_a_file_with_a_card_is_fed_as_the_card_says(made, finished, tmp_path):
    order = tuple(reversed(range(17)))
    output = FileOutput("heatmaps", ("heatmaps",), order)
    declared = DeclaredFile("fp32", "nchw", "float32", (256, 192), output)
    carded = made_bundle(tmp_path / "b", declared=declared)
    code, _, errors = run(carded, "--engine", "onnxruntime", "--threads", 1, "--out", "r")
    assert (code, errors) == (ORDINARY, "")
    turned = files.read(carded.folder / "r" / f"{ORT}.jsonl").good
    for found, plain in zip(turned, files.read(finished[0] / f"{ORT}.jsonl").good, strict=True):
        for person, same in zip(found.poses.keypoints, plain.poses.keypoints, strict=True):
            assert person[2::3] == same[2::3][::-1], "scores in the card's order of channels"


def test_a_precision_that_a_file_does_not_have_is_refused(tmp_path):
    output = FileOutput("heatmaps", ("heatmaps",))
    declared = DeclaredFile("int8", "nchw", "float32", (256, 192), output)
    carded = made_bundle(tmp_path / "b", declared=declared)
    code, printed, _ = run(carded, "--engine", "opencv", "--out", "r")
    assert code == WRONG
    assert "opencv: does not run it in int8" in " ".join(printed.split())
    code, _, errors = run(carded, "--engine", "onnxruntime", "--out", "r")
    assert (code, errors) == (ORDINARY, "")
    record = files.read(carded.folder / "r" / f"{ORT}+int8.jsonl")
    assert record.header.settings.precision == "int8"


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_a_run_with_stand_ins_for_tensorrt_and_cuda(tmp_path, monkeypatch):
    made = made_bundle(tmp_path / "b", frames=3, trained=False)
    here = Path(__file__).parent
    library = made.folder / "libcudart.so"
    command = ["cc", "-shared", "-fPIC", "-o", library, here / "fake_cudart.c"]
    subprocess.run(command, check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(made.folder))
    (made.folder / "tensorrt.py").write_text(
        f"import sys\nsys.path.append({str(here.parents[1])!r})\n"
        "from fake_tensorrt import FakeTensorRt\n"
        "sys.modules[__name__] = FakeTensorRt('8.2.1.8')\n"
    )
    code, printed, errors = run(made, "--precision", "fp16", "--out", "r")
    assert (code, errors) == (ORDINARY, "")
    assert f"{TOP_DOWN}: tensorrt fp16 on cuda" in printed
    assert "TensorRT builds the engine now" in printed
    (plan,) = (made.folder / "engines").iterdir()
    assert plan.name.startswith("toy-fp16-trt8.2.1.8-sm53-")
    record = files.read(made.folder / "r" / f"{TOP_DOWN}+tensorrt+fp16+cuda.jsonl")
    settings = record.header.settings
    assert (settings.runtime, settings.precision, settings.device) == ("tensorrt", "fp16", "cuda")
    assert record.header.environment["ran_on"] == "cuda, 1 of 2 layers in fp16"
    assert record.header.facts.libraries["tensorrt"] == "8.2.1.8"
    (row,) = load_rows([made.folder / "r"])
    assert (row.runtime, row.device, row.bundled) == ("tensorrt", "cuda", True)


def test_without_opencv_the_poses_are_the_same(made, finished, tmp_path):
    copy = shutil.copytree(made.folder, tmp_path / "b")
    write_script(
        copy,
        made.bundle,
        "from posemark.geometry import plain_opencv\nsys.modules['cv2'] = plain_opencv\n",
    )
    code, printed, errors = run(
        moved(made, copy), "--engine", "onnxruntime", "--threads", 1, "--out", "r"
    )
    assert (code, errors) == (ORDINARY, "")
    assert "no OpenCV (numpy instead)" in " ".join(printed.split())
    record = files.read(copy / "r" / f"{ORT}.jsonl")
    assert record.header.environment["edge"]["images"] == "plain PNG files, numpy"
    assert record.header.facts.libraries["opencv"] is None
    with_opencv = files.read(finished[0] / f"{ORT}.jsonl")
    assert [f.poses for f in record.good] == [f.poses for f in with_opencv.good]


def test_frames_repeat_until_their_speed_is_known_and_a_resumed_run_has_the_same_passes(
    made, tmp_path
):
    path = tmp_path / f"{ORT}.jsonl"
    arguments = ("--engine", "onnxruntime", "--threads", 1, "--out", tmp_path)
    code, _, errors = run(made, *arguments, once=False)
    assert (code, errors) == (ORDINARY, "")
    record = files.read(path)
    repeat = record.header.settings.repeat
    assert repeat > 1
    assert len(record.good) == 4 * repeat
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: len(lines) // 2]))
    code, _, errors = run(made, *arguments, once=False)
    assert (code, errors) == (ORDINARY, "")
    again = files.read(path)
    assert again.complete
    assert len(again.good) == 4 * repeat
    assert again.header.settings.repeat == repeat


def test_seconds_end_a_run(made, tmp_path):
    arguments = ("--engine", "onnxruntime", "--seconds", 1, "--repeat", 9999, "--out", tmp_path)
    code, printed, errors = run(made, *arguments, once=False)
    assert (code, errors) == (ORDINARY, "")
    record = files.read(tmp_path / f"{ORT}.jsonl")
    assert 1e9 <= sum(block.readings.wall_ns for block in record.blocks) < 10e9
    assert "at most 1 s for each entry" in printed


def test_frames_that_cannot_be_read_fail_and_the_others_are_measured(made, tmp_path):
    copy = shutil.copytree(made.folder, tmp_path / "b")
    (copy / "frames" / "2.jpg").unlink()
    (copy / "frames" / "3.jpg").write_bytes(b"no image")
    code, printed, _ = run(moved(made, copy), "--engine", "onnxruntime", "--out", "r")
    record = files.read(copy / "r" / f"{ORT}.jsonl")
    assert code == ORDINARY
    assert [f.image_id for f in record.good] == [1, 4]
    assert "Unzip the bundle again" in record.failed[0].error
    assert "2 frames failed" in printed


def test_frames_whose_images_have_another_content_fail(made, tmp_path):
    copy = shutil.copytree(made.folder, tmp_path / "b")
    # The size and the form are right; an image of its own would be decoded without a word.
    shutil.copy(copy / "frames" / "1.jpg", copy / "frames" / "2.jpg")
    run(moved(made, copy), "--engine", "onnxruntime", "--out", "r")
    record = files.read(copy / "r" / f"{ORT}.jsonl")
    assert [f.image_id for f in record.good] == [1, 3, 4]
    assert "2.jpg: this image is damaged" in record.failed[0].error


def moved(made, folder):
    return type(made)(folder, made.prepared, made.bundle)


# --- again --------------------------------------------------------------------------------------


def test_a_finished_record_is_left_alone(made, finished):
    path = finished[0] / f"{ORT}.jsonl"
    before = path.read_bytes()
    arguments = ("--engine", "onnxruntime", "--threads", 1, "--out", finished[0])
    code, printed, _ = run(made, *arguments)
    assert code == ORDINARY
    assert "finished before" in printed
    assert path.read_bytes() == before


def test_a_killed_run_is_continued(made, finished, tmp_path):
    path = tmp_path / f"{ORT}.jsonl"
    lines = (finished[0] / path.name).read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["kind"] for line in lines[:3]] == ["header", "frame", "frame"]
    path.write_bytes(b"".join(lines[:3]) + lines[3][:20])
    code, _, errors = run(made, "--engine", "onnxruntime", "--threads", 1, "--out", tmp_path)
    assert (code, errors) == (ORDINARY, "")
    record = files.read(path)
    assert record.complete
    assert sorted(f.image_id for f in record.good) == [1, 2, 3, 4]
    assert len(record.resumed) == 1
    assert record.resumed[0].environment == record.header.environment
    assert path.read_bytes().startswith(b"".join(lines[:3]))


def test_another_run_is_not_continued(made, finished, tmp_path):
    path = tmp_path / f"{ORT}.jsonl"
    lines = (finished[0] / path.name).read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]))
    arguments = ("--engine", "onnxruntime", "--threads", 2, "--out", tmp_path)
    code, _, errors = run(made, *arguments)
    assert code == FAILED
    assert "settings.threads was 1, is 2" in " ".join(errors.split())
    assert path.read_bytes() == b"".join(lines[:3])


def test_damaged_lines_are_passed_over_and_what_they_held_is_measured_again(
    made, finished, tmp_path
):
    """The advice of the report, followed."""
    path = tmp_path / f"{ORT}.jsonl"
    for each in finished[0].iterdir():
        shutil.copy(each, tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    (at,) = (at for at, line in enumerate(lines) if b'"image_id":2' in line)
    lines[at] = lines[at].replace(b'"image_id":2', b'"image_id":9')
    path.write_bytes(b"".join(lines))
    with pytest.raises(RecordError, match="damaged.*repeat the command of run.py") as advice:
        load_rows([tmp_path])
    assert "--resume" not in str(advice.value)
    arguments = ("--engine", "onnxruntime", "--threads", 1, "--out", tmp_path)
    code, printed, errors = run(made, *arguments)
    assert (code, errors) == (ORDINARY, "")
    assert f"what they held is measured again: {at + 1}." in " ".join(printed.split())
    assert path.read_bytes().startswith(b"".join(lines))
    record = files.read(path)
    assert record.complete
    assert record.passed_over == (at + 1,)
    assert [f.image_id for f in record.good] == [1, 3, 4, 2]
    assert record.good[3].poses == files.read(finished[0] / path.name).good[1].poses
    (row,) = load_rows([tmp_path])
    assert row.frames == 4
    assert "left alone" in run(made, *arguments)[1]


def test_a_record_without_its_header_is_refused_and_kept(made, finished, tmp_path):
    path = tmp_path / f"{ORT}.jsonl"
    damaged = (finished[0] / path.name).read_bytes().replace(b'"letter"', b'"better"', 1)
    path.write_bytes(damaged)
    code, printed, errors = run(made, "--engine", "onnxruntime", "--threads", 1, "--out", tmp_path)
    assert code == WRONG
    text = " ".join(printed.split())
    assert "the header, is damaged" in text
    assert "run the entry again into another --out folder" in text
    assert "Left out " + TOP_DOWN in printed
    assert "no entry of this bundle can run" in " ".join(errors.split())
    assert path.read_bytes() == damaged


def test_a_damaged_record_does_not_keep_other_entries_from_running(made, tmp_path):
    copy = shutil.copytree(made.folder, tmp_path / "b")
    (first,) = made.bundle.entries
    shutil.copy(copy / ENTRIES / f"{TOP_DOWN}.json", copy / ENTRIES / "second.json")
    entries = (first, replace(first, key="second"))
    write_script(copy, replace(made.bundle, entries=entries))
    (copy / "r").mkdir()
    (copy / "r" / f"{ORT}.jsonl").write_bytes(b"damaged\n")
    code, printed, errors = run(moved(made, copy), "--engine", "onnxruntime", "--out", "r")
    assert (code, errors) == (FAILED, "")
    assert "Left out " + TOP_DOWN in printed
    assert files.read(copy / "r" / "second+onnxruntime.jsonl").complete


# --- stopping -----------------------------------------------------------------------------------


def started(made, *arguments):
    """Start a run in a group of processes of its own."""
    return subprocess.Popen(
        command(made, *arguments),
        cwd=made.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for_frame(path, process):
    ends = time.monotonic() + 100
    while time.monotonic() < ends and process.poll() is None:
        if path.exists() and b'"kind":"frame"' in path.read_bytes():
            return
        time.sleep(0.05)
    raise AssertionError(process.communicate()[0])


@pytest.mark.parametrize("everybody", [True, False])
def test_ctrl_c_ends_in_order_and_the_record_can_be_read(made, tmp_path, everybody):
    path = tmp_path / f"{TOP_DOWN}+sustained+onnxruntime.jsonl"
    process = started(made, "--engine", "onnxruntime", "--sustained", 5, "--out", tmp_path)
    wait_for_frame(path, process)
    # A terminal sends the signal to both processes.
    (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == STOPPED
    assert " ".join(printed.split()).endswith("Run again to continue.")
    assert "Traceback" not in printed
    record = files.read(path)
    assert not record.complete
    assert record.blocks[-1].readings is not None, "the last block has its readings"


def test_a_closed_output_is_no_traceback(made):
    with subprocess.Popen(
        command(made, "--list"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()  # as `| head` does
        assert process.stderr.read() == ""
    assert process.returncode == STOPPED


def test_a_worker_does_not_outlive_a_killed_parent(made, tmp_path):
    path = tmp_path / f"{TOP_DOWN}+sustained+onnxruntime.jsonl"
    process = started(made, "--engine", "onnxruntime", "--sustained", 5, "--out", tmp_path)
    wait_for_frame(path, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)  # ends when the worker has closed the pipe, too
    assert files.read(path).good


def test_an_entry_whose_process_is_killed_is_named_and_the_run_goes_on(made, tmp_path):
    copy = shutil.copytree(made.folder, tmp_path / "b")
    killed = "import os\nif '--worker' in sys.argv:\n    os.kill(os.getpid(), 9)\n"
    write_script(copy, made.bundle, killed)
    code, printed, errors = run(moved(made, copy), "--engine", "onnxruntime", "--out", "r")
    assert (code, errors) == (FAILED, "")
    text = " ".join(printed.split())
    assert "failed: its process was killed by SIGKILL. The usual reason is that the memory" in text
    assert "posemark report" not in text  # there is nothing to copy


# --- wrong usage, and damage --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "'nobody' is no entry of this bundle. It has: " + TOP_DOWN),
        (["--threads", "0"], "--threads: expected 1 to 1024, got 0"),
        (["--seconds", "0"], "--seconds: expected 0.1 s to 7 days, got 0 s"),
        (["--seconds", "5", "--sustained"], "contradict each other"),
        (["--repeat", "2", "--sustained"], "in a sustained run the frames repeat anyway"),
        (["--repeat", "0"], "--repeat: expected 1 to 10000, got 0"),
        (["--engine", "caffe"], "invalid choice: 'caffe'"),
        (["--engine", "tensorrt"], "tensorrt: not installed (sudo apt-get install"),
        (["--engine", "opencv", "--precision", "fp16"], "opencv: does not run it in fp16"),
        (["--engine", "tflite"], "tflite: reads .tflite, which the bundle does not contain"),
    ],
)
def test_a_mistake_gets_one_paragraph_and_exit_code_2(made, arguments, message, tmp_path):
    code, printed, errors = run(made, *arguments, "--out", tmp_path / "r", once=False)
    assert code == WRONG
    assert message in " ".join((printed + errors).split())
    assert "Traceback" not in errors
    assert not (tmp_path / "r").exists()


def test_a_reason_that_several_entries_share_is_said_once(made, tmp_path):
    folder = shutil.copytree(made.folder, tmp_path / "b")
    (entry,) = made.bundle.entries
    shutil.copy(folder / ENTRIES / f"{entry.key}.json", folder / ENTRIES / "twin@gt.json")
    twins = replace(made.bundle, entries=(entry, replace(entry, key="twin@gt")))
    write_script(folder, twins)
    _, printed, errors = run(moved(made, folder), "--engine", "tensorrt", once=False)
    assert "Traceback" not in errors
    assert printed.count("sudo apt-get install") == 1
    assert "Left out twin@gt: for the same reason." in printed


def test_a_device_that_an_engine_does_not_have_is_refused(made, tmp_path):
    arguments = ("--engine", "opencv", "--device", "cuda", "--out", tmp_path)
    code, _, errors = run(made, *arguments)
    assert code == FAILED
    assert "opencv runs on the device cpu only, got cuda" in " ".join(errors.split())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("frames.json", None, "cannot read this file of the bundle"),
        ("frames.json", b"{", "is damaged"),
        ("frames.json", b"[]", "has not the expected content"),
        ("frames.json", b'{"frames": [{}]}', "has not the expected content"),
        (f"{ENTRIES}/{TOP_DOWN}.json", b"\xff", "is damaged"),
        (f"{ENTRIES}/{TOP_DOWN}.json", b'{"models": []}', "has not the expected content"),
        (MODEL, b"damaged", "this model is damaged. Its SHA-256 is"),
        (MODEL, None, "cannot read this model of the bundle"),
    ],
)
def test_a_damaged_bundle_is_named_with_the_remedy(made, tmp_path, name, content, message):
    copy = shutil.copytree(made.folder, tmp_path / "b")
    (copy / name).unlink()
    if content is not None:
        (copy / name).write_bytes(content)
    code, printed, errors = run(moved(made, copy), "--engine", "onnxruntime")
    text = " ".join((printed + errors).split())
    assert code in (FAILED, WRONG)
    assert name.partition("/")[2] in text
    assert message in text
    assert "unzip it into an empty folder" in text
    assert "Traceback" not in errors


def test_without_any_engine_the_ways_out_are_named(made, tmp_path):
    copy = shutil.copytree(made.folder, tmp_path / "b")
    write_script(
        copy,
        made.bundle,
        "import importlib.util as u\nold = u.find_spec\n"
        "names = ('onnxruntime', 'cv2', 'openvino', 'ai_edge_litert', 'tensorrt')\n"
        "u.find_spec = lambda name, *rest: None if name in names else old(name, *rest)\n",
    )
    code, printed, errors = run(moved(made, copy))
    text = " ".join(printed.split())
    assert code == WRONG
    assert "no engine on this device can run it" in text
    assert "onnxruntime: not installed (pip3 install onnxruntime)" in text
    assert "no entry of this bundle can run on this device" in " ".join(errors.split())


def test_list_measures_nothing(made, tmp_path):
    code, printed, _ = run(made, "--list", "--out", tmp_path / "r")
    assert code == ORDINARY
    assert TOP_DOWN in printed
    assert re.search(r"onnxruntime \d", printed)
    assert not (tmp_path / "r").exists()


def test_help_has_examples_and_fits_the_console(made):
    code, printed, _ = run(made, "--help")
    assert code == ORDINARY
    assert "examples:" in printed
    assert "exit codes:" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert sys.executable not in printed
