"""`posemark run --mode overlapped` as people use it."""

import json

import pytest
from typer.testing import CliRunner

from posemark import cli, load
from posemark.core.errors import UsageError
from posemark.run import setting

SMALL = "naive-litehrnet-18-256x192@gt"


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("posemark.cli.machine.peak_figures", lambda *_: None)


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(each) for each in arguments])


def test_a_run_prints_its_throughput_its_gain_and_the_age_of_its_poses(tmp_path):
    run = ("run", SMALL, "--mode", "overlapped", "--threads", 2, "--limit", 24)
    result = invoke(*run, "--out", "made")
    assert result.exit_code == 0, result.stderr
    heading = " ".join(result.stdout.splitlines()[:2])
    assert "throughput" in heading
    assert "gain" in heading
    assert "predicted" in heading
    assert "pose FPS" not in heading
    printed = invoke("report", "made", "-o", "made.json")
    assert printed.exit_code == 0, printed.stderr
    (row,) = json.loads((tmp_path / "made.json").read_bytes())
    assert (row["streams"], row["threads"], row["frames"]) == (2, 2, 24)
    assert row["throughput"] > 0
    assert row["age_ms"]["p95"] >= row["age_ms"]["p50"] > 0
    assert row["fps_pose"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--streams", 2], "--streams 2 only applies with --mode overlapped"),
        (["--mode", "overlapped", "--threads", 2, "--streams", 3], "at most --streams 2"),
        (["--mode", "overlapped", "--fps", 30], "no other mode has a camera"),
        (
            ["--mode", "overlapped", "--threads", 2, "--runtime", "torch-compile"],
            "torch-compile on cpu cannot process 2 frames at the same time",
        ),
    ],
)
def test_mistakes_are_told_before_anything_is_measured(arguments, words, tmp_path):
    result = invoke("run", SMALL, *arguments)
    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)
    assert not (tmp_path / "runs").exists() or not [*(tmp_path / "runs").rglob("*.jsonl")]


def test_a_program_that_loads_an_overlapped_setting_has_one_session_on_all_threads(tmp_path):
    path = tmp_path / "fast.toml"
    setting.write(path, {"mode": "overlapped", "streams": 2, "threads": 2, "runtime": "torch"}, [])
    estimator = load(SMALL, weights="none", setting=path)
    assert type(estimator.pipeline.session).__name__ == "TorchSession"
