"""Taking turns, groups that fit into memory, and a process for every entry."""

import errno
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from posemark.core.errors import DataError, RecordError, UsageError
from posemark.datasets.coco import Coco
from posemark.datasets.sample import Sample
from posemark.measure.clock import Budget
from posemark.measure.environment import WAITING
from posemark.records import files
from posemark.run import interleave, measurement, worker
from posemark.run.interleave import groups, memory_need, run_jobs, take_turns
from posemark.run.measurement import Circumstances, Standing, record_path
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.run.worker import Isolated, WorkerDiedError
from posemark.score.coco import truth_json
from runs import Heard, run_all, run_one

MODEL = "naive-litehrnet-18-256x192"
OTHER = "wider-naive-litehrnet-18-256x192"
GIB = 2**30


def prepared(*names, **changes):
    dataset = Sample(500)
    options = Options(**({"data": "sample", "threads": 1} | changes))
    return [prepare_job(job, dataset, dataset.frames()) for job in plan(names, options)]


# --- turns --------------------------------------------------------------------------------------


class Lane:
    """A measurement that writes its steps into a common diary, and is over after some blocks."""

    standing = Standing()

    def __init__(self, name, blocks, diary, fails_at=None):
        self.path, self.blocks, self.diary, self.fails_at = Path(name), blocks, diary, fails_at
        self.closed = 0

    def open(self):
        self.diary.append(f"open {self.path}")

    def block(self):
        self.blocks -= 1
        self.diary.append(str(self.path))
        if self.blocks == self.fails_at:
            raise DataError("broken")
        return self.blocks > 0

    def close(self):
        self.closed += 1


def test_entries_take_turns_block_by_block_until_each_is_over():
    diary, heard = [], Heard()
    lanes = [Lane("a", 3, diary), Lane("b", 1, diary), Lane("c", 2, diary)]
    take_turns(lanes, 4, heard)
    assert diary == ["open a", "open b", "open c", *"abc", *"ca", "a"], "there and back"
    assert heard.opened == [4, 5, 6]
    assert [str(path) for path in heard.paths] == ["b", "c", "a"]
    assert all(lane.closed for lane in lanes)


def test_whatever_happens_every_lane_is_closed():
    diary = []
    lanes = [Lane("a", 3, diary), Lane("b", 3, diary, fails_at=1)]
    with pytest.raises(DataError):
        take_turns(lanes, 0, Heard())
    assert all(lane.closed for lane in lanes)


def test_two_entries_alternate_on_the_machine_and_see_the_same_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(measurement, "BLOCK_SECONDS", 1e-9)
    heard = run_all(prepared(MODEL, "litehrnet-18-256x192", limit=3), tmp_path)
    records = [files.read(path) for path in heard.paths]
    began = sorted((b.readings.began_ns, r.header.model) for r in records for b in r.blocks)
    there, back = [MODEL, "litehrnet-18-256x192"], ["litehrnet-18-256x192", MODEL]
    assert [model for _, model in began] == there + back + there
    assert {r.header.turns for r in records} == {2}
    assert {r.header.own_process for r in records} == {False}
    assert [[f.image_id for f in r.good] for r in records] == [[1, 2, 3]] * 2
    assert [place for place, _ in heard.steps] == [0, 1, 1, 0, 0, 1]


# --- groups -------------------------------------------------------------------------------------


def names(found):
    return [[job.key for job in group] for group in found]


def test_by_default_as_many_entries_take_turns_as_fit_into_memory():
    jobs = prepared("b", "d", "h", "j")
    keys = [job.key for job in jobs]
    free = 1.001 * memory_need(jobs[:2], isolate=False) / interleave.MEMORY_SHARE
    assert names(groups(jobs, None, False, 64 * GIB)) == [keys]
    assert names(groups(jobs, None, False, free)) == [keys[:2], keys[2:]]
    assert names(groups(jobs, None, False, 0)) == [[key] for key in keys], "never an empty group"


def test_all_hold_their_weights_but_only_one_its_maps_at_a_time():
    (small,), (large,) = prepared("b"), prepared("higherhrnet-w32-512@multi")
    alone, both = memory_need([large], False), memory_need([small, large], False)
    assert both - alone == 4 * small.spec.parameters
    assert memory_need([small, large], isolate=True) - both == interleave.PROCESS_BYTES
    pixels = 1024 * 1024 * interleave.ASPECT_RATIO
    assert alone > 4 * large.spec.parameters + pixels * interleave.BYTES_PER_PIXEL


def test_the_user_can_have_it_otherwise():
    jobs = prepared("b", "d")
    keys = [job.key for job in jobs]
    assert names(groups(jobs, True, False, 0)) == [keys]
    assert names(groups(jobs, False, False, 64 * GIB)) == [[key] for key in keys]


