"""Records of an earlier version give the figures that they gave then, to the last digit.

golden/records_of_before/README.md says what the records hold and which version wrote them.
"""

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import goldens
from posemark import cli
from posemark.datasets.sample import Sample
from posemark.measure.latency import PERCENTILES, fewest_frames
from posemark.records import files
from posemark.records.schema import End, Resumed
from posemark.run.header import make_header, require_same_run
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job

BEFORE = goldens.HERE / "records_of_before"
EXPECTED = BEFORE / "expected"
RECORDS = sorted(p.relative_to(BEFORE) for p in BEFORE.glob("*/*.jsonl"))

WORDED = {
    "evidence": "verdicts: 5% instead of 5 %, per frame instead of a frame",
    "why": "reasons of verdicts, comparisons and exclusions",
    "reasons": "reasons of recommended entries, which quote verdicts",
    "notes": "sentences on a whole answer",
    "nearest": "sentences on what comes nearest, by requirement",
    "faster": "sentences on faster settings",
    "expected": "a sentence on why a published AP cannot be expected",
}
"""Fields in words, which were rewritten, and what they say. The numbers in them are compared."""

ADDED = {
    *("ap_common", "speed_valid"),
    "people_groups",
    *("streams", "throughput", "throughput_interval", "age_ms", "overlap_gain", "predicted_gain"),
    *("detector", "model_ap", "box_accuracy"),
    *("smooth", "looks", "steadiness"),
}
"""Fields that were added since: AP over common images and whether a speed is valid; recall by group
of people; the figures of overlapped runs, of detectors, and of clips."""

LEFT_OUT = ADDED | {"command"}
"""What to type next has other options since: a folder, and how often to repeat the frames."""

QUIET = {"sentinel_ns": 20_000_000, "other_cpu_ns": 0, "stolen_ns": 0, "held_ns": 0}

ASKED = {
    "recommend": "recommend quiet_trained quiet_again",
    "recommend_wishes": "recommend quiet_trained quiet_again --min-fps 1 --people 3 "
    "--max-ap-loss 2 --licence commercial --max-memory 1G",
    "recommend_none": "recommend quiet_trained quiet_again --min-fps 200 --max-memory 460M",
    "recommend_published": "recommend topdown --min-fps 10",
    "compare_quiet": "compare quiet_trained quiet_again",
    "compare_gate": "compare quiet_trained quiet_again --gate 5%",
    "compare_same": "compare quiet_trained quiet_trained --gate 5%",
}
EXIT_CODES = {"compare_gate": 3}
"""Exit codes other than 0; 3: the gate is undecided."""

REPORTED = {
    "report": ["topdown", "bottomup", "trained", "again"],
    "report_quiet": ["quiet_trained", "quiet_again"],
}


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A folder with the records, and with copies of two folders from a machine left alone."""
    here = tmp_path_factory.mktemp("before")
    shutil.copytree(BEFORE, here, dirs_exist_ok=True, ignore=shutil.ignore_patterns("expected"))
    for name in ("trained", "again"):
        shutil.copytree(BEFORE / name, here / f"quiet_{name}")
        for path in (here / f"quiet_{name}").glob("*.jsonl"):
            lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            quiet = [line | QUIET if line["kind"] == "block" else line for line in lines]
            path.write_text("".join(json.dumps(line) + "\n" for line in quiet), "utf-8")
    return here


@pytest.fixture
def here(copies, monkeypatch):
    """The folder of the records as the working directory: commands name folders in it."""
    monkeypatch.chdir(copies)
    monkeypatch.setenv("POSEMARK_CACHE", str(copies / "cache"))
    return copies


def expected(name):
    return json.loads((EXPECTED / f"{name}.json").read_text("utf-8"))


def answer(words):
    return CliRunner().invoke(cli.app, words)


def numbers(words):
    return re.findall(r"\d+(?:[.,]\d+)*", words)


def plain(value, worded=False):
    """Return JSON without the fields that are left out; of fields in words only the numbers."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name not in LEFT_OUT}
        return {name: plain(each, worded or name in WORDED) for name, each in kept.items()}
    if isinstance(value, list):
        return [plain(each, worded) for each in value]
    return numbers(value) if worded and isinstance(value, str) else value


def exact(value):
    """Return JSON text in which 1 and 1.0 differ, and floats have twelve digits.

    On the machine where the figures were made all digits are the same. On another processor the
    libraries may add numbers in another order, which changes the last ones.
    """
    return json.dumps(_twelve_digits(value), indent=1, sort_keys=True)


def _twelve_digits(value):
    if isinstance(value, dict):
        return {name: _twelve_digits(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_twelve_digits(each) for each in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value


def without_early_percentiles(results):
    """Drop percentiles of too few frames, which are no longer reported, as docs/json.md says."""
    for result in results:
        for percent in PERCENTILES:
            if result["frames"] < fewest_frames(percent):
                result["latency_ms"][f"p{percent}"] = None
    return results


@pytest.mark.parametrize("name", REPORTED)
def test_a_report_has_the_same_figures(here, name):
    assert answer(["report", *REPORTED[name], "-o", f"{name}.json"]).exit_code == 0
    found = json.loads((here / f"{name}.json").read_text("utf-8"))
    before = without_early_percentiles(expected(name))
    assert exact(plain(found)) == exact(plain(before))


def test_the_table_has_the_same_figures(here):
    assert answer(["report", *REPORTED["report"], "-o", "report.md"]).exit_code == 0
    found, before = (
        [
            line
            for line in path.read_text("utf-8").replace(" %", "%").splitlines()
            if line[:1] == "|"
        ]
        for path in (here / "report.md", EXPECTED / "report.md")
    )
    assert found == before


@pytest.mark.parametrize("name", ASKED)
def test_an_answer_has_the_same_figures(here, name):
    result = answer([*ASKED[name].split(), "--json"])
    assert result.exit_code == EXIT_CODES.get(name, 0)
    assert exact(plain(json.loads(result.stdout))) == exact(plain(expected(name)))


def test_added_fields_were_absent_and_percentiles_of_enough_frames_are_compared():
    results = expected("report")
    assert not ADDED & {field for result in results for field in result}
    latencies = [result["latency_ms"] for result in without_early_percentiles(results)]
    assert all(any(latency[f"p{percent}"] for latency in latencies) for percent in (50, 90, 95))


@pytest.mark.parametrize("record", RECORDS, ids=str)
def test_a_record_can_be_read_and_resumed(record, tmp_path):
    path = tmp_path / record.name
    shutil.copy(BEFORE / record, path)
    before = files.read(path)
    with files.Writer.append(before) as writer:
        writer.write(Resumed(before.header.environment, "2026-12-01T00:00:00+00:00"))
        writer.write(End("limit"))
    after = files.read(path)
    assert after.header == before.header
    assert after.frames == before.frames


@pytest.mark.parametrize(
    ("record", "options"),
    [
        ("topdown/naive-litehrnet-18-256x192@gt+flip.jsonl", {"flip": True}),
        ("topdown/naive-litehrnet-18-256x192@gt+batched.jsonl", {"persons": "batched"}),
        ("bottomup/higherhrnet-w32-512@single.jsonl", {}),
    ],
)
def test_a_header_of_today_has_the_same_identity(record, options):
    before = files.read(BEFORE / record)
    data = Sample()
    entry = Path(record).stem.partition("+")[0]
    (job,) = plan([entry], Options("sample", 1, machine="before", **options))
    prepared = prepare_job(job, data, data.frames()[:1])
    today = make_header(prepared, own_process=True, turns=1)
    require_same_run(before, today)
    assert exact(today.identity()) == exact(before.header.identity())
