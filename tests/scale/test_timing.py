"""One process at a time measures speed on each machine, with the facts of that machine."""

from dataclasses import dataclass, field

import pytest

from posemark.core.errors import RunError
from posemark.datasets import open_dataset
from posemark.records import files
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.scale import timing, timing_worker
from posemark.scale.cluster import Node
from posemark.scale.node_inputs import expected_of
from posemark.scale.timing_worker import Progress, Timings, TimingTask, TimingWorker
from posemark.scale.worker import Failure

MODEL = "naive-litehrnet-18-256x192"


def job(**changes):
    (planned,) = plan([MODEL], Options("sample", 7, limit=3, **changes))
    dataset = open_dataset("sample")
    return prepare_job(planned, dataset, dataset.frames())


def answer_of(worker):
    worker.begin()
    while isinstance(answer := worker.poll(), Progress):
        assert 0 <= answer.share <= 1
    return answer


def unmeasurable(*_, **__):
    raise RunError("it is busy")


@pytest.fixture(autouse=True)
def no_peak(monkeypatch, tmp_path):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(timing_worker.peak, "measure_undisturbed", unmeasurable)


def test_a_machine_measures_in_a_child_with_its_own_threads(tmp_path):
    prepared = job()
    task = TimingTask(((prepared, expected_of(prepared)),), 1, None, None)
    answer = answer_of(TimingWorker(task, lambda _: b""))
    assert isinstance(answer, Timings), answer
    assert answer.notes == ("the peak rates are unknown: it is busy",)
    for name, content in answer.files.items():
        (tmp_path / name).write_bytes(content)
    record = files.read(tmp_path / f"{MODEL}@gt.jsonl")
    assert (len(record.good), record.complete, record.header.shard) == (3, True, None)
    assert (record.header.settings.threads, record.header.own_process) == (1, True)
    assert (tmp_path / record.header.truth).is_file()


def test_what_cannot_be_measured_is_the_answer(monkeypatch):
    prepared = job()
    task = TimingTask(((prepared, expected_of(prepared)),), 1, None, None)
    monkeypatch.setattr(timing_worker, "run_jobs", unmeasurable)
    assert answer_of(TimingWorker(task, lambda _: b"")) == Failure("it is busy")


def test_the_name_of_a_machine_is_the_same_for_all_its_processes():
    workers = [TimingWorker.__new__(TimingWorker) for _ in range(2)]
    assert workers[0].machine() == workers[1].machine() != ""


@dataclass(eq=False)
class Cluster:
    """A cluster whose nodes are on the machines that `boots` names."""

    boots: dict
    answers: dict
    ended: list = field(default_factory=list)
    begun: list = field(default_factory=list)

    def nodes(self):
        return [Node(name, name, 2, 0) for name in self.boots]

    def start(self, kind, node, resources, *arguments):
        assert (resources.cpus, resources.gpus) == (node.cpus, node.gpus), "the whole node"
        return Process(self, node.name)

    def first_ready(self, calls, seconds):
        return calls[0]

    def result(self, call):
        return call()

    def arguments(self, task, contents):
        return task, dict(contents)

    def end(self, process):
        self.ended.append(process.name)


@dataclass(eq=False)
class Process:
    cluster: Cluster
    name: str

    @property
    def machine(self):
        return Remote(lambda: self.cluster.boots[self.name])

    @property
    def begin(self):
        self.cluster.begun.append(self.name)
        return Remote(lambda: None)

    @property
    def poll(self):
        return Remote(lambda: self.answer())

    def answer(self):
        answers = self.cluster.answers[self.name]
        if not answers:
            raise RunError("ActorDiedError: gone")
        return answers.pop(0)


@dataclass(eq=False)
class Remote:
    call: object

    def remote(self):
        return lambda: self.call()


class Watcher:
    def __init__(self):
        self.said, self.seen = [], []

    def progress(self, machine, progress):
        self.seen.append((machine, progress.share))

    def say(self, sentence):
        self.said.append(sentence)


def measured(tmp_path, boots, answers):
    cluster, watcher = Cluster(boots, answers), Watcher()
    try:
        folders = timing.run_on_machines([job()], None, None, None, cluster, tmp_path, watcher)
    finally:
        assert {*cluster.ended} == {*boots}, "no process is left behind"
    return folders, cluster, watcher


def timings(name):
    return Timings({f"{name}.jsonl": name.encode()}, ())


def test_every_machine_is_measured_once_into_its_own_folder(tmp_path):
    answers = {
        "a": [Progress(0.5, "x", 0), timings("a")],
        "b": [timings("b")],
        "c": [timings("c")],
    }
    boots = {"a": "one", "b": "one", "c": "two"}
    folders, cluster, watcher = measured(tmp_path, boots, answers)
    assert sorted(folders) == [tmp_path / "a", tmp_path / "c"]
    assert (tmp_path / "c/c.jsonl").read_bytes() == b"c"
    assert cluster.begun == ["a", "c"]
    assert "a second node on b is left out: both share one device" in watcher.said
    assert watcher.seen == [("a", 0.5)]


def test_a_lost_machine_does_not_cost_the_others(tmp_path):
    boots = {"a": "one", "c": "two"}
    folders, _, watcher = measured(tmp_path, boots, {"a": [], "c": [timings("c")]})
    assert folders == [tmp_path / "c"]
    assert "a has no result: ActorDiedError: gone" in watcher.said


def test_if_no_machine_has_a_result_the_reason_is_the_error(tmp_path):
    with pytest.raises(RunError, match="No machine .* could measure anything. a: too small"):
        measured(tmp_path, {"a": "one"}, {"a": [Failure("too small")]})


def test_machines_with_the_same_name_have_different_folders():
    assert timing._unused("pc", ["pc", "pc-2"]) == "pc-3"
