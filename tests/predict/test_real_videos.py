"""Real models on real videos (../shared), as the command line runs them."""

import csv

import pytest
from typer.testing import CliRunner

import goldens
from posemark import cli
from posemark.video.facts import read_facts

INDOOR = "video/two_people_indoor_60fps.mp4"
FOLDERS = "POSEMARK_ARTEFACTS"


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    pytest.importorskip("openvino", reason="the models need OpenVINO")
    monkeypatch.setenv(FOLDERS, str(goldens.shared("weights")))
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def predict(*arguments):
    result = CliRunner().invoke(cli.app, ["predict", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def people_by_frame(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    frames = {}
    for row in rows:
        frames.setdefault(int(row["frame"]), set()).add(int(row["person"]))
    return [frames[index] for index in sorted(frames)]


@pytest.mark.parametrize(
    ("model", "options"),
    [("tinypose-128x96", ["--every", 5, "--smooth"]), ("lightweight-openpose", ["--smooth"])],
)
def test_two_people_keep_their_ids(tmp_path, model, options):
    video = goldens.shared(INDOOR)
    predict(model, video, "--to", 0.2, *options, "-o", "w.mp4", "--poses", "w.csv")
    found = people_by_frame(tmp_path / "w.csv")
    assert len(found) == 12
    assert all({0, 1} <= people for people in found)
    facts = read_facts(tmp_path / "w.mp4")
    assert (facts.frames, facts.size_wh, round(facts.fps)) == (12, (1088, 1920), 60)
