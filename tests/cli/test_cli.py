"""The command line as people use it: what is printed, where, and how mistakes are answered."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
import typer
from typer.testing import CliRunner

import made_records
import posemark
from posemark import cards, cli
from posemark.cli import console, list_entries
from posemark.core.errors import RunError, UsageError
from posemark.machine import peak
from posemark.machine.rates import Rate
from posemark.measure import contention
from posemark.measure.environment import environment
from posemark.models import all_models, spec_of
from posemark.records import files
from posemark.report import results
from posemark.run import interleave

SMALL = "naive-litehrnet-18-256x192"
LONG = "a" * 5000
"""Longer than the name of any file may be."""
PUBLIC_KEYS = [
    *("schema", "entry", "letter", "model", "weights", "runtime", "precision", "boxes"),
    *(
        "frames",
        "persons",
        "fps_pose",
        "fps_pipeline",
        "stage_ms",
        "ap",
        "ap_published",
        "codec_ceiling",
    ),
]
STAGES = ["decode", "detect", "preprocess", "infer", "postprocess"]


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """An empty folder, an empty cache, a machine measured at once, and a wide terminal."""
    monkeypatch.setattr(peak, "measure", lambda threads, *_: made_ceiling(threads))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "2000")


def made_ceiling(threads):
    speeds = {"fp32": 170e9, "int8": 3400e9}
    rates = {name: Rate(speed, 0.01, "product, 8x8") for name, speed in speeds.items()}
    stream = Rate(46e9, 0.02, "a += s b, 4 MB each")
    return peak.MachinePeak(rates, stream, threads, peak.facts(threads), "2026-01-01")


def invoke(*arguments):
    """Standard output and error of a command that must succeed."""
    result = CliRunner().invoke(cli.app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return result.stdout, result.stderr


def measure(*arguments):
    return invoke("run", *arguments, "--threads", 1, "--limit", 1)


@pytest.fixture
def mistake(monkeypatch, capsys):
    """Run the real entry point on a mistake and return the one paragraph it answers with.

    begun: the progress of a run may stand before the paragraph.
    """

    def run(*arguments, begun=False):
        monkeypatch.setattr(sys, "argv", ["posemark", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        said = capsys.readouterr()
        assert exit_.value.code == 2
        assert said.out == ""
        progress, _, paragraph = said.err.partition("error: ")
        assert bool(progress) <= begun
        assert "Traceback" not in said.err
        assert "\n" not in paragraph.strip(), "one paragraph"
        return paragraph.strip()

    return run


@pytest.fixture(scope="module")
def json_run(tmp_path_factory):
    """What `run --json` printed for two entries, and the folder of their records."""
    out = tmp_path_factory.mktemp("runs") / "two"
    return *measure("p", "litehrnet-18-256x192", "--json", "--out", out), out


# --- help ---------------------------------------------------------------------------------------


def commands(command, path=()):
    """Every command and group by the words that call it."""
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


COMMANDS = list(commands(typer.main.get_command(cli.app)))


def test_the_commands_are_the_documented_ones():
    assert {" ".join(words) for words in COMMANDS} == {
        *("", "list", "get", "run", "check", "machine", "tune", "report", "recommend", "compare"),
        *("export", "bundle", "predict"),
        *("weights", "weights list", "weights import", "weights fetch", "weights doctor"),
    }


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_help_shows_an_example_that_calls_the_command(words, option):
    text, _ = invoke(*words, option)
    _, _, examples = text.partition("Example")
    assert " ".join(["posemark", *words]) in examples


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_80_columns_cut_off_no_name_of_an_option(words):
    help_text = CliRunner().invoke(cli.app, [*words, "--help"], env={"COLUMNS": "80"}).output
    lines = help_text.splitlines()
    assert max(map(len, lines)) == 80
    assert not [line for line in lines if "…" in line]


def example_words():
    """The arguments of every example in the help texts."""
    for words in COMMANDS:
        text, _ = invoke(*words, "--help")
        for line in re.findall(r"^ *posemark ([^│\n]*)", text.partition("Example")[2], re.M):
            yield [word.strip("'") for word in line.split()]


def test_the_examples_name_existing_commands_options_and_models():
    seen = list(example_words())
    assert len(seen) >= 10
    options = {o for p in parameters(typer.main.get_command(cli.app)) for o in p.opts}
    for words in seen:
        assert tuple(words[:1]) in COMMANDS
        assert {w for w in words if w.startswith("-")} <= options
        models = {w.split(".")[0] for w in words if re.match(r"[a-z0-9-]+-\d+x\d+", w)}
        assert models <= set(all_models()) | set(cards.built_in())


def parameters(command):
    yield from command.params
    for inner in getattr(command, "commands", {}).values():
        yield from parameters(inner)


def test_the_version_is_the_packages():
    assert invoke("--version")[0].strip() == posemark.__version__


# --- what the machine attains -------------------------------------------------------------------


def test_machine_prints_what_it_attains_and_what_that_would_give():
    out, _ = invoke("machine", "--threads", 2)
    assert re.search(r"fp32 +170 GMAC/s +1.0% +product, 8x8", out)
    assert re.search(r"memory +46.0 GB/s", out)
    persons = 170e9 / spec_of("hrnet-w32-256x192").macs
    limit = (
        f"For hrnet-w32-256x192, fp32 arithmetic sets a limit of {persons:.1f} persons per second."
    )
    assert limit in out
    balance = 170 / 46.0
    assert f"Layers with fewer than {balance:.2f} MACs per byte of memory stay below" in out
    assert max(map(len, out.partition("peak: the median")[2].splitlines())) <= 80
    assert peak.load(2) == made_ceiling(2)
    assert peak.load(1) is None


def test_machine_as_json_is_what_is_kept_and_which_machine_it_is(monkeypatch):
    monkeypatch.setenv("POSEMARK_MACHINE", "lab 3")
    out, err = invoke("machine", "--threads", 2, "--json")
    found, kept = json.loads(out), json.loads(peak.path_of(2).read_bytes())
    assert found["schema"] == 1
    assert (found["peak"], found["bandwidth"]) == (kept["rates"], kept["bandwidth"])
    assert (found["threads"], found["measured"]) == (2, kept["measured"])
    assert found["machine"]["label"] == "lab 3"
    assert found["machine"]["cpu"] == kept["facts"]["cpu"]
    assert err == ""


def test_machine_says_which_machine_it_is(monkeypatch):
    here = environment("lab 3") | {"board": "Board 5", "gpus": ["GPU A", "GPU B"]}
    monkeypatch.setattr("posemark.measure.environment.environment", lambda *_: here)
    out, _ = invoke("machine", "--threads", 2)
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[:2] == ["name       lab 3", "board      Board 5"]
    assert lines[2].startswith(f"processor  {here['cpu']}, ")
    assert lines[3:6] == [
        "GPU        GPU A, GPU B",
        f"memory     {here['memory_gib']:.1f} GiB",
        f"system     {here['os']}",
    ]


def test_machine_says_the_power_mode_of_a_board_and_doubts_a_wrong_name(monkeypatch):
    here = environment() | {"power_mode": "MAXN", "contradiction": "It is another board than that."}
    monkeypatch.setattr("posemark.measure.environment.environment", lambda *_: here)
    out, _ = invoke("machine", "--threads", 2)
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[6:8] == ["power mode MAXN", "warning    It is another board than that."]


def test_a_machine_with_a_name_that_is_refused_is_not_measured(monkeypatch):
    monkeypatch.setenv("POSEMARK_MACHINE", "x" * 100)
    monkeypatch.setattr(peak, "measure", None)
    with pytest.raises(UsageError, match="60 characters"):
        invoke("machine")


def test_a_run_measures_the_machine_once_and_tells_the_share(monkeypatch, tmp_path):
    _, err = measure(SMALL, "--out", tmp_path / "first")
    rates = "170 fp32, 3,400 int8 GMAC/s and 46.0 GB/s with 1 thread"
    assert f"peak rates of this machine: {rates}" in err
    monkeypatch.setattr(peak, "measure", None)
    out, err = measure(SMALL, "--json", "--out", tmp_path / "second")
    assert "peak rates" not in err
    record = files.read(next((tmp_path / "second").glob("*.jsonl")))
    assert record.header.environment["ceiling"] == made_ceiling(1).figures()
    (frame,) = record.good
    done = spec_of(SMALL).macs * frame.boxes / (frame.stages["infer"] / 1e9)
    assert json.loads(out)["of_peak"] == pytest.approx(done / 170e9)


def test_a_run_under_a_name_uses_the_peak_of_that_machine(monkeypatch, tmp_path):
    def named(threads, _seconds, _told, label):
        return msgspec.structs.replace(made_ceiling(threads), facts=peak.facts(threads, label))

    monkeypatch.setattr(peak, "measure", named)
    invoke("machine", "--threads", 1, "--machine", "desk")
    assert peak.load(1) is None
    _, err = measure(SMALL, "--json", "--machine", "desk", "--out", tmp_path / "desk")
    assert "peak rates" not in err
    _, err = measure(SMALL, "--machine", "lap", "--out", tmp_path / "lap")
    assert "peak rates of this machine: 170 fp32" in err


def busy_ceiling(threads, spread=0.34):
    made = made_ceiling(threads)
    return msgspec.structs.replace(made, bandwidth=replace(made.bandwidth, spread=spread))


def test_a_peak_of_a_busy_machine_is_measured_again_and_never_kept(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(peak, "measure", lambda n, *_: asked.append(n) or busy_ceiling(n))
    out, err = measure(SMALL, "--json", "--out", tmp_path / "run")
    assert len(asked) == 1, "a run does not wait for the machine to come to rest"
    assert "measuring this machine: the rates of bandwidth spread by 34%" in err
    assert "were not stored. Close other programs and run `posemark machine" in err
    assert json.loads(out)["of_peak"] is None
    assert not peak.path_of(1).exists()
    out, err = invoke("machine", "--threads", 1)
    assert len(asked) == 1 + peak.ATTEMPTS
    assert f"attempt 3 of {peak.ATTEMPTS}: the rates of bandwidth spread by 34%" in err
    assert "too low, because the machine was not idle: the rates of bandwidth spread by 34%" in out
    assert not peak.path_of(1).exists()


def test_a_machine_that_comes_to_rest_is_kept(monkeypatch):
    found = iter([busy_ceiling(2), made_ceiling(2)])
    monkeypatch.setattr(peak, "measure", lambda *_: next(found))
    _, err = invoke("machine", "--threads", 2)
    assert "attempt 1 of 3" in err
    assert "not stored" not in err
    assert peak.load(2) == made_ceiling(2)


def test_a_kept_peak_of_a_busy_machine_is_measured_anew(tmp_path):
    path = peak.path_of(1)
    path.parent.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode(busy_ceiling(1)))
    _, err = measure(SMALL, "--json", "--out", tmp_path / "run")
    assert f"{path}: measured while other programs used the machine" in err
    assert "Measuring again" in err
    assert peak.load(1) == made_ceiling(1)


def test_the_peak_is_that_of_the_threads_of_each_entry(monkeypatch, tmp_path):
    for entry, threads in ((SMALL, 1), ("litehrnet-18-256x192", 2)):
        folder = tmp_path / "cache" / "settings" / f"{entry}@gt"
        folder.mkdir(parents=True)
        (folder / "best.toml").write_text(f"threads = {threads}")
    run = (SMALL, "litehrnet-18-256x192", "--setting", "best", "--limit", 1)
    out, _ = invoke("run", *run, "--json", "--out", tmp_path / "run")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["threads"] for row in rows] == [1, 2]
    assert all(row["of_peak"] for row in rows), "a peak of other threads gives no share"
    for path in (tmp_path / "run").glob("*.jsonl"):
        header = files.read(path).header
        assert header.environment["ceiling"]["threads"] == header.settings.threads


def test_a_damaged_file_is_named_and_measured_anew(tmp_path):
    peak.save(made_ceiling(1))
    peak.path_of(1).write_text("{")
    _, err = measure(SMALL, "--json", "--out", tmp_path / "run")
    assert str(peak.path_of(1)) in err
    assert "Measuring again" in err
    assert peak.load(1) == made_ceiling(1)


def test_a_run_goes_on_where_the_machine_cannot_be_measured(monkeypatch, tmp_path):
    def fails(*_):
        raise RunError("the peak rates of this machine could not be measured: no memory.")

    monkeypatch.setattr(peak, "measure", fails)
    out, err = measure(SMALL, "--json", "--out", tmp_path / "run")
    assert "no memory. Results will not show which share" in err
    assert json.loads(out)["of_peak"] is None


def test_the_package_can_be_run_as_a_module():
    source = str(Path(posemark.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "posemark", "--version"],
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{posemark.__version__}\n"


def test_a_short_common_time_is_not_spent_on_the_peak(monkeypatch, tmp_path):
    def fails(*_):
        raise AssertionError

    monkeypatch.setattr(peak, "measure", fails)
    run = ("--json", "--limit", 1, "--within", "100s", "--out", tmp_path / "run")
    out, err = measure(SMALL, *run)
    assert "The peak rates of this machine are unknown" in err
    assert json.loads(out)["of_peak"] is None


# --- what a command imports ---------------------------------------------------------------------

FOREIGN = {"torch", "cv2", "vl_convert", "faster_coco_eval", "safetensors", "psutil", "requests"}
DRAWING = {"posemark.report.page.html", "posemark.report.charts"}
READING = {"numpy", "msgspec", "posemark.records.schema", "posemark.report.results"}
SCORING = {"faster_coco_eval", "cv2"}  # the one imports the other
HEAVY = FOREIGN | DRAWING | READING | SCORING


def modules_after(code):
    """Names of the heavy modules that a new interpreter holds after this code."""
    source = str(Path(posemark.__file__).parents[1])
    show = f"import sys; print('loaded:', *({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"],
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.partition("loaded:")[2].split())


def calling(*arguments):
    return (
        "import sys\nfrom posemark.cli import main\n"
        f"sys.argv = {['posemark', *map(str, arguments)]!r}\n"
        "try:\n    main()\nexcept SystemExit as error:\n    assert not error.code, error.code"
    )


@pytest.mark.parametrize(
    "code",
    [
        "import posemark",
        "import posemark.cli",
        *(calling(*words, "--help") for words in ([], ["run"], ["report"], ["recommend"])),
    ],
)
def test_importing_and_help_load_nothing_heavy(code):
    assert modules_after(code) == set()


@pytest.mark.parametrize("suffix", [".html", ".svg"])
def test_what_draws_is_loaded_only_where_something_is_drawn(json_run, tmp_path, suffix):
    path = tmp_path / f"report{suffix}"
    loaded = modules_after(calling("report", json_run[2], "-o", path))
    assert path.stat().st_size > 1000
    drawn = DRAWING if suffix == ".html" else {"posemark.report.charts"}
    assert loaded == READING | SCORING | drawn | {"vl_convert"}


@pytest.mark.parametrize("command", ["report", "compare"])
def test_tables_load_neither_torch_nor_what_draws(json_run, command):
    runs = [json_run[2]] * (2 if command == "compare" else 1)
    assert modules_after(calling(command, *runs)) == READING | SCORING


def test_a_recommendation_loads_no_torch_even_where_nothing_fits(json_run):
    loaded = modules_after(calling("recommend", json_run[2], "--min-fps", "100000"))
    assert loaded == READING | SCORING


# --- run ----------------------------------------------------------------------------------------


def test_json_prints_one_object_an_entry_and_nothing_else(json_run):
    out, err, folder = json_run
    # The run measures the machine's peak; on a busy machine stderr says why it is not stored.
    assert not [line for line in err.splitlines() if "peak" not in line and "measuring" not in line]
    lines = out.split("\n")
    assert lines.pop() == ""
    rows = [json.loads(line) for line in lines]
    assert [row["entry"] for row in rows] == [f"{SMALL}@gt", "litehrnet-18-256x192@gt"]
    for row in rows:
        assert list(row)[: len(PUBLIC_KEYS)] == PUBLIC_KEYS
        assert list(row["stage_ms"]) == STAGES
        assert (row["frames"], row["persons"], row["weights"]) == (1, 1, "none")
        assert (row["runtime"], row["precision"], row["boxes"]) == ("torch", "fp32", "gt")
        assert row["ap"] is None
        assert 0 < row["fps_pipeline"] < row["fps_pose"]
    assert sorted(p.name for p in folder.glob("*.jsonl")) == sorted(
        f"{row['entry']}.jsonl" for row in rows
    )


def test_without_json_a_table_is_printed_and_the_records_lie_where_it_says(tmp_path):
    out, err = measure(SMALL)
    assert SMALL in out.replace("\n", "")
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"records in runs/{folder.name}" in out
    assert f"posemark report runs/{folder.name} -o" in out
    assert files.read(folder / f"{SMALL}@gt.jsonl").complete
    assert "Traceback" not in err


def test_options_reach_the_record(tmp_path):
    options = ("--flip", "--persons", "batched", "--codec", "dark:3", "--min-score", 0.3)
    out, _ = measure(f"{SMALL}@detected", *options, "--json", "--out", tmp_path / "run")
    row = json.loads(out)
    assert row["entry"] == f"{SMALL}@detected+dark3+flip+batched+min0.3"
    settings = files.read(tmp_path / "run" / f"{row['entry']}.jsonl").header.settings
    assert (settings.flip, settings.persons, settings.codec) == (True, "batched", "dark:3")
    assert (settings.min_score, settings.threads) == (0.3, 1)
    assert row["boxes"] == "simulated"


def test_entries_have_processes_of_their_own_and_tell_their_memory_unless_they_share_one(tmp_path):
    two, _ = measure("p", "r", "--json", "--out", tmp_path / "own")
    for line in two.splitlines():
        assert 100 * 2**20 < json.loads(line)["peak_memory"] < 4 * 2**30
    two, _ = measure("p", "r", "--no-isolate", "--json", "--out", tmp_path / "shared")
    assert [json.loads(line)["peak_memory"] for line in two.splitlines()] == [None, None]


def test_a_camera_paces_the_run(tmp_path):
    pace = ("--mode", "paced", "--fps", 200, "--budget", 1)
    row = json.loads(measure(SMALL, *pace, "--json", "--out", tmp_path / "run")[0])
    assert row["entry"] == f"{SMALL}@gt+paced200"
    assert (row["mode"], row["paced_fps"]) == ("paced", 200)
    assert row["frames"] > 1, "frames repeat"
    assert 0 < row["dropped_share"] < 1


def test_a_run_without_end_has_a_budget_of_its_own(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(interleave, "run_jobs", lambda turns, *_: seen.extend(turns[0]))
    for mode in ("sustained", "paced"):
        camera = ("--fps", 30) if mode == "paced" else ()
        invoke("run", SMALL, "--mode", mode, *camera, "--out", tmp_path / mode, "--json")
    invoke("run", SMALL, "--until", "3%", "--out", tmp_path / "burst", "--json")
    options = [job.job.options for job in seen]
    assert [each.budget for each in options] == [120, 30, None]
    assert [each.until for each in options] == [None, None, 0.03]


class Counted:
    """A time that passes only when somebody looks at it, however busy the machine is."""

    def __init__(self, _):
        self._left = 1000.0

    @property
    def left(self):
        self._left -= 50.0
        return self._left


def test_entries_share_one_time_and_end_with_it(tmp_path, monkeypatch):
    """Two small networks: each has blocks, both records say why they ended, and how to go on."""
    monkeypatch.setattr(interleave, "Budget", Counted)
    run = ("p", "r", "--threads", 1, "--within", "10m", "--out", tmp_path / "run")
    out, err = invoke("run", *run)
    assert "expected: 10 min in all, as given by --within" in err
    records = [files.read(path) for path in (tmp_path / "run").glob("*.jsonl")]
    assert len(records) == 2
    for record in records:
        assert record.blocks
        assert json.loads(record.path.read_bytes().splitlines()[-1])["reason"] == "within"
    assert "undecided entries, and what each still needs:" in out


def test_a_run_that_shared_a_time_can_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(interleave, "Budget", Counted)
    run = ("run", "p", "--threads", 1, "--out", tmp_path / "run", "--within", "10m")
    invoke(*run)
    (path,) = (tmp_path / "run").glob("*.jsonl")
    before = files.read(path)
    invoke(*run, "--resume")
    after = files.read(path)
    assert len(after.good) > len(before.good)
    assert after.good[: len(before.good)] == before.good


def test_a_small_data_set_can_be_repeated(tmp_path):
    run = ("run", "p", "--threads", 1, "--limit", 2, "--repeat", 3)
    row = json.loads(invoke(*run, "--json", "--out", tmp_path / "run")[0])
    assert row["frames"] == 6
    (path,) = (tmp_path / "run").glob("*.jsonl")
    assert [f.image_id for f in files.read(path).good] == [1, 2] * 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--mode", "sustained", "--within", "1m"), "--within divides its time.*--budget"),
        (("--mode", "paced", "--fps", 30, "--within", "1m"), "a paced run needs the device"),
        (("--mode", "sustained", "--repeat", 2), "--repeat 2 only applies with --mode burst"),
    ],
)
def test_what_repeats_anyhow_shares_no_time(mistake, arguments, said):
    assert re.search(said, mistake("run", SMALL, *arguments))


@pytest.mark.parametrize(
    "text", ["", "0", "soon", "-3s", "7x", "1.2.3m", "1m30m", "1h2", "inf", "nan"]
)
def test_a_time_that_is_none_is_refused(mistake, text):
    assert "expected a time such as 7m, 90s or 1h30m" in mistake("run", SMALL, f"--within={text}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7m", 420), ("90", 90), ("90s", 90), ("1h30m", 5400), ("1.5H", 5400), (" 1h1m1s ", 3661)],
)
def test_a_time_in_hours_minutes_and_seconds(text, seconds):
    assert console.duration(text) == seconds


def test_without_a_terminal_progress_is_told_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(console, "PLAIN_SECONDS", 1e-9)
    _, err = measure("p", "--out", tmp_path / "run")
    assert re.search(rf"^1/1 {SMALL}@gt: 1 frame, .* FPS, about \d+ s left$", err, re.M)
    assert "expected: about " in err


def test_every_entry_that_is_over_is_told_with_its_figure_and_verdict(tmp_path):
    _, err = measure("p", "r", "--out", tmp_path / "run")
    for name in (SMALL, "litehrnet-18-256x192"):
        assert re.search(rf"^{name}@gt: 1 frame, [\d.]+ pose FPS, (noisy|contended)$", err, re.M)


def test_evidence_is_shared_once_when_all_entries_are_over(tmp_path, monkeypatch):
    share, times = results.with_shared_evidence, []

    def counted(found):
        times.append(len(found))
        return share(found)

    monkeypatch.setattr(results, "with_shared_evidence", counted)
    text, _ = measure("p", "r", "--out", tmp_path / "two")
    assert times == [2]
    assert "undecided" in text, "the same rows say what each still needs"


def test_a_run_that_is_stopped_says_how_to_go_on(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(interleave, "run_jobs", stop)
    arguments = ["run", SMALL, "--out", str(tmp_path / "half")]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 130
    assert f"--out {tmp_path}/half --resume" in result.stderr


# --- report -------------------------------------------------------------------------------------


def test_a_note_is_printed_once_with_the_entries_that_it_is_about(tmp_path):
    everywhere, twice = "3 people have no area", "1 box without size"
    about = {"a@gt": (everywhere, twice), "b@gt": (everywhere,), "c@gt": (everywhere, twice)}
    for name, notes in about.items():
        lines = [[made_records.frame(at, 10**8) for at in range(3)]]
        made_records.write(tmp_path, made_records.header(name, data_notes=notes), lines)
    out, _ = invoke("report", tmp_path)
    assert out.count(everywhere) == out.count(twice) == 1
    assert f"\nall 3 entries: {everywhere}\n" in out
    assert f"\na@gt, c@gt: {twice}\n" in out
    alone, _ = invoke("report", tmp_path / "b@gt.jsonl")
    assert f"\nb@gt: {everywhere}\n" in alone


def test_a_report_is_printed_without_a_file_to_write(json_run):
    out, _ = invoke("report", json_run[2])
    assert SMALL in out.replace("\n", "")


def test_a_report_writes_every_file_asked_for(json_run, tmp_path):
    paths = [tmp_path / "new" / f"table{suffix}" for suffix in (".md", ".csv", ".json")]
    out, _ = invoke("report", json_run[2], *(word for p in paths for word in ("-o", p)))
    assert out.splitlines() == [f"wrote {path}" for path in paths]
    rows = json.loads(paths[2].read_text())
    assert [list(row)[: len(PUBLIC_KEYS)] for row in rows] == [PUBLIC_KEYS] * 2
    assert all(SMALL in path.read_text().replace("\\", "") for path in paths)


def test_a_report_changes_no_record(json_run, tmp_path):
    before = {p: p.read_bytes() for p in json_run[2].iterdir()}
    invoke("report", json_run[2], "-o", tmp_path / "table.md")
    assert {p: p.read_bytes() for p in json_run[2].iterdir()} == before


def test_what_recommend_tells_to_run_goes_on_with_the_record(tmp_path, monkeypatch):
    for reading in contention.MOST_TAKEN:  # whatever else this machine does meanwhile
        monkeypatch.setitem(contention.MOST_TAKEN, reading, 9.0)
    folder = tmp_path / "my runs"
    invoke("run", f"{SMALL}@detected", "--threads", 1, "--limit", 2, "--out", folder)
    (path,) = folder.glob("*.jsonl")
    before = len(files.read(path).good)
    out, _ = invoke("recommend", folder, "--min-fps", 5)
    (command,) = (line.strip() for line in out.splitlines() if line.startswith("    posemark run "))
    words = shlex.split(command)[1:]
    assert words[words.index("--out") + 1 :][:2] == [str(folder), "--resume"]
    words[words.index("--budget") + 1] = "0.1"  # one frame more tells as much
    invoke(*words)
    assert list(folder.glob("*.jsonl")) == [path]
    assert len(files.read(path).good) > before == 2


# --- lists --------------------------------------------------------------------------------------


def test_list_shows_every_model_with_its_letters_and_licence():
    out, _ = invoke("list")
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    for spec in all_models().values():
        assert spec.licence in lines[spec.name]
    assert re.search(r"\ba b\b", lines["hrnet-w32-256x192"])
    assert "74.4" in lines["hrnet-w32-256x192"]


def test_list_shows_what_the_cards_of_light_say():
    out, _ = invoke("list")
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert set(cards.built_in()) <= set(lines)
    assert lines["tinypose-256x192"] == [
        "tinypose-256x192",
        "1.30",
        "0.30",
        "68.8",
        "gt",
        "Apache-2.0",
    ]
    assert lines["lightweight-openpose"][1:4] == ["-", "12.02", "42.8"]
    assert lines["movenet-lightning"][1:4] == ["2.31", "0.27", "-"]
    assert lines["movenet-multipose-256"][1:4] == ["4.72", "0.73", "-"]
    help_, _ = invoke("list", "--help")
    told = " ".join(help_.split())
    for words in ("millions of parameters", "multiply-accumulates", "licence of the code"):
        assert words in told


def test_list_leaves_out_a_column_without_anything(monkeypatch):
    monkeypatch.setattr("posemark.run.plan.SEED", ())
    out, _ = invoke("list")
    assert out.split("\n")[0].split() == ["model", "Mparams", "GMACs", "AP*", "code", "licence"]


def test_the_list_loads_torch_once_and_again_only_when_a_model_has_changed(tmp_path, monkeypatch):
    first = invoke("list")[0]
    assert "torch" not in modules_after(calling("list"))
    assert invoke("list")[0] == first
    kept = tmp_path / "cache" / "list.json"
    kept.write_text(kept.read_text().replace("74.4", "99.9"))
    assert "99.9" in invoke("list")[0], "what is kept is what is shown"
    monkeypatch.setattr(list_entries, "_SOURCES", ("models/*.py",))  # other sources, other hash
    assert invoke("list")[0] == first
    rows = json.loads(kept.read_text())
    rows[1][0].pop()
    for damaged in (b"not JSON", json.dumps(rows).encode()):
        kept.write_bytes(damaged)
        assert invoke("list")[0] == first


def test_weights_list_shows_every_checkpoint_and_how_to_get_it(tmp_path):
    out, _ = invoke("weights", "list")
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    for spec in all_models().values():
        for row in spec.weights:
            line = lines[f"{spec.name}.{row.tag}"]
            assert ("fetch" if row.urls else "by hand") in line
            assert (row.licence or "unknown") in line
    assert str(tmp_path / "cache") in out


@pytest.mark.parametrize("command", [("list",), ("weights", "list")])
@pytest.mark.parametrize("columns", [80, 120])
def test_lists_cut_nothing_at_80_columns(monkeypatch, command, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("POSEMARK_CACHE", "c")
    out, _ = invoke(*command)
    assert max(len(line.rstrip()) for line in out.splitlines()) <= columns
    if command == ("list",):
        below = out.partition("\n* as published")[2]
        assert below.count("\n") == 21, "no line is broken by the terminal"
    assert "\N{HORIZONTAL ELLIPSIS}" not in out
    assert "CMU non-commercial" in out


def test_weights_that_were_imported_are_shown_and_run(tmp_path):
    state = posemark.network(SMALL).state_dict()
    torch.save(state, tmp_path / "mine.pth")
    out, _ = invoke("weights", "import", tmp_path / "mine.pth", "--as", f"{SMALL}.mine")
    assert f"posemark run {SMALL}.mine" in out
    row = json.loads(measure(f"{SMALL}.mine", "--json", "--out", tmp_path / "run")[0])
    assert (row["entry"], row["weights"]) == (f"{SMALL}.mine@gt", "mine")
    assert row["ap"] is None, "no AP on drawn scenes, whoever trained the weights"
    assert "drawn" in row["unscored"]


# --- mistakes -----------------------------------------------------------------------------------


def test_an_unknown_entry_suggests_the_nearest(mistake):
    assert "Did you mean hrnet-w32-256x192" in mistake("run", "hrnet-w32-256x129")


def test_a_missing_coco_folder_shows_the_layout(mistake):
    text = mistake("run", SMALL, "--data", "coco:/nowhere")
    assert (
        "/nowhere/annotations/person_keypoints_val2017.json: the annotations cannot be read" in text
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--resume"], "--resume needs --out"),
        (["--mode", "paced"], "--mode paced --fps 30"),
        (["--fps", "30"], "--mode paced --fps 30"),
        (["--mode", "sustained", "--interleave"], "needs the device for itself"),
        (["--codec", "nonsense"], "--codec 'nonsense' is not a decoder"),
        (["--codec", "dark:4"], "Expected argmax, quarter, or dark:K"),
        (["--data", "imagenet"], "is no data set"),
        (["--boxes", "yolo"], "is no box source"),
        (["--boxes", "file:absent.json"], "absent.json: cannot read the detections"),
        (["--weights", "absent.pth"], "absent.pth: no such weights file"),
        (["--weights", "official"], "is not on this machine"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_that_cannot_be_met_is_explained_before_anything_is_written(
    mistake, tmp_path, arguments, said
):
    out = [] if "--resume" in arguments else ["--out", tmp_path / "run"]
    assert said in mistake("run", SMALL, *arguments, *out)
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "runs").exists()


def test_a_mistake_in_the_last_entry_is_found_before_the_first_is_run(mistake, tmp_path):
    text = mistake("run", SMALL, f"{SMALL}.official", "--limit", 1, "--out", tmp_path / "run")
    assert "posemark weights import FILE --as" in text
    assert not (tmp_path / "run").exists()


def test_a_record_that_exists_is_not_run_over(mistake, json_run):
    arguments = ("run", "p", "--limit", 1, "--threads", 1, "--out", json_run[2])
    assert "Add --resume" in mistake(*arguments, begun=True)


def test_a_wrong_weights_file_is_not_imported(mistake, tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"some.weight": torch.zeros(2)}, path)
    text = mistake("weights", "import", path, "--as", f"{SMALL}.mine")
    assert "other.pth: these weights are for another network" in text
    path.write_bytes(b"no checkpoint")
    assert "other.pth" in mistake("weights", "import", path, "--as", f"{SMALL}.mine")
    assert not list(tmp_path.glob("cache/**/*.pth"))


@pytest.mark.parametrize("name", [SMALL, f"{SMALL}.", ".official"])
def test_weights_need_a_model_and_a_tag(mistake, name):
    text = mistake("weights", "fetch", name)
    assert "expected MODEL.TAG" in text or "no model is called" in text


def test_reports_of_nothing_are_explained(mistake, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no run records (*.jsonl) in this folder" in mistake("report", tmp_path / "empty")
    assert "absent: no such file or folder. Give the --out folder" in mistake(
        "report", tmp_path / "absent"
    )
    (tmp_path / "some.jsonl").write_text("{}\n")
    assert "expected a PoseMark run record" in mistake("report", tmp_path / "some.jsonl")


def test_a_report_of_an_unknown_kind_is_explained(mistake, json_run, tmp_path):
    text = mistake("report", json_run[2], "-o", tmp_path / "report.pdf")
    assert "ends in .pdf" in text
    assert not (tmp_path / "report.pdf").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", SMALL, "--limit", "0"],
        ["run", SMALL, "--persons", "all"],
        ["run", SMALL, "--min-score", "2"],
        ["run", SMALL, "--fast"],
        ["run", SMALL, "--until", "wide"],
        ["run", SMALL, "--until", "0"],
        ["run", SMALL, "--mode", "turbo"],
        ["rum"],
    ],
    ids=" ".join,
)
def test_options_that_do_not_exist_are_answered_without_a_traceback(monkeypatch, capsys, arguments):
    monkeypatch.setattr(sys, "argv", ["posemark", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    said = capsys.readouterr()
    assert exit_.value.code == 2
    assert said.out == ""
    assert "Traceback" not in said.err
    assert arguments[-1] in said.err or arguments[-2] in said.err


# --- export -------------------------------------------------------------------------------------


def test_export_writes_a_checked_onnx_file_and_says_what_goes_in_and_out(tmp_path):
    path = tmp_path / "net.onnx"
    said, _ = invoke("export", SMALL, "-o", path)
    assert path.stat().st_size > 1e6
    assert list(tmp_path.glob(".exporting*")) == []
    assert "in   images: float32 (batch, 3, 256, 192), RGB, normalised" in said
    assert "out  heatmaps" in said
    assert float(re.search(r"at most ([\d.e-]+) of", said)[1]) < 1e-4


def test_export_refuses_what_it_cannot_write(mistake, tmp_path):
    assert "expected a file name that ends in .onnx" in mistake("export", SMALL, "-o", "net.pb")
    assert "a folder that exists" in mistake("export", SMALL, "-o", tmp_path / "no" / "net.onnx")
    (tmp_path / "file").touch()
    (tmp_path / "x.onnx").mkdir()
    said = mistake("export", SMALL, "-o", tmp_path / "file" / "net.onnx")
    assert f"{tmp_path}/file is not a folder. Give another name." in said
    assert "this is a folder" in mistake("export", SMALL, "-o", tmp_path / "x.onnx")
    os.mkfifo(tmp_path / "pipe.onnx")
    assert "this is a pipe" in mistake("export", SMALL, "-o", tmp_path / "pipe.onnx")
    assert "no model is called" in mistake("export", "hrnet", "-o", tmp_path / "net.onnx")


def test_options_that_belong_together_are_asked_for_together(mistake):
    assert "--persons batched" in mistake("run", SMALL, "--max-batch", 4)
    assert "--precision int8" in mistake("run", SMALL, "--calibrate", "sample")


@pytest.mark.parametrize(
    "words",
    [
        ("run", "hrnet-w32-256x192", "--weights", LONG),
        ("run", f"hrnet-w32-256x192.{LONG}"),
        ("report", LONG),
        ("compare", LONG, LONG),
        ("weights", "import", LONG),
        ("run", "hrnet-w32-256x192", "--out", LONG),
    ],
)
def test_a_name_longer_than_the_file_system_allows_is_a_mistake_like_others(words, mistake):
    assert LONG in mistake(*words)
