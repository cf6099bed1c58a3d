"""Files are used by their content: wherever they are, and only if it is the right one."""

import pytest
import torch

import made_val2017
from posemark.core.digests import sha256_of
from posemark.core.errors import DataError, RunError
from posemark.datasets import open_dataset
from posemark.models import spec_of
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.scale import node_inputs

MODEL = "litehrnet-18-256x192"


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job with a checkpoint file, on three images."""
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "coco"
    for name in made_val2017.NAMES:
        (data / "val2017").mkdir(parents=True, exist_ok=True)
        (data / "val2017" / name).write_bytes(made_val2017.IMAGE)
    (data / "annotations").mkdir()
    (data / "annotations/person_keypoints_val2017.json").write_bytes(made_val2017._annotations())
    weights = tmp_path / "w.pth"
    torch.save(spec_of(MODEL).build().state_dict(), weights)
    (planned,) = plan([MODEL], Options(f"coco:{data}", 1, weights=str(weights)))
    dataset = open_dataset(planned.options.data)
    return prepare_job(planned, dataset, dataset.frames())


def never(digest):
    raise AssertionError("nothing is to be fetched")


def test_a_file_that_is_there_is_used_where_it_is(job):
    expected = node_inputs.expected_of(job)
    assert node_inputs.at_this_node(job, expected, never, "here").checkpoint == job.checkpoint


@pytest.mark.parametrize("content", [None, b"other weights"], ids=["missing", "another"])
def test_a_file_that_is_missing_or_another_is_fetched_once(job, content):
    expected = node_inputs.expected_of(job)
    path = job.checkpoint.path
    whole = path.read_bytes()
    path.unlink()
    if content:
        path.write_bytes(content)
    asked = []
    for _ in range(2):
        found = node_inputs.at_this_node(job, expected, lambda d: asked.append(d) or whole, "b")
        assert sha256_of(found.checkpoint.path) == job.checkpoint.sha256
        assert found.checkpoint.path != path
    assert asked == [job.checkpoint.sha256]


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "is missing or cannot be read"), (b"other", "has another content")],
)
def test_images_that_differ_are_refused_with_machine_and_name(job, content, words):
    expected = node_inputs.expected_of(job)
    path = next((job.checkpoint.path.parent / "coco/val2017").glob("*632.jpg"))
    path.unlink()
    if content:
        path.write_bytes(content)
    with pytest.raises(DataError, match=f"node-7: the image {path.name} {words}"):
        node_inputs.at_this_node(job, expected, never, "node-7")


def test_other_packages_are_refused_by_name(job):
    expected = node_inputs.expected_of(job)
    other = node_inputs.Expected(
        expected.files, expected.images, {**expected.libraries, "posemark": "0.0"}
    )
    with pytest.raises(RunError, match=r"node-7: .* posemark .* instead of 0.0. Install the same"):
        node_inputs.at_this_node(job, other, never, "node-7")
