"""A bundle from `posemark bundle` to `posemark report`: written, unpacked, run, read at home."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from msgspec import structs
from typer.testing import CliRunner

import goldens
import made_cards
from exported import graph
from posemark import cli
from posemark.bundle.runner.entry_file import ENTRIES
from posemark.core.errors import DataError, UsageError
from posemark.records import files

SMALL = "naive-litehrnet-18-256x192"
TRAINED = "wider-naive-litehrnet-18-256x192"
WEIGHTS = "weights/tinypose_256x192_wider_naive_litehrnet18.safetensors"
FRAMES = 3


def posemark(*words):
    """Call PoseMark in this process; return what it prints on stdout, and on stderr."""
    done = CliRunner().invoke(cli.app, [str(word) for word in words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def unpacked(path, folder):
    """Unpack a bundle as its README says, and return the folder."""
    subprocess.run([sys.executable, "-m", "zipfile", "-e", path, folder], check=True)
    return folder


def run(folder, *words, python=sys.executable):
    """Run run.py once over its frames without any part of PoseMark, and return what it prints."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [python, "run.py", "--repeat", "1", *words],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The bundle of one network of both sources of boxes, and what was said of it."""
    pytest.importorskip("onnxruntime")
    path = tmp_path_factory.mktemp("made") / "small.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEMARK_CACHE", str(path.parent / "cache"))
        said, _ = posemark("bundle", f"{SMALL}@*", "-o", path, "--limit", FRAMES)
        again = path.with_name("again.zip")
        posemark("bundle", f"{SMALL}@*", "-o", again, "--limit", FRAMES)
    return path, said, again


def test_a_bundle_says_what_it_is_and_what_to_do_with_it(made):
    path, said, _ = made
    first, *steps = said.splitlines()
    assert first.startswith(f"{path}: ")
    assert "2 entries, 3 frames, for any Linux device" in first
    assert [step[:2] for step in steps] == ["1.", "2.", "3."]
    assert "python3 run.py" in steps[1]
    assert "posemark report results" in steps[2]


def test_the_same_inputs_give_the_same_bytes(made):
    path, _, again = made
    assert path.read_bytes() == again.read_bytes()


def test_everything_is_in_it_once(made):
    path, _, _ = made
    with zipfile.ZipFile(path) as zipped:
        names = zipped.namelist()
        assert zipped.testzip() is None
        assert zipped.getinfo("run.py").external_attr >> 16 & 0o111
        frames = json.loads(zipped.read("frames.json"))["frames"]
        model = onnx.load_from_string(zipped.read(*(n for n in names if n.endswith(".onnx"))))
        text = zipped.read("README.txt").decode("ascii")
    assert len(names) == len(set(names)) == 2 + 2 + 1 + 1 + 1 + 2 * FRAMES
    assert [
        model.opset_import[0].version,
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value,
    ] == [11, 1]
    assert [each["image_id"] for each in frames] == [1, 2, 3]
    assert {each[key] for each in frames for key in ("file", "plain")} <= set(names)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert f"{SMALL}@gt" in text


@pytest.fixture(scope="module")
def records(made, tmp_path_factory):
    """The records of a run with ONNX Runtime, by the name of their entry."""
    folder = unpacked(made[0], tmp_path_factory.mktemp("run"))
    said = run(folder, "--engine", "onnxruntime", "--threads", "1")
    assert all(len(line) <= 80 for line in said.splitlines())
    found = [files.read(path) for path in sorted((folder / "results").glob("*.jsonl"))]
    return {record.header.entry.partition("+")[0]: record for record in found}, folder


def test_the_records_are_those_of_a_run_at_home(made, records, tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(made[0].parent / "cache"))
    names = [f"{SMALL}@gt", f"{SMALL}@detected"]
    home = ["--limit", FRAMES, "--runtime", "onnxruntime", "--threads", 1, "--out", tmp_path]
    posemark("run", *names, *home)
    device = {"environment": {}, "started": "", "run": "", "own_process": True, "turns": 1}
    for name in names:
        record = files.read(tmp_path / f"{name}+onnxruntime.jsonl")
        found = records[0][name]
        assert structs.replace(found.header, **device) == structs.replace(record.header, **device)
        assert [each.image_id for each in found.good] == [each.image_id for each in record.good]
        assert [each.boxes for each in found.good] == [each.boxes for each in record.good]
        assert found.complete


def test_the_report_shows_them(records):
    said, _ = posemark("report", records[1] / "results")
    assert SMALL in said
    assert "onnxruntime" in said


