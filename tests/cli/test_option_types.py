"""Paths that begin with ~ mean the home folder in every command."""

import pytest
import typer
from typer.testing import CliRunner

from posemark import cli
from posemark.cli.option_types import Command
from posemark.core.errors import PoseMarkError


def commands(group, words=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def test_every_command_expands_the_paths_that_it_takes():
    found = dict(commands(typer.main.get_command(cli.app)))
    assert ("weights", "import") in found
    assert all(isinstance(command, Command) for command in found.values())


def test_one_path_several_and_none(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "here").mkdir()
    result = CliRunner().invoke(cli.app, ["report", "~/here", "~/missing"])
    assert str(tmp_path) in str(result.exception)
    assert "~" not in str(result.exception)
    result = CliRunner().invoke(cli.app, ["export", "no-such", "--output=~/missing/x.onnx"])
    assert f"-o {tmp_path}/missing/x.onnx" in str(result.exception)


def test_nothing_is_exported_into_a_folder_that_takes_no_files():
    result = CliRunner().invoke(cli.app, ["export", "hrnet-w32-256x192", "-o", "/proc/x.onnx"])
    assert type(result.exception).__name__ == "UsageError"
    assert "-o /proc/x.onnx: it cannot be written into /proc (" in str(result.exception)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "x", "--budget", "nan"),
        ("run", "x", "--budget", "inf"),
        ("run", "x", "--within", "9" * 400 + "h"),
        ("run", "x", "--min-score", "nan"),
        ("run", "x", "--mode", "paced", "--fps", "inf"),
        ("recommend", "x", "--min-fps", "nan"),
        ("tune", "x", "--max-ap-loss", "nan"),
    ],
)
def test_a_number_that_is_none_or_infinite_is_refused_by_every_command(words):
    done = CliRunner().invoke(cli.app, words)
    assert isinstance(done.exception, PoseMarkError), done.exception
    assert str(done.exception).startswith(f"{words[-2]}: expected a ")


@pytest.mark.parametrize(
    "words",
    [
        ("report", "~nobody-here/x"),
        ("check", "~nobody-here/x.toml"),
        ("run", "~nobody-here/x.toml"),
        ("run", "naive-litehrnet-18-256x192", "--data", "coco:~nobody-here/x"),
        ("run", "naive-litehrnet-18-256x192", "--boxes", "file:~nobody-here/x"),
        ("run", "naive-litehrnet-18-256x192", "--weights", "~nobody-here/x.pth"),
        ("run", "naive-litehrnet-18-256x192", "--setting", "~nobody-here/x.toml"),
    ],
)
def test_the_home_of_a_user_who_is_not_there_is_a_path_that_is_not_there(words, tmp_path):
    words += ("--out", str(tmp_path / "run")) if words[0] == "run" else ()
    done = CliRunner().invoke(cli.app, words)
    said = str(done.exception) + done.stderr
    assert isinstance(done.exception, (PoseMarkError, SystemExit)), done.exception
    assert "~nobody-here/x" in said


@pytest.mark.parametrize(
    "words",
    [
        ("run", "", ("--out", "x")),
        ("run", "x", ("--out", "")),
        ("run", "x", ("--out=",)),
        ("run", "x", ("--save-boxes", "")),
        ("run", "x", ("--boxes", "")),
        ("predict", "", ("x.jpg",)),
        ("predict", "x", ("a.jpg", "")),
        ("predict", "x", ("a.jpg", "-o", "")),
        ("predict", "x", ("a.jpg", "--poses", "")),
        ("predict", "x", ("a.jpg", "--compare", "y", "--compare", "")),
        ("report", "", ()),
        ("report", "x", ("-o", "a.md", "-o", "")),
        ("export", "x", ("-o", "")),
        ("weights", "import", ("",)),
    ],
)
def test_an_empty_value_is_never_the_current_folder(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.app, [*words[:2], *words[2]])
    assert isinstance(done.exception, PoseMarkError), done.exception
    assert ": expected a value, got an empty one. " in str(done.exception)
    assert not list(tmp_path.iterdir())
