"""`posemark tune` as people use it; the search itself is replaced by a made ladder."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from posemark import cli
from posemark.cli import console
from posemark.cli import tune as tuning
from posemark.core.errors import UsageError
from posemark.datasets.sample import Sample
from posemark.measure.speed_interval import Interval
from posemark.models import spec_of
from posemark.records import files
from posemark.report.json_outputs import Tuning
from posemark.run.options import Options
from posemark.tune import search
from posemark.tune.search import Cost, Ladder, Rung
from posemark.tune.search_space import Subject, decoders, most_steps

SMALL = "naive-litehrnet-18-256x192"


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")


def ascii_signs(text):
    """With x and - for the signs of multiplication and of a range."""
    return text.replace("\N{MULTIPLICATION SIGN}", "x").replace("\N{EN DASH}", "-")


def invoke(*arguments):
    result = CliRunner().invoke(cli.app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return result.stdout, result.stderr


@pytest.fixture
def asked(monkeypatch):
    """What the search was asked, while it answers with a made ladder."""
    seen = []

    def climb(start, subject, bench, most_loss, on_rung):
        seen.append((start, subject, bench, most_loss))
        bf16 = replace(start, precision="bf16", threads=1)
        known, unknown = Cost(200, 0.998, 0.04), Cost(200, 0.993, None, "no trained weights")
        rungs = (
            Rung("tflite", start, False, 1, why="it is not installed. Run `pip install it`."),
            Rung("torch", start, False, 1, why="torch does not read .xml files, and x is one"),
            Rung("layout", start, False, 1, why="torch on cpu has no such layout"),
            Rung("bf16", bf16, True, 1.83, Interval(1.83, 1.79, 1.88), known),
            Rung(
                "1 thread",
                bf16,
                True,
                2.01,
                Interval(1.1, 1.05, 1.2),
                unknown,
                "accuracy unknown: x",
            ),
        )
        for rung in rungs:
            on_rung(rung)
        return Ladder(start, rungs, bf16, Interval(2.05, 2.0, 2.1), unknown)

    monkeypatch.setattr(search, "climb", climb)
    return seen


def test_the_ladder_says_what_was_tried_and_how_to_run_the_best(asked, tmp_path):
    out, progress = invoke("tune", f"{SMALL}@gt", "--runtimes", "torch,openvino", "--save", "mine")
    lines = [" ".join(line.split()) for line in ascii_signs(out).splitlines()]
    assert "tflite: it is not installed" in lines
    assert "✓ bf16 x1.83 (1.79-1.88) -0.04 AP x1.83" in lines
    assert "✓ 1 thread x1.10 (1.05-1.20) OKS 0.993 x2.01 accuracy unknown" in lines
    best = "runtime torch, precision bf16, threads 1: x2.05 (2.00-2.10) against torch fp32"
    assert f"{best}, measured in turns" in lines
    assert "OKS 0.993 against torch fp32 on 200 frames" in lines
    assert f"posemark run {SMALL}@gt --setting mine" in lines
    told = ascii_signs(progress).splitlines()
    assert "· tflite: it is not installed" in told
    assert "· torch: does not read .xml files, and x is one" in told
    assert "· layout: torch on cpu has no such layout" in told
    assert "torch torch" not in out + progress, "no word twice"
    against = "against the best so far"
    assert f"✓ bf16: x1.83 (1.79-1.88) {against}, -0.04 AP, x1.83 against the start" in told
    ((start, subject, bench, most_loss),) = asked
    assert (subject.runtimes, most_loss, bench.budget, bench.frames) == (
        *(("torch", "openvino"), 0.1, 4.0, 200),
    )
    assert (start.runtime, start.precision) == ("torch", "fp32")
    (path,) = (tmp_path / "cache" / "settings").glob("*/*.toml")
    assert (path.parent.name, path.name) == (f"{SMALL}@gt", "mine.toml")
    text = ascii_signs(path.read_text(encoding="utf-8"))
    assert f"# {best}" in text
    assert 'precision = "bf16"\nthreads = 1\n' in text


def test_for_throughput_the_search_compares_wall_time_and_says_so(asked):
    out, _ = invoke("tune", f"{SMALL}@gt", "--runtimes", "torch", "--for", "throughput")
    ((_, subject, bench, _),) = asked
    assert (subject.goal, bench.goal) == ("throughput", "throughput")
    text = " ".join(ascii_signs(out).split())
    assert "x2.05 (2.00-2.10) as throughput (wall time, all stages) against torch fp32" in text


def test_by_default_the_search_is_for_latency(asked):
    out, _ = invoke("tune", f"{SMALL}@gt", "--runtimes", "torch", "--json")
    ((_, subject, bench, _),) = asked
    assert (subject.goal, bench.goal, json.loads(out)["goal"]) == ("latency",) * 3


def test_the_columns_tell_one_factor_from_the_other(asked):
    out, _ = invoke("tune", SMALL)
    lines = [line.split() for line in out.splitlines()]
    at = lines.index(["against", "against"])
    assert " ".join(lines[at + 1]) == "step the best so far AP or OKS the start why"


def display(monkeypatch, most):
    monkeypatch.setattr(console, "PLAIN_SECONDS", 0.0)
    return tuning._Display(console.progress_bar(quiet=False), most, quiet=False)


def test_without_a_terminal_lines_say_which_step_it_is_and_the_time_left(capsys, monkeypatch):
    shown = display(monkeypatch, most=21)
    options = Options(data="sample", threads=1, runtime="openvino")
    shown.about("openvino")
    shown.finished(Rung("openvino", options, False, 1, why="slower"))
    shown._began_ns -= 12 * 10**9
    shown.about("openvino bf16")
    shown.opening(1)
    assert capsys.readouterr().err.splitlines() == [
        "openvino: step 1 of at most 21",
        "· openvino: slower",
        "openvino bf16: step 2 of at most 21, about 4 min left",
        "openvino bf16: building the step, step 2 of at most 21, about 4 min left",
    ]


def test_there_are_as_many_steps_at_most_as_all_phases_have_together():
    spec = spec_of(SMALL)
    subject = Subject(spec, ("torch", "openvino"), None, 4)
    assert most_steps(subject) == 2 + 2 * 3 + 1 + 3 + 3 + len(decoders(subject, ()))


def test_what_was_left_out_of_the_data_is_said(asked, monkeypatch):
    monkeypatch.setattr(Sample, "notes", ("1 person has no area",))
    _, progress = invoke("tune", SMALL)
    assert "data: 1 person has no area" in progress


def test_the_setting_runs(asked):
    invoke("tune", SMALL)
    invoke("run", SMALL, "--setting", "best", "--limit", 1, "--out", "out")
    (path,) = Path("out").glob("*.jsonl")
    settings = files.read(path).header.settings
    assert (settings.precision, settings.threads) == ("bf16", 1)


def test_an_option_that_contradicts_the_setting_is_refused_and_a_default_is_not(asked):
    invoke("tune", SMALL)
    with pytest.raises(UsageError, match="--precision fp32 contradicts the setting"):
        invoke("run", SMALL, "--setting", "best", "--precision", "fp32", "--limit", 1)
    with pytest.raises(UsageError, match="--threads 2 contradicts the setting"):
        invoke("run", SMALL, "--setting", "best", "--threads", 2, "--limit", 1)


def test_as_json_the_ladder_has_everything(asked):
    out, progress = invoke("tune", SMALL, "--json", "--max-ap-loss", 0.5)
    assert progress == ""
    found = json.loads(out)
    assert [rung["step"] for rung in found["rungs"]] == [
        "tflite",
        "torch",
        "layout",
        "bf16",
        "1 thread",
    ]
    assert found["rungs"][0]["why"] == "it is not installed. Run `pip install it`."
    assert found["total"] == {"point": 2.05, "low": 2.0, "high": 2.1}
    assert (found["entry"], found["best"]["precision"]) == (f"{SMALL}@gt", "bf16")
    assert found["setting"].endswith("best.toml")
    assert msgspec.convert(found, Tuning).total.point == 2.05


def test_a_gain_in_accuracy_has_a_plus_and_no_loss_no_minus():
    from posemark.cli.tune import _cost

    losses = (0.04, -0.31, 0.001, -0.001)
    told = [_cost(Cost(9, None, loss)) for loss in losses]
    assert told == ["-0.04 AP", "+0.31 AP", "+0.00 AP", "+0.00 AP"]
    assert _cost(Cost(9, None)) == "no people found"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lite*",), "matches 2 entries"),
        (("nothing",), "matches no entry, suite or letter"),
        ((SMALL, "--runtimes", "torch,magic"), "no runtime is called 'magic'"),
        ((SMALL, "--save", "../x"), "cannot name a setting"),
        ((SMALL, "--device", "cuda:9"), "None of these runtimes can be used"),
    ],
)
def test_mistakes_are_told_before_anything_is_measured(asked, arguments, words):
    with pytest.raises(UsageError) as error:
        invoke("tune", *arguments)
    assert words in str(error.value)
    assert not asked
