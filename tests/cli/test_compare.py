"""`posemark compare` as people use it: what is printed, exit codes, files, and mistakes."""

import json
import shutil

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

import made_records as records
from posemark import cli
from posemark.core.errors import RecordError, UsageError
from posemark.report.json_outputs import ComparedRuns

BLOCKS = 20


def blocks(factor, spread=0.0, seed=0):
    """20 blocks of 4 frames of 50 ms, varying from block to block."""
    times = 50e6 * factor * np.random.default_rng(seed).normal(1, spread, BLOCKS)
    return [
        [records.frame(4 * at + each, int(ns)) for each in range(4)] for at, ns in enumerate(times)
    ]


@pytest.fixture
def runs(tmp_path):
    """The folders of two runs of entries: by name, how much slower and how noisy the second is."""

    def make(entries, **changes):
        for name, (factor, spread) in entries.items():
            records.write(tmp_path / "base", records.header(name), blocks(1.0))
            head = records.header(name, **{"run": "later"} | changes)
            records.write(tmp_path / "new", head, blocks(factor, spread))
        return tmp_path / "base", tmp_path / "new"

    return make


def say(*arguments, code=0, columns=80):
    """What the command prints."""
    result = CliRunner().invoke(
        cli.app, ["compare", *map(str, arguments)], env={"COLUMNS": str(columns)}
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


SLOWER, SAME, LOUD = (1.08, 0.001), (1.0, 0.001), (1.0, 0.4)
LONG = "naive-litehrnet-18-256x192.official@detected"


def test_each_entry_is_told_with_its_call_and_figures(runs):
    lines = say(*runs({LONG: SLOWER, "same@gt": SAME})).splitlines()
    assert max(map(len, lines)) <= 80
    figures = lines[lines.index(LONG) + 1].split()
    assert figures[:2] == ["slower", "+8.0%"]
    assert lines[lines.index("same@gt") + 1].split()[:2] == ["no", "change"]
    assert lines[-1].startswith("time, FPS: pose stages, same frames;")


def test_what_changed_and_what_has_no_partner_is_told(runs):
    base, new = runs({"a@gt": SLOWER}, posemark="0.5")
    records.write(base, records.header("gone@gt"), blocks(1))
    text = say(base, new)
    assert "    posemark: 0.4 -> 0.5" in text
    assert "only in base: gone@gt" in text


@pytest.mark.parametrize(
    ("entries", "gate", "code", "words"),
    [
        ({"a@gt": SAME}, "5%", 0, "gate 5%: passed"),
        ({"a@gt": SLOWER}, "5%", 1, "gate 5%: slower: a@gt"),
        ({"a@gt": SLOWER}, "10%", 0, "gate 10%: passed"),
        ({"a@gt": SAME, "b@gt": LOUD}, "5%", 3, "gate 5%: undecided: b@gt"),
        ({"a@gt": SLOWER, "b@gt": LOUD}, "5%", 1, "gate 5%: slower: a@gt; undecided: b@gt"),
        ({"a@gt": (0.5, 0.005)}, "5%", 0, "gate 5%: passed"),
    ],
    ids=["same", "slower", "by less", "noise", "slower and noise", "faster"],
)
def test_the_exit_code_of_a_gate(runs, entries, gate, code, words):
    assert words in say(*runs(entries), "--gate", gate, code=code)


def test_a_gate_sets_how_near_no_change_must_be(runs):
    folders = runs({"b@gt": LOUD})
    assert "inconclusive" in say(*folders)
    assert "no change" in say(*folders, "--gate", "60%")


def test_without_a_gate_a_slower_entry_is_no_failure(runs):
    assert "gate" not in say(*runs({"a@gt": SLOWER}))


def test_where_nothing_can_be_compared_the_exit_code_says_so(runs, tmp_path):
    base, new = runs({"a@gt": SLOWER}, environment=records.ENVIRONMENT | {"cores": 8})
    assert "Speeds of several machines are not compared." in " ".join(
        say(base, new, code=3).split()
    )
    records.write(tmp_path / "other", records.header("b@gt"), blocks(1))
    apart = say(base, tmp_path / "other", code=3)
    assert "only in new: b@gt" in apart
    assert "No entry is in both runs, so there is nothing to compare." in apart
    assert "95% interval" not in apart, "a heading of nothing"
    assert say(base, new, "--gate", "5%", code=3)


def test_json_is_one_object_with_what_the_gate_found(runs):
    found = json.loads(say(*runs({"a@gt": SLOWER}), "--gate", "5%", "--json", code=1))
    assert found["gate"] == {"gate": 0.05, "slower": ["a@gt"], "undecided": []}
    change = found["changes"][0]
    assert (change["entry"], change["call"], change["frames"]) == ("a@gt", "slower", 80)
    assert change["time"]["low"] < change["ratio"] < change["time"]["high"]
    assert (found["only_base"], found["only_new"]) == ([], [])
    assert found["schema"] == 1
    assert msgspec.convert(found, ComparedRuns).changes[0].time.point == change["time"]["point"]


def test_a_table_is_written_beside_what_is_printed(runs, tmp_path):
    path = tmp_path / "tables" / "comparison.md"
    say(*runs({"a@gt": SLOWER}), "-o", path)
    assert "| a@gt | slower | +8.0% |" in path.read_text(encoding="utf-8")


def test_records_can_be_given_one_by_one(runs):
    base, new = runs({"a@gt": SLOWER, "b@gt": SAME})
    text = say(base / "a@gt.jsonl", new / "a@gt.jsonl")
    assert "a@gt" in text
    assert "b@gt" not in text


def test_a_run_that_is_compared_with_its_copy_is_named(runs, tmp_path):
    base, new = runs({"same@gt": SAME, "other@gt": SAME})
    shutil.copy(base / "same@gt.jsonl", new)
    said = " ".join(say(base, new, columns=500).split())
    both = f"{base / 'same@gt.jsonl'} and {new / 'same@gt.jsonl'} are the same run"
    assert said.count("are the same run") == 1
    assert f"same@gt: {both}" in said


def test_mistakes(runs, tmp_path):
    base, new = runs({"a@gt": SAME})
    with pytest.raises(UsageError, match=r"--gate 1%: expected 2% or more"):
        say(base, new, "--gate", "1%")
    with pytest.raises(UsageError, match=r"Give a name that ends in \.md"):
        say(base, new, "-o", tmp_path / "table.html")
    with pytest.raises(RecordError, match="no such file or folder"):
        say(base, tmp_path / "nothing")
    with pytest.raises(UsageError, match=r"--gate: expected a percentage such as 2%, got 'much'\."):
        say(base, new, "--gate", "much")


def test_help_has_examples_and_exit_codes():
    text = say("--help", columns=200)
    assert "posemark compare runs/before runs/after --gate 5%" in text
    assert "Exit codes with --gate: 1 if any entry is called slower" in text
