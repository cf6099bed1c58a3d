"""What a run leaves undecided, and the command that goes on."""

import shlex
from dataclasses import replace
from types import SimpleNamespace

import pytest
import typer

from posemark.cards import built_in
from posemark.cli import run, undecided
from posemark.cli.undecided import Undecided
from posemark.core.spec import Entry
from posemark.datasets.sample import Sample
from posemark.run.plan import Options, plan
from posemark.run.prepare import prepare_job

DATASET = Sample(6)
FRAMES = DATASET.frames()


def prepared(*names, **changes):
    options = Options(**({"data": "sample", "threads": 1} | changes))
    return [prepare_job(job, DATASET, FRAMES) for job in plan(names, options)]


def context(*words):
    """Of `posemark run` with these words; nothing is run."""
    app = typer.Typer()
    app.command("run")(run.run)
    app.callback()(lambda: None)
    group = typer.main.get_command(app)
    command = group.commands["run"]
    parent = group.make_context("posemark", ["run"], resilient_parsing=True)
    return command.make_context("run", list(words), parent=parent)


def said(found, entries, *words, opening=2.0, out="there"):
    return undecided.lines(found, entries, opening, context(*words), out)


def command(lines):
    (line,) = (line for line in lines if line.startswith("to continue: "))
    return shlex.split(line.removeprefix("to continue: "))


def wanting(job, seconds=30.0, **changes):
    return Undecided(job, "5 blocks more", seconds, **changes)


def test_where_all_is_decided_nothing_is_said():
    assert said([], 2, "p", "r") == []


def test_the_command_names_what_is_undecided_and_has_time_for_it():
    p, _ = prepared("p", "r")
    lines = said([wanting(p, 100)], 2, "p", "r", "--threads", "1", "--limit", "3")
    assert lines[:2] == [
        "undecided entries, and what each still needs:",
        "  naive-litehrnet-18-256x192@gt: 5 blocks more",
    ]
    words = command(lines)
    assert words[:3] == ["posemark", "run", f"{p.job.entry.model}@{p.job.entry.variant}"]
    assert "--limit" not in words, "it would end the run again"
    assert words[words.index("--threads") + 1] == "1"
    assert words[words.index("--within") + 1] == "3m", "2 s of building, 100 s and a margin"
    assert words[words.index("--out") + 1] == "there"
    assert "--resume" in words


def test_if_all_are_undecided_the_names_that_were_given_are_enough():
    jobs = prepared("p", "r", until=0.02)
    words = command(said([wanting(job) for job in jobs], 2, "p", "r", "--until", "2%"))
    assert words[2:4] == ["p", "r"]
    assert words[words.index("--until") + 1] == "2%"


def test_a_run_that_ends_by_its_budget_goes_on_by_it():
    jobs = prepared("p", mode="sustained", budget=20.0)
    words = command(said([wanting(jobs[0])], 1, "p", "--mode", "sustained", "--budget", "20"))
    assert words[words.index("--budget") + 1] == "20.0"
    assert "--within" not in words
    assert words[words.index("--mode") + 1] == "sustained"


def test_entries_that_need_the_same_share_a_line():
    jobs = prepared("b", "d", "p", "r")
    found = [wanting(job) for job in jobs[:3]] + [Undecided(jobs[3], "not started", 0.0)]
    assert said(found, 4, "b", "d", "p", "r")[1:3] == [
        "  b, d, p: 5 blocks more",
        "  litehrnet-18-256x192@gt: not started",
    ]


def test_what_has_to_be_measured_anew_has_a_command_without_the_old_folder():
    jobs = prepared("p", "r")
    given = ("p", "r", "--out", "there", "--resume")
    lines = said([wanting(jobs[0], restart=True), wanting(jobs[1])], 2, *given)
    (line,) = (line for line in lines if line.startswith("to measure again: "))
    words = shlex.split(line.removeprefix("to measure again: "))
    assert words[2:3] == [jobs[0].key]
    assert not {"--out", "--resume"} & set(words)


@pytest.mark.parametrize("change", [{"all_frames": True}, {"restart": True}])
def test_nothing_goes_on_where_going_on_decides_nothing(change):
    lines = said([wanting(prepared("p")[0], **change)], 1, "p")
    assert not any("to continue" in line for line in lines)
    assert any("--repeat" in line for line in lines) is ("all_frames" in change)


def test_entries_that_were_not_begun_are_listed(monkeypatch):
    jobs = prepared("p", "r")
    row = SimpleNamespace(frames=6, failed_frames=0)
    monkeypatch.setattr("posemark.report.missing_evidence.need", lambda _: None)
    (found,) = undecided.undecided(jobs, {0: row})
    assert (found.job, found.wanted) == (jobs[1], "not started")


@pytest.mark.parametrize("own", [False, True])
def test_a_card_that_posemark_brings_is_named_by_its_model(own, tmp_path):
    (name, path), *_ = built_in().items()
    card = str(tmp_path / path.name if own else path)
    job = SimpleNamespace(entry=Entry(name, "gt", card=card), options=Options("sample", 1))
    typed = undecided._name(SimpleNamespace(job=job), "none")
    assert typed == (f"{card}@gt" if own else f"{name}@gt")


@pytest.mark.parametrize(
    ("data", "weights", "name"),
    [
        ("sample", "none", "naive-litehrnet-18-256x192@gt"),
        ("sample", "official", "naive-litehrnet-18-256x192.official@gt"),
        ("coco:/data", "official", "naive-litehrnet-18-256x192.official@gt"),
        ("coco:/data", "none", "naive-litehrnet-18-256x192.none@gt"),
    ],
)
def test_the_command_that_goes_on_keeps_the_weights_that_were_chosen(data, weights, name):
    (p,) = prepared("p")
    options = replace(p.job.options, data=data, weights=weights)
    job = replace(p, job=replace(p.job, options=options))
    assert command(said([wanting(job)], 2, "p", "q", "--data", data))[2] == name
