"""`posemark run --engine ray`: mistakes are told before Ray is started."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import made_weights
from posemark import cli
from posemark.cli import shared_run
from posemark.cli.console import progress_bar
from posemark.core.errors import RunError, UsageError

SMALL = "naive-litehrnet-18-256x192"


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("posemark.scale.cluster.find_spec", lambda name: name)


def said(*arguments):
    result = CliRunner().invoke(cli.app, ["run", SMALL, *map(str, arguments)])
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--address", "auto"], "--address auto only applies with --engine ray"),
        (["--mode", "accuracy"], "--mode accuracy only applies with --engine ray"),
        (["--engine", "ray", "--within", "1m"], "--within does not apply with --mode accuracy"),
        (["--engine", "ray", "--no-interleave"], "--interleave does not apply"),
        (["--engine", "ray", "--no-isolate"], "--isolate does not apply"),
        (["--engine", "ray", "--budget", 5], "--budget 5.0 does not apply with --mode accuracy"),
        (["--engine", "ray", "--until", "2%"], "--until 0.02 does not apply"),
        (["--engine", "ray", "--repeat", 2], "--repeat 2 does not apply"),
        (["--engine", "ray", "--smooth"], "--smooth does not apply"),
        (["--engine", "ray", "--streams", 2], "--streams 2 only applies with --mode overlapped"),
        (["--engine", "ray", "--mode", "burst", "--machine", "x"], "--machine does not apply"),
        (["--engine", "ray", "--mode", "burst", "--no-isolate"], "--isolate does not apply"),
        (
            ["--engine", "ray", "--mode", "burst", "--out", "x", "--resume"],
            "--resume does not apply",
        ),
        (["--engine", "ray", "--weights", "none"], "has no trained weights"),
    ],
)
def test_what_has_no_meaning_is_refused(arguments, words, tmp_path):
    assert words in said(*arguments)
    assert not list(tmp_path.rglob("*.jsonl"))


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("posemark.scale.cluster.find_spec", lambda name: None)
    assert "pip install 'posemark[ray]'" in said("--engine", "ray")


def test_an_entry_that_was_complete_has_no_images_and_no_time(capsys):
    with progress_bar(quiet=False) as progress:
        display = shared_run._Display(progress, [SimpleNamespace(key="a")], json=False)
        display.begin(0, images=0)
        display.over(0, Path("a.shards"))
    assert capsys.readouterr().err.strip() == "a: every image had been measured before"
    assert display.records == [Path("a.shards")]


def test_entries_that_did_not_finish_are_named_at_the_end(monkeypatch, tmp_path):
    weights = made_weights.by_formula(tmp_path / "formula.pth", SMALL)
    dead = {0: RunError("m: a shard was tried 4 times.")}
    monkeypatch.setattr(shared_run, "share", lambda *_: ([], dead))
    words = ["run", SMALL, "--engine", "ray", "--weights", str(weights), "--limit", "2"]
    result = CliRunner().invoke(cli.app, words)
    assert str(result.exception) == "1 of 1 entry did not finish. m: a shard was tried 4 times."
    assert result.stdout == ""


def test_what_goes_on_after_a_death_is_said(capsys):
    with progress_bar(quiet=False) as progress:
        jobs = [SimpleNamespace(key="a"), SimpleNamespace(key="b")]
        display = shared_run._Display(progress, jobs, json=False)
        display.died(0, RunError("gone"))
    assert "a: it did not finish; the other entries continue" in capsys.readouterr().err
