"""A job that cannot be measured ends alone; the others get their records."""

from dataclasses import replace

import pytest

import made_weights
from posemark.core.errors import FrameError
from posemark.datasets import open_dataset
from posemark.records import shards
from posemark.run.measurement import NothingMeasuredError
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.scale import accuracy
from posemark.scale.pool import GivenUpError
from posemark.scale.session import ShardSession

MODEL = "naive-litehrnet-18-256x192"
LIMIT = 6


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """Return two jobs with records of their own."""
    weights = made_weights.by_formula(tmp_path_factory.mktemp("weights") / "formula.pth", MODEL)
    options = Options("sample", 1, weights=str(weights), mode="accuracy", limit=LIMIT)
    dataset = open_dataset("sample")
    (job,) = plan([MODEL], options)
    coarse = replace(job, options=replace(options, codec="argmax"))
    return [prepare_job(each, dataset, dataset.frames()) for each in (job, coarse)]


class _Watcher:
    def __init__(self):
        self.deaths, self.records = {}, {}

    def begin(self, place, images):
        assert images == LIMIT

    def over(self, place, path):
        self.records[place] = path

    def died(self, place, error):
        self.deaths[place] = error


def run(jobs, out, monkeypatch, lost=()):
    """Measure in this process; the work of the jobs in `lost` is given up."""

    def measure(place, prepared, parts, out, cluster, watcher):
        if prepared.key in lost:
            raise GivenUpError(f"{prepared.key}: tried too often")
        session = ShardSession(prepared, frozenset())
        for part in parts:
            found = session.measure(part)
            path = shards.file_of(accuracy.folder_of(prepared, out), found.shard)
            accuracy._store(path, found.content)

    monkeypatch.setattr(accuracy, "_measure", measure)
    watcher = _Watcher()
    accuracy.run_in_shards(jobs, out, False, None, watcher)
    return watcher


def with_broken_images(job):
    def broken():
        raise FrameError("cannot be read")

    return replace(job, frames=[replace(each, read=broken) for each in job.frames])


def test_a_job_that_is_given_up_ends_alone(jobs, tmp_path, monkeypatch):
    first = jobs[0]
    watcher = run(jobs, tmp_path, monkeypatch, lost=[first.key])
    assert {place: str(error) for place, error in watcher.deaths.items()} == {
        0: f"{first.key}: tried too often"
    }
    assert len(shards.read(watcher.records[1]).good) == LIMIT
    with pytest.raises(GivenUpError, match="tried too often"):
        run([first], tmp_path / "alone", monkeypatch, lost=[first.key])


def test_a_job_without_one_inference_ends_alone(jobs, tmp_path, monkeypatch):
    first, second = jobs
    watcher = run([first, with_broken_images(second)], tmp_path, monkeypatch)
    assert list(watcher.records) == [0]
    assert isinstance(watcher.deaths[1], NothingMeasuredError)
    said = f"{second.key}: every one of {LIMIT} frames failed. The last: cannot be read"
    assert str(watcher.deaths[1]) == said