def test_poses_of_trained_weights_come_home(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    weights, data = goldens.shared(WEIGHTS), goldens.shared("coco")
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    options = [TRAINED, "--weights", weights, "--data", f"coco:{data}", "--limit", 8]
    posemark("bundle", *options, "-o", tmp_path / "b.zip", "--target", "raspberry-pi")
    folder = unpacked(tmp_path / "b.zip", tmp_path / "device")
    run(folder, "--engine", "onnxruntime", "--threads", "1")
    home = tmp_path / "home"
    posemark("run", *options, "--runtime", "onnxruntime", "--threads", 1, "--out", home)
    (found,) = map(files.read, (folder / "results").glob("*.jsonl"))
    (record,) = map(files.read, home.glob("*.jsonl"))
    assert sum(len(each.poses.scores) for each in record.good) > 3
    for one, other in zip(found.good, record.good, strict=True):
        np.testing.assert_allclose(one.poses.keypoints, other.poses.keypoints, atol=0.02)
        np.testing.assert_allclose(one.poses.scores, other.poses.scores, atol=1e-4)
    rows = tmp_path / "rows.json"
    posemark("report", folder / "results", home, "-o", rows)
    aps = [row["ap"]["AP"] for row in json.loads(rows.read_text())]
    assert len(aps) == 2
    assert aps[0] == pytest.approx(aps[1], abs=1e-3)


def test_a_rescoring_network_travels(tmp_path):
    pytest.importorskip("onnxruntime")
    from posemark.bundle.networks import rescorer_file
    from posemark.bundle.runner.entry_file import EntryFile, read_rescorer
    from posemark.codecs.pose_rescore import DEKR_RESCORING
    from posemark.models import spec_of

    rng = np.random.default_rng(0)
    state = {name: rng.normal(size=shape) for name, shape in DEKR_RESCORING.shapes.items()}

    class Prepared:
        spec = spec_of("dekr-w32-512")
        rescorer = DEKR_RESCORING.build(state)

    model, content = rescorer_file(Prepared)
    assert rescorer_file(Prepared)[1] == content
    path = tmp_path / model.file
    path.parent.mkdir()
    path.write_bytes(content)
    people, scores = rng.uniform(0, 99, (4, 17, 3)), np.ones(4)
    found = read_rescorer(tmp_path, EntryFile({}, (), {}, model), Prepared.spec)
    expected = Prepared.rescorer.rescored(people, scores)
    assert found.rescored(people, scores).tolist() == expected.tolist()
    assert read_rescorer(tmp_path, EntryFile({}, (), {}), Prepared.spec) is None
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match="this model is damaged"):
        read_rescorer(tmp_path, EntryFile({}, (), {}, model), Prepared.spec)


@pytest.mark.parametrize("pattern", [f"{ENTRIES}/{SMALL}@gt.json", "frames.json", "truth-*.json"])
def test_a_file_whose_figures_have_changed_is_refused(made, tmp_path, pattern):
    folder = unpacked(made[0], tmp_path)
    (path,) = folder.glob(pattern)
    # Still JSON of the right form, with another number.
    path.write_text(path.read_text().translate(str.maketrans("12", "21")))
    done = subprocess.run(
        [sys.executable, "run.py", "--list"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 2
    assert f"{path.name}: this file of the bundle is damaged" in said
    assert "unzip it into an empty folder" in said


def test_an_old_python_runs_it(made, tmp_path):
    python = os.environ.get("POSEMARK_OLD_PYTHON")
    if not python:
        pytest.skip("POSEMARK_OLD_PYTHON names no interpreter with numpy")
    said = run(unpacked(made[0], tmp_path), "--list", python=python)
    assert f"{SMALL}@gt" in said


@pytest.fixture
def made_card(tmp_path, monkeypatch):
    """Return a function that writes an exported model and its card, whose path it returns."""
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))

    def make(opset):
        model = graph()
        model.opset_import[0].version = opset
        onnx.save(model, tmp_path / "tiny.onnx")
        return made_cards.card(tmp_path)

    return make


def test_an_entry_that_cannot_run_there_is_left_out_with_the_reason(made_card, tmp_path):
    path, card = tmp_path / "b.zip", made_card(opset=17)
    words = [f"{card}@gt", "-o", path, "--limit", 1, "--target", "jetson-nano"]
    with pytest.raises(UsageError) as refused:
        posemark("bundle", *words)
    assert "none of 1 entry can run there" in str(refused.value)
    reason = "TensorRT 8.2 does not read its file: its operator set is 17"
    assert reason in str(refused.value)
    assert not path.exists()
    said, beside = posemark("bundle", SMALL, *words)
    assert "1 entry, 1 frame" in said
    assert f"left out: tiny@gt: {reason}" in beside


def test_the_file_of_a_card_travels_as_it_is(made_card, tmp_path):
    path = tmp_path / "b.zip"
    posemark("bundle", f"{made_card(opset=13)}@gt", "-o", path, "--limit", 1)
    with zipfile.ZipFile(path) as zipped:
        (name,) = (each for each in zipped.namelist() if each.endswith(".onnx"))
        assert zipped.read(name) == (tmp_path / "tiny.onnx").read_bytes()
    said = run(unpacked(path, tmp_path / "device"), "--engine", "onnxruntime")
    assert "tiny@gt" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "motion:sample"], "a bundle takes images that stand alone"),
        (["--target", "nano"], "--target 'nano': expected jetson-nano"),
        (["--boxes", "detector:hog"], "a bundle has the boxes in it, and no detector"),
    ],
)
def test_what_no_bundle_has_is_refused_before_anything_is_exported(words, message, tmp_path):
    entry = f"{SMALL}@detected" if "detector:hog" in words else f"{SMALL}@gt"
    with pytest.raises(UsageError, match=message):
        posemark("bundle", entry, "-o", tmp_path / "b.zip", *words)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_is_there_is_replaced_and_this_is_said(made_card, tmp_path):
    path = tmp_path / "b.zip"
    path.write_text("before")
    said, _ = posemark("bundle", f"{made_card(opset=13)}@gt", "-o", path, "--limit", 1)
    assert "b.zip (replaced): " in said
    assert zipfile.is_zipfile(path)
    with pytest.raises(UsageError, match=r"expected a file name that ends in \.zip"):
        posemark("bundle", SMALL, "-o", Path(path).with_suffix(".tar"))
