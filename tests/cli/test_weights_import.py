"""`posemark weights import` as people use it."""

import re

import pytest
import torch
from typer.testing import CliRunner

import posemark
from posemark import cli

LITE = "naive-litehrnet-18-256x192"


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def drop(tmp_path):
    """A folder with a good file, a bad one, and one that is no checkpoint."""
    folder = tmp_path / "drop"
    folder.mkdir()
    torch.save(posemark.network(LITE).state_dict(), folder / f"{'long-' * 12}good.pth")
    (folder / "bad.pth").write_bytes(b"<html>")
    (folder / "notes.txt").write_bytes(b"")
    return folder


def imported(*arguments):
    return CliRunner().invoke(cli.app, ["weights", "import", *map(str, arguments)])


def test_a_folder_is_imported_without_naming_anything(drop):
    result = imported(drop)
    assert result.exit_code == 2, "one of them is bad"
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert re.search(rf"{LITE}\.official +not known", result.stdout)
    assert re.search(r"bad\.pth +not imported +-", result.stdout)
    assert "1 file imported, 1 not imported, 1 file skipped" in result.stdout
    assert "bad.pth: expected a PyTorch checkpoint" in result.stderr


def test_where_all_are_good_the_exit_code_is_0(drop):
    (drop / "bad.pth").unlink()
    result = imported(drop)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "1 file imported, 1 file skipped" in result.stdout


def test_files_of_one_name_are_told_apart_by_their_folders(drop):
    for folder in ("a", "b"):
        (drop / folder).mkdir()
        (drop / folder / "same.pth").write_bytes(b"")
    text = imported(drop).stdout
    assert re.search(r"^a/same\.pth +not imported", text, re.MULTILINE)
    assert re.search(r"^b/same\.pth +not imported", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("drop", "--as", f"{LITE}.mine"), "--as applies to one file, got drop."),
        (("a.pth", "b.pth", "--as", f"{LITE}.mine"), "one file, got a.pth, b.pth."),
        (("drop", "--part", "ema"), "--part applies to one file"),
        (("drop/bad.pth",), "bad.pth: expected a PyTorch checkpoint"),
        (("empty",), "empty: expected a checkpoint, but among 0 files no name ends in .pth"),
        (("absent.pth",), "absent.pth: no such weights file"),
    ],
)
def test_what_cannot_be_imported_is_explained(arguments, said, drop, tmp_path):
    (tmp_path / "empty").mkdir()
    result = imported(*arguments)
    assert said in str(result.exception)
