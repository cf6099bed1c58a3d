"""The suite `light` on real photographs: each card by the same code as the command line.

On all 600 images of ../shared/coco the models reach the APs that an independent evaluation
found (docs/benchmarks/README.md). To be fast, this test runs the first 150 images, and compares
with the APs that those runs reached on the same images.
"""

import pytest

import goldens
from posemark import cards
from posemark.cards.check import check
from posemark.cards.model import FOLDERS, default_runtime
from posemark.datasets import open_dataset
from posemark.records import files
from posemark.report.results import row_of
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from runs import run_one

AP = {
    "lightweight-openpose": 0.4321,
    "tfpose-mobilenetv2-small": 0.1715,
    "movenet-lightning": 0.3794,
    "movenet-multipose-256": 0.2518,
    "movenet-multipose-320": 0.3086,
    "tinypose-128x96": 0.5557,
    "tinypose-256x192": 0.6703,
    "ultralight-simplepose": 0.5330,
}


PACKAGES = {"tflite": "ai_edge_litert"}  # other packages have the name of their runtime


def require_runtime(name):
    pytest.importorskip(PACKAGES.get(name, name), reason=f"the runtime {name} is not installed")


@pytest.mark.parametrize("name", AP)
def test_check_finds_nothing_wrong_or_strange_with_the_suite_light(name, monkeypatch):
    monkeypatch.setenv(FOLDERS, str(goldens.shared("weights")))
    path = cards.built_in()[name]
    require_runtime(default_runtime(cards.read(path)))
    assert [finding for finding in check(path, 1) if finding.verdict != "ok"] == []


def test_a_tflite_file_is_in_the_precision_of_its_weights(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDERS, str(goldens.shared("weights")))
    require_runtime("tflite")
    text = cards.built_in()["movenet-lightning"].read_text(encoding="utf-8")
    path = tmp_path / "card.toml"
    path.write_text(text.replace('precision = "int8"', 'precision = "fp32"'), encoding="utf-8")
    assert "int8_4.tflite is in int8, by its operators" in list(check(path, 1))[-1].says


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", AP)
def test_a_card_of_the_suite_light_reaches_its_ap(name, tmp_path, monkeypatch):
    folder, weights = goldens.shared("coco"), goldens.shared("weights")
    monkeypatch.setenv(FOLDERS, str(weights))
    (job,) = plan([name], Options(data=f"coco:{folder}", threads=1, limit=150))
    require_runtime(job.options.runtime)
    dataset = open_dataset(job.options.data)
    prepared = prepare_job(job, dataset, dataset.frames())
    row = row_of(files.read(run_one(prepared, tmp_path)[0]), {})
    assert (row.frames, row.failed_frames) == (150, 0)
    assert row.ap["AP"] == pytest.approx(AP[name], abs=0.006)
