"""Duels and accuracy on the real machine, with the smallest network; nothing hangs on times."""

from dataclasses import replace

import numpy as np
import pytest

import goldens
from posemark.core.errors import ExportError, UsageError
from posemark.core.frame import Poses
from posemark.core.skeleton import COCO_17
from posemark.datasets import open_dataset
from posemark.datasets.sample import Sample
from posemark.measure.paired_frames import gain
from posemark.measure.speed_interval import Interval
from posemark.models import spec_of
from posemark.records import files
from posemark.run.measurement import Measurement
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.tune import duels as benches
from posemark.tune import search_space
from posemark.tune.duels import Bench, first_runnable
from posemark.tune.search import StepError, climb
from posemark.tune.search_space import Step, Subject
from runs import Heard

SMALL = "naive-litehrnet-18-256x192"
TINYPOSE = "wider-naive-litehrnet-18-256x192"


class Audience(Heard):
    """Hears the names of the steps as well."""

    def __init__(self):
        super().__init__()
        self.what = []

    def about(self, what):
        self.what.append(what)


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Tests run beside each other: what others take of the machine is no matter here."""
    monkeypatch.setattr(benches, "contended", lambda _: False)


def bench(out, dataset=None, model=SMALL, frames=6, lane=Measurement, **changes):
    options = Options(**({"data": "sample", "threads": 1} | changes))
    (job,) = plan([f"{model}@gt"], options)
    return Bench(job, dataset or Sample(40), out, 0.2, frames, Audience(), lane)


def test_a_step_is_measured_in_turns_in_processes_of_their_own_and_judged(tmp_path):
    """End to end: what the command does, with two steps and the shortest budget."""
    own = bench(tmp_path, open_dataset("sample"), lane=benches.Isolated)
    subject = Subject(spec_of(SMALL), ("torch",), None, 1)
    heard = []
    two = [
        lambda *_: [Step("batches of 2", {"persons": "batched", "max_batch": 2})],
        search_space.layouts,
    ]
    ladder = climb(own.reference.options, subject, own, 0.1, heard.append, two)
    assert [rung.step for rung in heard] == ["batches of 2", "channels-last"]
    assert all(isinstance(rung.gain, Interval) for rung in heard)
    for number, rung in enumerate(ladder.rungs, 1):
        folder = tmp_path / f"{number:02d}-{rung.step.replace(' ', '-')}"
        base, tried = (files.read(next((folder / s).glob("*.jsonl"))) for s in ("best", "tried"))
        assert base.complete
        assert tried.complete
        assert (base.header.own_process, base.header.turns, base.perfect) == (True, 2, [])
        images = [[line.image_id for line in record.good] for record in (base, tried)]
        shared = min(map(len, images))
        assert images[0][:shared] == images[1][:shared], "the same frames"
        assert min(len(record.blocks) for record in (base, tried)) >= benches.FEWEST_BLOCKS
    header = files.read(next((tmp_path / "01-batches-of-2" / "tried").glob("*.jsonl"))).header
    assert (header.settings.persons, header.settings.max_batch) == ("batched", 2)
    assert "batches of 2" in own.watcher.what


def test_for_throughput_a_burst_and_overlapped_frames_are_compared_by_wall_time(tmp_path):
    own = replace(bench(tmp_path), goal="throughput")
    best = replace(own.reference.options, threads=2)
    tried = replace(best, mode="overlapped", streams=2)
    found = own.duel("2 streams", best, tried)
    sides = [files.read(next((tmp_path / "01-2-streams" / s).glob("*.jsonl"))) for s in
             ("best", "tried")]  # fmt: skip
    assert found == gain(*sides, wall=True)
    assert sides[1].header.settings.streams == 2
    assert sides[1].trial == (), "the best setting itself is the comparison"
    assert own.cost(tried).oks == 1.0


def test_a_step_that_does_not_run_is_told_from_a_run_that_fails(tmp_path, monkeypatch):
    def exported(*_):
        raise ExportError("differs by 3.")

    class Failing(Measurement):
        def open(self):
            if self.path.parent.name == which:
                exported()
            super().open()

    own, which = bench(tmp_path, lane=Failing), "tried"
    with pytest.raises(StepError, match=r"differs by 3\."):
        own.duel("a", own.reference.options, own.reference.options)
    which = "best"
    with pytest.raises(ExportError):
        own.duel("b", own.reference.options, own.reference.options)
    with pytest.raises(StepError, match="is not a decoder"):
        own.duel("c", own.reference.options, replace(own.reference.options, codec="magic"))


def test_a_contended_duel_is_repeated_and_then_left_undecided(tmp_path, monkeypatch):
    own, verdicts = bench(tmp_path), [True, False, False]
    monkeypatch.setattr(benches, "contended", lambda _: verdicts.pop(0))
    own.duel("a", own.reference.options, own.reference.options)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["01-a", "02-a"]
    monkeypatch.setattr(benches, "contended", lambda _: True)
    with pytest.raises(StepError, match="other programs used the machine in all 3 attempts"):
        own.duel("b", own.reference.options, own.reference.options)


def test_what_is_known_not_to_run_is_refused_with_the_reason(tmp_path):
    own = bench(tmp_path)
    options = own.reference.options
    assert own.refusal(options) == ""
    assert "cannot run int8" in own.refusal(replace(options, precision="int8"))
    assert not list(tmp_path.iterdir()), "nothing was begun"


def test_untrained_poses_are_compared_with_those_of_the_reference(tmp_path):
    own = bench(tmp_path)
    same = own.cost(own.reference.options)
    assert (same.frames, same.oks) == (6, pytest.approx(1))
    assert (same.ap_loss, same.unknown) == (None, "no trained weights")
    other = own.cost(replace(own.reference.options, precision="bf16"))
    assert 0 < other.oks < 1
    assert own.name == f"{SMALL}@gt"


def test_accuracy_rests_on_frames_with_people_and_stops_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(benches, "ACCURACY_SECONDS", 0.0)
    own = bench(tmp_path)
    assert own.cost(own.reference.options).frames == 1
    everybody = bench(tmp_path, frames=1000)
    assert all(len(frame.truth) for frame in everybody._annotated)


def test_with_trained_weights_and_truth_the_cost_is_ap_on_the_same_frames(tmp_path):
    weights = goldens.shared("weights/tinypose_256x192_wider_naive_litehrnet18.safetensors")
    data = f"coco:{goldens.shared('coco')}"
    own = bench(tmp_path, open_dataset(data), TINYPOSE, 20, data=data, weights=str(weights))
    cost = own.cost(own.reference.options)
    assert (cost.frames, cost.ap_loss, cost.unknown) == (20, 0, "")
    argmax = own.cost(replace(own.reference.options, codec="argmax"))
    assert np.isfinite(argmax.ap_loss)
    assert argmax.ap_loss != 0
    assert 0.9 < argmax.oks < 1
    assert own.name == f"{TINYPOSE}.tinypose@gt"


def test_ap_is_by_the_sigmas_of_the_skeleton():
    frames = [frame for frame in Sample(12).frames() if len(frame.truth)]

    def judged_by(factor):
        sigmas = tuple(factor * sigma for sigma in COCO_17.sigmas)
        skeleton = replace(COCO_17, sigmas=sigmas)
        return [replace(f, truth=replace(f.truth, skeleton=skeleton)) for f in frames]

    found = []
    for frame in frames:
        points, people = frame.truth.keypoints_xyv[..., :2], len(frame.truth)
        shift = 0.06 * np.sqrt(frame.truth.areas)[:, None, None]
        found.append(Poses(points + shift, np.ones((people, 17)), np.ones(people), COCO_17))
    narrow, usual, wide = (benches._ap(judged_by(factor), found) for factor in (0.2, 1, 5))
    assert narrow < usual < wide


def test_the_search_starts_at_the_first_runtime_that_runs(monkeypatch):
    assert first_runnable(plan([SMALL], Options("sample", 1))[0], ("openvino", "torch")) == "torch"

    def require(target, **_):
        if target.runtime != "openvino":
            raise UsageError(f"{target.runtime} is not here.")

    monkeypatch.setattr(benches, "require", require)
    assert (
        first_runnable(plan([SMALL], Options("sample", 1))[0], ("torch", "tflite", "openvino"))
        == "openvino"
    )
    with pytest.raises(UsageError, match="can be used: torch is not here. tflite is not here"):
        first_runnable(plan([SMALL], Options("sample", 1))[0], ("torch", "tflite"))