@pytest.mark.parametrize("mode", [{"mode": "sustained"}, {"mode": "paced", "camera_fps": 30.0}])
def test_what_needs_the_device_for_itself_takes_no_turns(mode):
    jobs = prepared("b", "d", **mode)
    assert [len(group) for group in groups(jobs, None, False, 64 * GIB)] == [1, 1]
    with pytest.raises(UsageError, match="device for itself"):
        groups(jobs, True, False, 64 * GIB)


# --- a process for every entry ------------------------------------------------------------------


def isolated(job, out):
    return Isolated(job, out, False, lambda step: None, Circumstances())


def test_a_process_of_its_own_gives_the_same_record_and_its_own_memory(tmp_path):
    jobs = prepared(MODEL, "litehrnet-18-256x192", limit=2)
    heard = run_all(jobs, tmp_path, isolate=True)
    shared = run_all(jobs, tmp_path / "shared")
    for path, other in zip(sorted(heard.paths), sorted(shared.paths), strict=True):
        own, beside = files.read(path), files.read(other)
        assert own.header.identity() == beside.header.identity()
        assert own.header.own_process
        assert own.perfect == beside.perfect
        assert [f.image_id for f in own.good] == [1, 2]
        assert own.complete
        assert 100 * 2**20 < own.blocks[-1].readings.peak_rss < 4 * GIB
    assert len(heard.steps) == 4


def test_errors_in_a_worker_are_raised_in_the_parent(tmp_path):
    (job,) = prepared(MODEL, limit=1)
    run_one(job, tmp_path)
    lane = isolated(job, tmp_path)
    with pytest.raises(RecordError, match="exists already"):
        lane.open()
    lane.close()


def test_a_worker_that_dies_leaves_its_frames_and_a_clear_word(tmp_path):
    (job,) = prepared(MODEL)
    lane = isolated(job, tmp_path)
    lane.open()
    assert lane.block()
    os.kill(lane._process.pid, signal.SIGKILL)
    with pytest.raises(WorkerDiedError, match=r"SIGKILL.*out of memory.*--resume"):
        lane.block()
    lane.close()
    assert len(files.read(lane.path).good) >= 1


@pytest.mark.parametrize("within", [None, 20.0])
def test_a_worker_that_dies_ends_its_entry_alone(tmp_path, within):
    """One of two processes crashes in the midst of a block, as by a fault in a native library."""
    jobs = prepared(MODEL, OTHER, limit=8 if within is None else 4)

    class Struck(Heard):
        def step(self, place, step):
            super().step(place, step)
            if len(self.steps) == 1:
                os.kill(multiprocessing.active_children()[0].pid, signal.SIGSEGV)

    heard = Struck()
    time = Budget(within) if within else None
    run_jobs([jobs], tmp_path, False, True, heard, None, time)
    (place,) = heard.deaths
    assert "SIGSEGV" in heard.deaths[place]
    assert jobs[place].key in heard.deaths[place]
    assert heard.paths == [record_path(jobs[1 - place], tmp_path)]
    assert files.read(heard.paths[0]).complete
    run_jobs([jobs], tmp_path, True, True, again := Heard(), None, None)
    assert not again.deaths
    for job in jobs:
        record = files.read(record_path(job, tmp_path))
        assert record.complete
        ids = [f.image_id for f in record.good]
        assert ids == [f.image_id for f in job.frames[: len(ids)]]


@pytest.mark.parametrize("within", [None, 20.0])
def test_a_worker_that_cannot_be_started_ends_its_entry_alone(tmp_path, monkeypatch, within):
    jobs = prepared(MODEL, OTHER, limit=2)
    start, asked = worker.process_context, []

    def refused_once():
        asked.append(1)
        if len(asked) == 1:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return start()

    monkeypatch.setattr(worker, "process_context", refused_once)
    heard = Heard()
    run_jobs([jobs], tmp_path, False, True, heard, None, Budget(within) if within else None)
    ((place, why),) = heard.deaths.items()
    assert f"{jobs[place].key}: its process could not be started" in why
    assert "temporarily unavailable" in why
    assert "--resume" in why
    assert heard.paths == [record_path(jobs[1 - place], tmp_path)]
    assert files.read(heard.paths[0]).complete


