"""A data set is added in one file: this test adds one, and changes no other file."""

import pytest

import zoo
from posemark import datasets
from posemark.core.errors import UsageError
from posemark.datasets import open_dataset
from posemark.report.results import load_rows
from posemark.run.best_weights import default_weights
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.weights import BEST, NONE
from runs import run_one

SOURCE = '''
"""Every second built-in scene."""

from dataclasses import dataclass

from posemark.datasets import DataKind
from posemark.datasets.sample import Sample


@dataclass(frozen=True)
class Every:
    """One scene out of `step`."""

    step: int
    name = "every"
    notes = ()
    photographs = False

    @property
    def fingerprint(self):
        return f"every-{self.step}"

    def frames(self):
        return Sample(20).frames()[:: self.step]


KIND = DataKind(
    "every", "every:N (one scene out of N)", lambda n: Every(int(n)), "gt", photographs=False
)
'''
SMALL = "naive-litehrnet-18-256x192"


@pytest.fixture
def added(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    with zoo.one_more_file(datasets, datasets.kinds, folder, "every", SOURCE):
        yield


def test_one_file_is_a_data_set(added):
    assert set(datasets.kinds()) == {
        "sample",
        "coco",
        "motion",
        "motion:sample",
        "video",
        "camera",
        "every",
    }
    assert len(open_dataset("every:5").frames()) == 4
    with pytest.raises(UsageError, match=r"or every:N \(one scene out of N\)"):
        open_dataset("nothing")
    assert default_weights("every:5") == NONE
    assert default_weights("coco:somewhere") == BEST


def test_it_runs_from_the_plan_to_a_row_of_the_report(added, tmp_path):
    data = "every:10"
    (job,) = plan([f"{SMALL}@gt"], Options(data=data, threads=1))
    dataset = open_dataset(data)
    path, _ = run_one(prepare_job(job, dataset, dataset.frames()), tmp_path)
    (row,) = load_rows([path])
    assert (row.data, row.frames, row.failed_frames) == (data, 2, 0)


def test_without_the_file_there_is_no_such_data_set():
    with pytest.raises(UsageError, match="--data 'every:5' is no data set"):
        open_dataset("every:5")
