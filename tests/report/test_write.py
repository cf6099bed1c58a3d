from dataclasses import replace

import pytest

import report_rows
from posemark.core.errors import UsageError
from posemark.report.result_row import Verdict
from posemark.report.write import WRITERS, write

STARTS = {
    ".html": b"<!doctype html>",
    ".svg": b"<svg",
    ".png": b"\x89PNG",
    ".md": b"| letter",
    ".csv": b"schema,entry,letter,",
    ".json": b"[\n",
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_suffix_chooses_the_kind_and_folders_are_made(suffix, tmp_path):
    path = tmp_path / "new" / "folder" / f"report{suffix.upper()}"
    write(report_rows.mixed(), path)
    assert path.read_bytes().startswith(STARTS[suffix])
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["report.xlsx", "report"])
def test_an_unknown_suffix_is_an_error_that_names_the_known_ones(name, tmp_path):
    with pytest.raises(UsageError, match=r"\.html, \.svg, \.png, \.md, \.csv, \.json"):
        write(report_rows.suite(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_an_error_and_leaves_no_draft(tmp_path):
    (tmp_path / "taken.md").mkdir()
    with pytest.raises(UsageError, match="this is a folder"):
        write(report_rows.suite(), tmp_path / "taken.md")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.md"]


ORDERS = "\x1b[2J\x07\x9b31m\u202e\x7f\ud800"


@pytest.mark.parametrize("suffix", WRITERS)
def test_no_report_holds_orders_to_a_terminal(suffix, tmp_path):
    """Records may contain such characters; pictures cannot, and some cannot be encoded."""
    verdict = Verdict("noisy", (f"too wide{ORDERS}",))
    changes = {"weights": f"w{ORDERS}", "notes": (f"n{ORDERS}",), "verdict": verdict}
    path = tmp_path / f"report{suffix}"
    write([replace(report_rows.row(), entry=f"evil{ORDERS}", **changes)], path)
    content = path.read_bytes()
    if suffix == ".png":
        assert content.startswith(STARTS[suffix])
        return
    text = content.decode()
    assert not set(text) & set(ORDERS.replace("[2J", "").replace("31m", ""))
    assert "evil" in text


def test_a_report_replaces_the_one_before(tmp_path):
    path = tmp_path / "report.md"
    write(report_rows.suite(), path)
    write([report_rows.row(entry="only")], path)
    assert "darkpose" not in path.read_text(encoding="utf-8")