def test_a_fork_that_the_system_refuses_ends_its_entry_alone(tmp_path):
    """In a process of its own: the server of this one is shared by all tests.

    Every server of processes is refused its second fork, and ends; the next entry has a new one.
    """
    (tmp_path / "refusing.py").write_text(
        """
import errno, os
fork, calls = os.fork, []
def refused():
    calls.append(1)
    if len(calls) == 2:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return fork()
os.fork = refused
""",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    code = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parent)!r}]
from pathlib import Path
from posemark.machine import processes
import test_interleave as tests
processes._PRELOADED = ["refusing"]
jobs = tests.prepared(tests.MODEL, tests.OTHER, "litehrnet-30-256x192", limit=1)
heard = tests.Heard()
tests.run_jobs([jobs], Path({str(out)!r}), False, True, heard)
print([jobs[place].key for place in heard.deaths], [path.stem for path in heard.paths])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    keys = [f"{name}@gt" for name in (MODEL, OTHER, "litehrnet-30-256x192")]
    assert done.stdout.strip() == f"{keys[1:2]} {keys[::2]}", done.stderr
    assert all(files.read(path).complete for path in out.glob("*.jsonl"))


def test_a_killed_parent_takes_its_busy_worker_along(tmp_path):
    """The worker sleeps, as if it built a network, and does not look at its pipe."""
    code = f"""
import sys, time
sys.path[:0] = [{str(Path(__file__).parent)!r}]
import test_interleave
from posemark.run import worker
context = worker.process_context()
process = context.Process(target=test_interleave.busy)
process.start()
print(process.pid, flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", code]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as parent:
        worker_pid = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()
    began = time.monotonic()
    while Path(f"/proc/{worker_pid}").exists() and time.monotonic() - began < 20:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker_pid}").exists()


def busy():
    """Watch the parent as a worker does, and look at nothing else for a minute."""
    threading.Thread(target=worker._end_with_parent, daemon=True).start()
    time.sleep(60)


def test_a_server_that_dies_before_it_starts_a_worker_is_explained(tmp_path):
    """In a process of its own: the server of this one is shared by all tests."""
    (tmp_path / "dying.py").write_text("import os; os._exit(1)", encoding="utf-8")
    code = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parent)!r}]
from posemark.core.errors import RunError
from posemark.machine import processes
import test_interleave
processes._PRELOADED = ["dying"]
(job,) = test_interleave.prepared(test_interleave.MODEL)
lane = test_interleave.isolated(job, __import__("pathlib").Path({str(tmp_path / "out")!r}))
try:
    lane.open()
except RunError as error:
    print(error)
lane.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    assert "could not be started" in done.stdout, done.stderr
    assert "--no-isolate" in done.stdout
    assert done.returncode == 0
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux shows it")
def test_threads_of_a_worker_wait_passively(tmp_path):
    """In a process of its own: the server of this one is shared by all tests."""
    code = f"""
