"""`posemark recommend` as people use it: what is printed at 80 columns, JSON, and mistakes."""

import json

import pytest
from typer.testing import CliRunner

import made_records as records
import report_rows
from posemark import cli
from posemark.core.errors import UsageError
from posemark.records.schema import Published, Source
from posemark.report import results

PAPER = Published(0.7, "gt", True, "a paper")


@pytest.fixture
def run(tmp_path):
    """A run folder: "small" is fast, "large" accurate as published, "closed" not commercial."""
    facts = {
        "small@gt": (10, {"published": Published(0.6, "gt", True, "a paper")}),
        "large@gt": (40, {"published": PAPER}),
        "closed@gt": (20, {"published": PAPER, "licence": "CMU non-commercial"}),
    }
    folder = tmp_path / "run"
    for name, (milliseconds, changes) in facts.items():
        lines = [
            records.frame(at, (1 + at % 4) * milliseconds * 10**6, boxes=1 + at % 4)
            for at in range(40)
        ]
        head = records.header(name, **changes)
        records.write(folder, head, [lines[at : at + 5] for at in range(0, 40, 5)])
    return folder


def say(*arguments, columns=80, code=0):
    """Standard output and error."""
    result = CliRunner().invoke(
        cli.app, ["recommend", *map(str, arguments)], env={"COLUMNS": str(columns)}
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def test_the_shortlist_and_what_every_wish_excluded(run):
    text = say(run, "--min-fps", 10, "--people", 2, "--licence", "commercial", columns=200)
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines[0] == "2 of 3 entries fit"
    assert " 1. large@gt" in lines
    first = lines[lines.index(" 1. large@gt") + 1]
    assert first.strip().startswith("AP 70.0, the best · 12.5 FPS with 2 people · code licence MIT")
    assert " 2. small@gt" in lines
    assert "--min-fps 10 excludes 0" in lines
    assert "--licence commercial excludes 1" in lines
    assert "  closed@gt  code licence CMU non-commercial forbids commercial use" in lines
    assert "  without it, the shortlist gains 1 entry:" in lines
    assert any(line.startswith("No AP was measured here") for line in lines)


def test_what_fits_is_one_list_by_falling_ap_and_says_what_beats_it(run):
    lines = [line.strip() for line in say(run, columns=200).splitlines()]
    assert lines.index("1. closed@gt") < lines.index("- large@gt") < lines.index("2. small@gt")
    assert lines[lines.index("- large@gt") + 1].startswith(
        "also fits, but closed@gt came out as accurate and faster"
    )


def test_where_nothing_fits_the_nearest_are_told(run):
    text = say(run, "--min-fps", 1000, "--max-memory", "1G", columns=200)
    assert text.startswith("0 of 3 entries fit\n")
    assert "All of these were measured in torch fp32 (eager)." in text
    assert "`posemark tune ENTRY` looks for a faster setting" in text
    assert "  --min-fps 1000: small@gt: 40.0 FPS" in text
    assert "--max-memory 1.00 GB excludes 3" in text
    assert "peak memory unknown, as the run used --no-isolate: run again without it" in text


def test_entries_of_a_bundle_get_advice_for_their_device(tmp_path):
    lines = [records.frame(at, 40 * 10**6) for at in range(40)]
    head = records.header(environment=records.ENVIRONMENT | {"edge": {}}, published=PAPER)
    records.write(tmp_path / "run", head, [lines[at : at + 5] for at in range(0, 40, 5)])
    text = say(tmp_path / "run", "--min-fps", 1000, columns=200)
    assert "`python3 run.py --list` shows the engines that it has" in text
    assert "posemark tune" not in text


def measured(folder, shifts, images=40):
    """A run of entries that are off by so many pixels, in some images more than in others."""
    for name, shift in shifts.items():
        head = records.header(name, weights=Source("official", "9f8e", "MIT"))
        lines = [
            records.frame(
                at, 10**7, poses=records.people(records.annotation(at), shift * (1 + at % 5))
            )
            for at in range(images)
        ]
        records.write(folder, head, [lines[at : at + 5] for at in range(0, images, 5)])
    return folder


def test_what_the_images_leave_open_says_what_decides(tmp_path):
    folder = measured(tmp_path / "run", {"exact@gt": 0, "near@gt": 4})
    exact, near = sorted(results.load_rows([folder]), key=lambda row: row.entry)
    lost = 100 * (exact.ap["AP"] - near.ap["AP"])
    text = say(folder, "--max-ap-loss", round(lost), columns=200)
    assert text.startswith("1 of 2 entries fits, 1 undecided\n")
    assert f"--max-ap-loss {round(lost)} leaves 1 undecided; these commands decide them:" in text
    assert f"  near@gt: AP {100 - lost:.1f}, {lost:.1f} below the best, " in text
    (command,) = (line for line in text.splitlines() if line.startswith("    posemark run "))
    assert command.count(" --limit ") == 2 or " --limit " not in command
    assert " && posemark run exact@gt --data sample" in command
    assert f"\n{command}\n" in say(folder, "--max-ap-loss", round(lost)), "whole, to be pasted"
    assert command.count(f" --out {folder} --resume") == 2, "where the records lie"
    assert say(folder, "--max-ap-loss", 3 * lost).startswith("2 of 2 entries fit\n")


def test_few_images_leave_the_ap_open(tmp_path):
    folder = measured(tmp_path / "run", {"exact@gt": 0, "near@gt": 4}, images=9)
    text = say(folder, "--max-ap-loss", 90, columns=200)
    assert text.startswith("1 of 2 entries fits, 1 undecided\n")
    assert "over too few images with people to be certain" in text


def test_that_a_detector_is_needed_is_said_once(run):
    text = say(run, columns=200)
    assert text.count("on ground-truth boxes: an app needs a detector on top") == 1
    assert text.count("detector") == 1


def test_where_nothing_is_decided_nothing_is_said_to_be_near(tmp_path):
    folder = measured(tmp_path / "run", {"exact@gt": 0, "near@gt": 4}, images=1)
    text = say(folder, "--min-fps", 1000, "--max-memory", "1M", columns=200)
    assert "What comes nearest\n  --min-fps 1000: nothing is decided yet\n" in text


def test_json_holds_the_wishes_and_the_same_answer(run):
    found = json.loads(say(run, "--min-fps", 10, "--people", 2, "--max-memory", "1GiB", "--json"))
    wishes = {"min_fps": 10, "people": 2, "max_ap_loss": None, "commercial": False}
    assert found["wishes"] == wishes | {"max_memory": 2**30}
    assert found["shortlist"] == []
    assert found["gains"] == {"fps": [], "memory": ["closed@gt", "small@gt"]}
    assert {each["name"] for each in found["excluded"]} == {"small@gt", "large@gt", "closed@gt"}
    assert {each["constraint"] for each in found["excluded"]} == {"memory"}
    assert set(found) == {
        *("wishes", "shortlist", "beaten", "excluded", "gains", "nearest", "notes"),
        *("schema", "undecided", "faster"),
    }


@pytest.mark.parametrize(
    "wishes",
    [
        ("--min-fps", 1, "--people", 5, "--max-ap-loss", 3, "--licence", "commercial"),
        ("--min-fps", 30, "--people", 5, "--max-memory", "1G"),
        (),
    ],
)
@pytest.mark.parametrize("rows", [report_rows.seed, report_rows.seed_measured])
def test_the_posts_25_entries_are_readable_at_80_columns(monkeypatch, rows, wishes):
    monkeypatch.setattr(results, "load_rows", lambda *_: rows())
    text = say("run", *wishes)
    assert max(map(len, text.splitlines())) <= 80
    assert all(row.entry in text for row in rows())  # no name is cut or broken in two


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("800M", 800_000_000),
        ("800MB", 800_000_000),
        ("1.5g", 1_500_000_000),
        ("1GiB", 2**30),
        ("512Mi", 2**29),
        ("1000", 1000),
        ("2 kB", 2000),
    ],
)
def test_sizes(run, text, size):
    found = json.loads(say(run, "--max-memory", text, "--json"))
    assert found["wishes"]["max_memory"] == size


@pytest.mark.parametrize("text", ["much", "1T", "-1G", "0", "1GG", ""])
def test_a_size_that_is_none_is_a_mistake(run, text):
    with pytest.raises(UsageError) as error:
        say(run, f"--max-memory={text}")
    assert f"expected a size such as 800M, 1G or 1GiB, got {text!r}" in str(error.value)


def test_help_has_examples():
    assert "posemark recommend runs/first --min-fps 30 --people 5" in say("--help", columns=200)


def test_measured_ap_comes_from_the_run_itself(tmp_path):
    head = records.header(weights=Source("official", "9f8e", "MIT"))
    lines = [
        records.frame(at, 10**7, poses=records.people(records.annotation(at))) for at in range(30)
    ]
    records.write(tmp_path / "run", head, [lines[at : at + 5] for at in range(0, 30, 5)])
    text = say(tmp_path / "run", "--licence", "commercial", columns=200)
    assert "AP 100.0, the best · 100 FPS · code licence MIT, weights licence MIT" in text
    assert "AP and speed are of the very same runs." in text
