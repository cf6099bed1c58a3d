"""Real weights on real photographs, by the same code as the command line, against an
independent evaluation of the same files (../shared/facts/REFERENCE_AP.md)."""

import pytest

import goldens
from posemark.datasets import open_dataset
from posemark.records import files
from posemark.report.results import row_of
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from runs import run_one

# "PP-TinyPose 256x192, quarter offset": AP and AR agree within 0.003, the others within 0.012.
REFERENCE = {
    "AP": 0.6642,
    "AP50": 0.8935,
    "AP75": 0.7431,
    "APM": 0.6507,
    "APL": 0.6894,
    "AR": 0.6936,
}


@pytest.mark.timeout(900)
def test_tinypose_reaches_its_reference_ap_on_ground_truth_boxes(tmp_path):
    weights = goldens.shared("weights/tinypose_256x192_wider_naive_litehrnet18.safetensors")
    folder = goldens.shared("coco")
    options = Options(
        data=f"coco:{folder}",
        boxes="gt",
        weights=str(weights),
        codec=None,
        flip=False,
        persons="batched",
        min_score=0.0,
        threads=1,
        limit=None,
        budget=None,
    )
    (job,) = plan(["wider-naive-litehrnet-18-256x192"], options)
    dataset = open_dataset(options.data)
    prepared = prepare_job(job, dataset, dataset.frames())
    row = row_of(files.read(run_one(prepared, tmp_path)[0]), {})
    assert (row.frames, row.failed_frames, row.weights) == (600, 0, "tinypose")
    for name, expected in REFERENCE.items():
        tolerance = 0.003 if name in ("AP", "AR") else 0.012
        assert row.ap[name] == pytest.approx(expected, abs=tolerance), name
    # Perfect maps decoded with quarter offset lose a few points of AP, never all.
    assert 0.93 < row.codec_ceiling < 1
