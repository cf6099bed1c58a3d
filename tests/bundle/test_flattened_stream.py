"""A detector, followed and smoothed people and the run loop, flattened and as they are."""

import json
import subprocess
import sys

import pytest

from posemark.bundle.flatten import flatten

PROGRAM = '''
import json
import sys
from types import SimpleNamespace

import numpy as np

from posemark.core.errors import FrameError
from posemark.core.frame import NOBODY, Boxes, Moment, Poses
from posemark.core.skeleton import COCO_17
from posemark.core.spec import IMAGENET
from posemark.detectors.box_rows import BoxRows
from posemark.detectors.network import BoxNetwork, NetworkDetector
from posemark.detectors.people import DetectedPeople
from posemark.geometry.letterbox import Letterbox
from posemark.measure.loop import run_block, warm_up
from posemark.pipelines.follow import Follower, Tracked
from posemark.pipelines.people import GIVEN
from posemark.pipelines.smoothed import Smoothed
from posemark.tracking.tracker import Tracker

IMAGE = (np.arange(120 * 160 * 3) % 251).astype(np.uint8).reshape(120, 160, 3)


class Session:
    """Returns rows of boxes that follow from the mean of the input."""

    def __init__(self, rows):
        self.rows = rows
        self.calls = 0

    def prepare(self, shape):
        self.shape = shape

    def infer(self, batch):
        self.calls += 1
        return {"rows": (self.rows + np.float32(batch[0, 0, 0, 0] * 0)).astype(np.float32)[None]}


def rows_of_grid():
    cells = np.zeros(((8 * 8) + (4 * 4), 7), np.float32)
    cells[10] = (0.5, 0.5, 1.0, 1.5, 0.9, 0.8, 0.1)
    cells[11] = (-0.4, 0.5, 1.0, 1.5, 0.9, 0.7, 0.1)
    cells[70] = (0.1, 0.2, 0.4, 0.3, 0.9, 0.9, 0.1)
    return cells


def detectors():
    grid = BoxRows("grid", 2, 0, (8, 16), 0.5, 0.2, 5)
    corners = BoxRows("corners", 1, least=0.1)
    pairs = (
        (grid, rows_of_grid()),
        (corners, np.array([[4, 5, 40, 60, 0.9], [9, 9, 9, 9, 0.5], [20, 2, 50, 40, 0.05]])),
    )
    artefact = SimpleNamespace(output=SimpleNamespace(name="rows"), path=None)
    for rows, output in pairs:
        letterbox = Letterbox((64, 64), "nearest", IMAGENET)
        network = BoxNetwork("toy", artefact, letterbox, rows)
        yield NetworkDetector(network, Session(output))


def poses(shift):
    points = np.array([[[10 + 3 * k, 20 + 5 * k] for k in range(17)]] * 2, np.float64)
    points += np.array([0, 60])[:, None, None] + shift
    return Poses(points, np.full((2, 17), 0.8), np.array([0.9, 0.7]), COCO_17)


def followed():
    found = []
    detector = DetectedPeople(next(detectors()), 0.1, 3)
    for people in (
        Follower(detector, 3),
        Smoothed(Tracked(GIVEN, Tracker())),
    ):
        for index in range(6):
            moment = Moment(0, index, index / 30)
            boxes = people.find(IMAGE, NOBODY, moment)
            seen = people.saw(boxes, poses(index * 1.5), moment)
            found.append([boxes.boxes_xywh.tolist(), boxes.scores.tolist(), boxes.origin])
            found.append([seen.keypoints_xy.tolist(), seen.ids.tolist()])
    return found


def timed():
    def process(work, lap):
        lap("decode")
        if work == 2:
            raise FrameError("frame 2 is damaged")
        lap("infer")
        return work * 2

    assert warm_up(1, process) > 0
    block = list(run_block(iter(range(4)), lambda frame: frame, process, 60.0))
    assert all(each.frame_ns > 0 for _, _, each in block if each.error is None)
    return [[frame, work, t.found, t.error, sorted(t.stages)] for frame, work, t in block]


def computed():
    boxes = [each.detect(IMAGE) for each in detectors()]
    listed = [[b.boxes_xywh.tolist(), b.scores.tolist(), repr(b)] for b in boxes]
    return [listed, followed(), timed()]
'''


@pytest.fixture(scope="module")
def expected():
    namespace = {"__name__": "program"}
    exec(compile(PROGRAM, "program", "exec"), namespace)
    found = namespace["computed"]()
    (grid, _, _), (corners, _, _) = found[0]
    assert (len(grid), len(corners)) == (2, 1)
    assert {row[2] for row in found[1] if len(row) == 3} == {"detected", "followed", "given"}
    assert [row[3] for row in found[2]] == [None, None, "frame 2 is damaged", None]
    return json.loads(json.dumps(found))


def test_people_who_are_detected_followed_and_smoothed_are_the_same(expected, tmp_path):
    file = tmp_path / "flattened.py"
    program = f"{PROGRAM}\n\njson.dump(computed(), sys.stdout)\n"
    file.write_text(flatten(program=program).source, encoding="utf-8")
    ended = subprocess.run([sys.executable, str(file)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == expected