import sys
from pathlib import Path
sys.path[:0] = [{str(Path(__file__).parent)!r}]
import test_interleave
(job,) = test_interleave.prepared(test_interleave.MODEL)
lane = test_interleave.isolated(job, Path({str(tmp_path)!r}))
lane.open()
print(Path(f"/proc/{{lane._process.pid}}/environ").read_text())
lane.close()
"""
    environ = {name: text for name, text in os.environ.items() if name not in WAITING}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "OMP_WAIT_POLICY=passive" in done.stdout.split("\0"), done.stderr


def test_lanes_are_closed_though_closing_one_is_interrupted(tmp_path):
    class Interrupted(Lane):
        def close(self):
            super().close()
            raise KeyboardInterrupt

    diary = []
    lanes = [Lane("a", 3, diary), Interrupted("b", 3, diary), Lane("c", 3, diary, fails_at=1)]
    with pytest.raises(KeyboardInterrupt):
        take_turns(lanes, 0, Heard())
    assert all(lane.closed for lane in lanes)


@pytest.mark.parametrize("within", [None, 20.0])
def test_an_entry_of_which_nothing_is_measured_ends_alone(tmp_path, within):
    broken, sound = prepared(MODEL, OTHER, limit=2)
    first, *others = broken.frames
    broken = replace(broken, frames=[replace(first, read=bytes), *others])
    heard, time = Heard(), Budget(within) if within else None
    run_jobs([[broken, sound]], tmp_path, False, True, heard, None, time)
    assert list(heard.deaths) == [0]
    assert f"{broken.key}: 1 of 2 frames failed" in heard.deaths[0]
    (path,) = heard.paths
    assert files.read(path).complete
    assert not files.read(record_path(broken, tmp_path)).complete


def test_a_second_stop_while_a_worker_is_awaited_ends_it(tmp_path, monkeypatch):
    (job,) = prepared(MODEL)
    lane = isolated(job, tmp_path)
    lane.open()
    process = lane._process

    def interrupted(timeout=None):
        raise KeyboardInterrupt

    os.kill(process.pid, signal.SIGSTOP)  # a worker that does not end by itself
    monkeypatch.setattr(process, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lane.close()
    monkeypatch.undo()
    process.join(timeout=10)
    assert process.exitcode == -signal.SIGKILL


def test_a_bug_in_the_worker_arrives_with_its_place(tmp_path):
    (job,) = prepared(MODEL, limit=1)
    broken = replace(job, job=replace(job.job, options=replace(job.job.options, threads=-1)))
    lane = isolated(broken, tmp_path)
    with pytest.raises(RuntimeError, match=r"in the worker process:(.|\n)*Traceback"):
        lane.open()
    lane.close()


def test_closing_what_was_never_opened_does_nothing(tmp_path):
    (job,) = prepared(MODEL)
    isolated(job, tmp_path).close()
    assert not list(tmp_path.iterdir())


def test_a_task_carries_no_images(tmp_path):
    (job,) = prepared(MODEL)
    lane = isolated(job, tmp_path)
    assert isinstance(lane._task, worker._Task)
    assert len(lane._task.prepared.frames) == 500
    assert len(pickle.dumps(lane._task)) < 500 * 4000


def test_a_worker_makes_no_frames_of_its_own(tmp_path):
    """A worker gets number and order of the frames from the process that starts it."""
    (job,) = prepared(MODEL, limit=2)
    lane = isolated(replace(job, frames=job.frames[5:]), tmp_path)
    lane.open()
    while lane.block():
        pass
    lane.close()
    assert [f.image_id for f in files.read(lane.path).good] == [6, 7]


# --- one time for all ---------------------------------------------------------------------------


def test_groups_have_their_part_of_the_time(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(
        interleave, "share_time", lambda lanes, works, watcher, time, died: given.append(time.left)
    )
    jobs = prepared("b", "d", "h", "j")
    run_jobs([jobs[:1], jobs[1:]], tmp_path, False, False, Heard(), None, Budget(400.0))
    assert given[0] == pytest.approx(100, abs=5)
    assert given[1] == pytest.approx(400, abs=20), "the first one left all of it"


def test_networks_are_built_in_the_order_of_what_a_frame_costs(tmp_path):
    jobs = dict(enumerate(prepared("v", "a", "d", "b", boxes=None)))
    assert [
        jobs[place].job.entry.letter for place in interleave._opening_order(jobs, tmp_path)
    ] == [*("b", "d", "v", "a")]
    begun = interleave.record_path(jobs[3], tmp_path)
    begun.write_text("a header\n")
    assert interleave._opening_order(jobs, tmp_path)[-1] == 3, "what has no record comes first"


def test_entries_with_one_network_on_the_same_boxes_share_evidence():
    keys = [interleave._evidence_key(job) for job in prepared("a", "e", "g", "b", "c", boxes=None)]
    assert keys[0] == keys[1] == keys[2]
    assert len(set(keys)) == 3
    (flipped,) = prepared("a", boxes=None, flip=True)
    assert interleave._evidence_key(flipped) != keys[0]


def test_inputs_are_found_once_and_handed_to_the_processes(tmp_path, monkeypatch):
    """A process gets everything that it needs, so the data may be deleted after preparation."""
    data = tmp_path / "coco"
    scenes = [frame for frame in Sample(6).frames() if len(frame.truth)][:2]
    (data / "annotations").mkdir(parents=True)
    (data / "val2017").mkdir()
    truth = truth_json(scenes)
    for frame, image in zip(scenes, truth["images"], strict=True):
        image["file_name"] = f"{frame.image_id:012d}.png"
        (data / "val2017" / image["file_name"]).write_bytes(frame.read())
    annotations = data / "annotations" / "person_keypoints_val2017.json"
    annotations.write_text(json.dumps(truth))
    detections = tmp_path / "boxes.json"
    found = [
        {"image_id": a["image_id"], "category_id": 1, "bbox": a["bbox"], "score": 0.9}
        for a in truth["annotations"]
    ]
    detections.write_text(json.dumps(found))
    dataset = Coco(data)
    options = Options(f"coco:{data}", 1, boxes=f"file:{detections}")
    jobs = plan([f"{MODEL}@gt"], replace(options, boxes=None))
    jobs += plan([f"{MODEL}@detected"], options)
    ready = [prepare_job(job, dataset, dataset.frames()) for job in jobs]
    annotations.unlink()
    detections.unlink()
    heard = run_all(ready, tmp_path / "out", isolate=True)
    records = [files.read(path) for path in heard.paths]
    assert [len(record.good) for record in records] == [2, 2]
    assert all(record.header.own_process for record in records)
