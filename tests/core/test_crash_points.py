"""A process that is killed at any named place continues, and ends as if nothing had happened."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import posemark
from crash_scenarios import IMAGES
from posemark.records import files
from power_failure import tree_of

TESTS = Path(__file__).parents[1]
PLACES = {
    "record": [
        *("record.created", "record.before-line", "record.before-line:4", "record.after-line"),
        *("record.after-line:6", "record.before-sync", "record.after-sync", "record.after-sync:3"),
    ],
    "setting": ["file.before-sync", "file.before-rename", "file.after-rename"],
    "artefact": ["artefact.made", "artefact.put-aside", "artefact.after-rename"],
    "weights": ["weights.before-rename", "weights.after-rename", "weights.after-rename:2"],
    "archive": ["archive.before-sync", "archive.after-cut", "archive.after-cut:2"],
    "download": [
        *("download.noted", "download.after-chunk", "download.after-chunk:3"),
        *("download.before-sync", "download.before-rename", "download.after-rename"),
    ],
}
CASES = [(scenario, place) for scenario, places in PLACES.items() for place in places]


def do(scenario, folder, place="", testing="yes"):
    """Run a scenario in a process of its own, and return how it ended."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    env |= {"POSEMARK_CRASH_AT": place, "POSEMARK_TESTING": testing, "POSEMARK_SYNC": "block"}
    env |= {"POSEMARK_CACHE": str(folder / "cache")}
    command = [sys.executable, TESTS / "crash_scenarios.py", scenario, folder]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    return done.returncode, done.stderr


def result_of(folder):
    """Return the files of a folder without hidden and cached ones; of a record, what it says."""
    return {name: content for name, content in tree_of(folder).items() if is_result(name)} | {
        path.name: [(f.image_id, f.frame_ns) for f in sorted_frames(path)]
        for path in folder.rglob("*.jsonl")
    }


def is_result(name):
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not (hidden or name.startswith("cache") or name.endswith((".jsonl", ".lock")))


def sorted_frames(path):
    record = files.read(path)
    assert record.complete
    assert len(record.good) == len(IMAGES), "each image once"
    return sorted(record.good, key=lambda frame: frame.image_id)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return the result of each scenario without a crash."""
    found = {}
    for scenario in PLACES:
        folder = tmp_path_factory.mktemp(scenario)
        code, error = do(scenario, folder)
        assert code == 0, error
        found[scenario] = result_of(folder)
        assert found[scenario]
    return found


@pytest.mark.parametrize(("scenario", "place"), CASES)
def test_a_crash_at_any_place_changes_nothing_in_the_end(tmp_path, undisturbed, scenario, place):
    if place == "artefact.put-aside":  # this place is only reached for a damaged artefact
        assert do(scenario, tmp_path)[0] == 0
        next(tmp_path.glob("*/model")).write_bytes(b"nonsense")
    code, error = do(scenario, tmp_path, place)
    assert code == -signal.SIGKILL, error
    code, error = do(scenario, tmp_path)
    assert code == 0, error
    assert result_of(tmp_path) == undisturbed[scenario]


def test_a_crash_where_a_torn_line_is_cut_off_changes_nothing_in_the_end(tmp_path, undisturbed):
    assert do("record", tmp_path, "record.after-line:5")[0] == -signal.SIGKILL
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-7])
    assert do("record", tmp_path, "record.cut")[0] == -signal.SIGKILL
    assert do("record", tmp_path) == (0, "")
    assert result_of(tmp_path) == undisturbed["record"]


def test_every_named_place_is_tried():
    named = set()
    for path in Path(posemark.__file__).parent.rglob("*.py"):
        named |= set(re.findall(r'crash_point\(f?"([^"]+)"\)', path.read_text(encoding="utf-8")))
    assert {name for name in named if name.startswith("{")} == {
        f"{{point}}.{at}" for at in ("before-sync", "before-rename", "after-rename")
    }
    tried = {place.partition(":")[0] for _, place in CASES} | {"record.cut"}
    assert {name for name in named if not name.startswith("{")} <= tried


def test_without_testing_the_places_do_nothing(tmp_path):
    assert do("setting", tmp_path, "file.before-rename", testing="")[0] == 0
