"""Paths that begin with ~ mean the home folder in every command."""

import typer
from typer.testing import CliRunner

from posemark import cli
from posemark.cli.paths import Command


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
