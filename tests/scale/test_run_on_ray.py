"""`posemark run --engine ray` on a real cluster of processes, some of which are killed."""

import json
import subprocess
import sys
import time
from importlib.util import find_spec

import psutil
import pytest

import made_weights
import ray_nodes
from posemark.records import files, shards

MODEL = "naive-litehrnet-18-256x192"
LIMIT = 96
SHARDS = 3

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return made_weights.by_formula(tmp_path_factory.mktemp("weights") / "formula.pth", MODEL)


def started(weights, out, *words):
    command = [sys.executable, "-m", "posemark", "run", MODEL, "--weights", weights]
    command += ["--limit", LIMIT, "--threads", 1, "--out", out, "--json", *words]
    return subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def printed(process):
    """Wait for a run, and return the result that it prints and what it says on stderr."""
    out, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    return json.loads(out), said


def until(condition, process):
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)


def poses(record):
    return {frame.image_id: (frame.poses.scores, frame.poses.keypoints) for frame in record.good}


def test_no_frame_is_lost_with_a_worker_and_a_node(weights, tmp_path):
    shared = tmp_path / "shared"
    with ray_nodes.running(nodes=2) as nodes:
        process = started(weights, shared, "--engine", "ray", "--address", nodes.address)
        finished = lambda: len(list(shared.glob("*.shards/*.jsonl")))  # noqa: E731
        until(lambda: finished() >= 1, process)
        nodes.kill_node()
        nodes.worker("ray::Worker").kill()
        result, _ = printed(process)
    assert (result["frames"], result["mode"], result["fps_pose"]) == (LIMIT, "accuracy", None)
    assert result["verdict"]["kind"] == "unmeasured"
    (path,) = shared.glob("*.shards")
    record = shards.read(path)
    assert (record.complete, len(record.good)) == (True, LIMIT)
    printed(started(weights, tmp_path / "alone", "--limit", 8))
    (plain,) = (tmp_path / "alone").glob("*.jsonl")
    alone = poses(files.read(plain))
    assert len(alone) == 8
    assert {image: poses(record)[image] for image in alone} == alone


def test_ctrl_c_keeps_finished_shards_and_resume_measures_the_others(weights, tmp_path):
    process = started(weights, tmp_path, "--engine", "ray")
    until(lambda: list(tmp_path.glob("*.shards/*.jsonl")), process)
    process.send_signal(2)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert f"--out {tmp_path} --resume" in said
    assert not [each for each in psutil.Process().children(recursive=True) if "ray" in each.name()]
    kept = {each.name: each.read_bytes() for each in tmp_path.glob("*.shards/*.jsonl")}
    assert 0 < len(kept) < SHARDS
    result, _ = printed(started(weights, tmp_path, "--engine", "ray", "--resume"))
    assert result["frames"] == LIMIT
    now = {each.name: each.read_bytes() for each in tmp_path.glob("*.shards/*.jsonl")}
    assert len(now) == SHARDS
    assert {name: now[name] for name in kept} == kept, "nothing finished is written again"


def test_two_nodes_on_one_device_measure_its_speed_once(weights, tmp_path):
    with ray_nodes.running(nodes=2) as nodes:
        words = ("--engine", "ray", "--mode", "burst", "--address", nodes.address, "--limit", 3)
        result, _ = printed(started(weights, tmp_path, *words))
    assert (result["mode"], result["frames"]) == ("burst", 3)
    assert result["fps_pose"] > 0
    assert len(list(tmp_path.glob("*/*.jsonl"))) == 1
