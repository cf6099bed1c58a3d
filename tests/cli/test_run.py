"""What a run shows of an entry that is over, and when its poses are scored."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import made_records as made
from posemark.cli import run
from posemark.cli.console import progress_bar
from posemark.records.schema import Source
from posemark.report import results

MS = 1_000_000


def record(folder, entry):
    """Twelve frames of a trained network, whose poses are exact."""
    head = made.header(entry, weights=Source("official", "f" * 64))
    lines = [
        made.frame(image, 20 * MS, poses=made.people(made.annotation(image))) for image in range(12)
    ]
    return made.write(folder, head, [lines])


def display(as_json):
    """Of a run of two entries."""
    options = SimpleNamespace(repeat=1, limit=None, budget=None, until=None)
    job = SimpleNamespace(job=SimpleNamespace(options=options), frames=range(12), key="entry")
    how = run._Execution(Path("out"), False, as_json, None, True, None, None)
    bar = progress_bar(quiet=True)
    return run._Display(bar, [job, job], how)


@pytest.fixture
def scored(monkeypatch):
    """The entries whose poses were scored, in order."""
    entries = []
    score = results.with_accuracy

    def noted(row, *rest):
        entries.append(row.entry)
        return score(row, *rest)

    monkeypatch.setattr(results, "with_accuracy", noted)
    return entries


def test_poses_are_scored_once_and_only_when_all_entries_are_over(tmp_path, scored, capsys):
    shown = display(as_json=False)
    for place, entry in ((1, "b@gt"), (0, "a@gt")):
        shown.over(place, record(tmp_path, entry))
    assert scored == []
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in told] == ["b@gt: 12 frames", "a@gt: 12 frames"]
    rows = shown.scored()
    assert {place: row.entry for place, row in rows.items()} == {0: "a@gt", 1: "b@gt"}
    assert [row.ap["AP"] for row in rows.values()] == pytest.approx([1, 1])
    assert scored == ["b@gt", "a@gt"]


def test_a_line_of_json_holds_the_scores_and_they_are_made_once(tmp_path, scored, capsys):
    display(as_json=True).over(0, record(tmp_path, "a@gt"))
    assert json.loads(capsys.readouterr().out)["ap"]["AP"] == pytest.approx(1)
    assert scored == ["a@gt"]
