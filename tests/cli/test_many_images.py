"""`posemark predict --engine ray`: mistakes are told before Ray is started; a run on real Ray."""

import json
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest
from typer.testing import CliRunner

import ray_nodes
from posemark import cli
from posemark.core.errors import UsageError
from posemark.datasets.sample import Sample

RAY = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr("posemark.scale.cluster.find_spec", lambda name: name)


def said(*arguments):
    result = CliRunner().invoke(cli.app, ["predict", "openpose-coco", *map(str, arguments)])
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x", "--address", "auto"], "--address only applies with --engine ray"),
        (["x", "--resume"], "--resume only applies with --engine ray"),
        (["x", "--engine", "ray"], "--engine ray needs --poses FOLDER"),
        (["x", "--engine", "ray", "--poses", "p.json"], "p.json: expected a folder for Parquet"),
        (["x", "--engine", "ray", "--poses", "p", "-o", "q"], "--output does not apply"),
        (["x", "--engine", "ray", "--poses", "p", "--smooth"], "--smooth does not apply"),
        (["x", "--engine", "ray", "--poses", "p", "--format", "csv"], "--format does not apply"),
    ],
)
def test_what_has_no_meaning_is_refused(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert words in said(*arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("installed")
def test_results_are_never_overwritten(tmp_path):
    (tmp_path / "ledger.jsonl").write_bytes(b"{}")
    assert "Add --resume" in said("x", "--engine", "ray", "--poses", tmp_path)


def command(tmp_path, address, *words):
    line = [sys.executable, "-m", "posemark", "predict", "openpose-coco", tmp_path / "photos"]
    line += ["--weights", "none", "--engine", "ray", "--address", address]
    line += ["--poses", tmp_path / "out", *words]
    return subprocess.Popen(
        list(map(str, line)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@RAY
@pytest.mark.timeout(400)
def test_no_image_is_lost_with_a_worker_and_the_command(tmp_path):
    """Three shards on one node, whose worker is killed in the first, then Ctrl-C, then --resume."""
    images = [frame.read() for frame in Sample().frames()[:3]]
    for folder in range(3):  # a shard each
        (tmp_path / "photos" / str(folder)).mkdir(parents=True)
        (tmp_path / "photos" / str(folder) / "x.png").write_bytes(images[folder])
    ledger = tmp_path / "out/ledger.jsonl"

    def finished():
        lines = ledger.read_text().splitlines() if ledger.exists() else []
        return [json.loads(line)["shard"] for line in lines]

    with ray_nodes.running(nodes=1) as nodes:
        process = command(tmp_path, nodes.address)
        while not finished():
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.1)
        nodes.worker("ray::Annotator").kill()
        process.send_signal(2)
        _, errors = process.communicate(timeout=100)
        assert process.returncode in (0, 130), errors
        process = command(tmp_path, nodes.address, "--resume")
        out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert out.startswith("3 images, ")
    assert sorted(finished()) == [0, 1, 2]
    assert len(list((tmp_path / "out/poses").glob("*/*.parquet"))) == 3
