"""A session finds in every shard what one process finds in all images, and keeps what fails."""

from dataclasses import replace

import pytest

import made_weights
from posemark.core.errors import FrameError, RecordError
from posemark.datasets import open_dataset
from posemark.records import files, shards
from posemark.report.results import load_rows
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.scale import layout
from posemark.scale.accuracy import require_shareable
from posemark.scale.session import ShardSession
from runs import run_one

MODEL = "litehrnet-18-256x192"
LIMIT = 12


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return made_weights.by_formula(tmp_path_factory.mktemp("weights") / "formula.pth", MODEL)


def prepared(weights, mode="accuracy", data="sample"):
    options = Options(data, 1, weights=str(weights), mode=mode, limit=LIMIT)
    (job,) = plan([MODEL], options)
    dataset = open_dataset(data)
    return prepare_job(job, dataset, dataset.frames())


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(layout, "FEWEST_IMAGES", 5)


def measured(job, out, parts):
    session = ShardSession(job, frozenset(f.image_id for f in job.frames[:LIMIT]))
    for part in parts:
        found = session.measure(part)
        path = shards.file_of(layout.folder_of(job, out), found.shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(found.content)
    return shards.read(layout.folder_of(job, out))


@pytest.mark.usefixtures("small_shards")
def test_shards_in_any_order_have_the_poses_of_one_process(weights, tmp_path):
    job = prepared(weights)
    parts = layout.unfinished(job, tmp_path, resume=False)
    assert [len(part.frames) for part in parts] == [5, 5, 2]
    record = measured(job, tmp_path, reversed(parts))
    plain = files.read(run_one(prepared(weights, "burst"), tmp_path)[0])
    assert record.complete
    assert all(frame.poses and frame.poses.scores for frame in record.good if frame.boxes)
    assert [(f.image_id, f.poses) for f in record.good] == [
        (f.image_id, f.poses) for f in plain.good
    ]
    assert {p.image_id: p.people for p in record.perfect} == {
        p.image_id: p.people for p in plain.perfect
    }
    rows = {row.mode: row for row in load_rows([tmp_path])}
    assert rows["accuracy"].codec_ceiling == rows["burst"].codec_ceiling
    assert rows["accuracy"].keypoint_accuracy == rows["burst"].keypoint_accuracy


@pytest.mark.usefixtures("small_shards")
def test_only_what_is_missing_is_left_and_only_for_the_same_run(weights, tmp_path):
    job = prepared(weights)
    first, second, third = layout.unfinished(job, tmp_path, resume=False)
    measured(job, tmp_path, [first, third])
    (left,) = layout.unfinished(job, tmp_path, resume=True)
    assert left.shard == second.shard
    with pytest.raises(RecordError, match="exists already"):
        layout.unfinished(job, tmp_path, resume=False)
    path = shards.file_of(layout.folder_of(job, tmp_path), first.shard)
    path.write_bytes(path.read_bytes().replace(b'"frame_ns":', b'"frame_ns":1', 1))
    damaged, _ = layout.unfinished(job, tmp_path, resume=True)
    assert damaged.shard == first.shard
    fewer = replace(job, job=replace(job.job, options=replace(job.job.options, limit=11)))
    with pytest.raises(RecordError, match="the run had other images. Use the same --limit"):
        layout.unfinished(fewer, tmp_path, resume=True)


@pytest.mark.usefixtures("small_shards")
def test_an_image_that_cannot_be_used_costs_that_image_only(weights, tmp_path):
    def broken():
        raise FrameError("cannot be read")

    job = prepared(weights)
    part = layout.unfinished(job, tmp_path, resume=False)[1]
    frames = [replace(part.frames[0], read=broken), *part.frames[1:]]
    found = ShardSession(job, frozenset()).measure(replace(part, frames=frames))
    assert (found.frames, found.failures) == (5, ("cannot be read",))
    record = measured(job, tmp_path, [replace(part, frames=frames)])
    assert (len(record.good), len(record.failed)) == (4, 1)


@pytest.mark.parametrize(
    ("data", "trained", "words"),
    [
        ("motion:sample", True, "the frames of motion:sample follow each other in time"),
        ("sample", False, "has no trained weights"),
    ],
)
def test_what_cannot_be_shared_is_refused(weights, data, trained, words):
    with pytest.raises(Exception, match=words):
        require_shareable(prepared(weights if trained else "none", data=data))
