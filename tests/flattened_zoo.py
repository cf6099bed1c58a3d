"""One flattened file with every model of the zoo and every card, and the poses that it finds."""

import json
import os
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from posemark.bundle.expression import expression
from posemark.bundle.flatten import flatten
from posemark.cards import built_in
from posemark.cards.model import with_artefact
from posemark.cards.reading import read
from posemark.core.model_file import Artefact
from posemark.datasets.sample import Sample
from posemark.geometry.crop import decoded
from posemark.models import all_models

SCENES = (3, 11)
"""The indices of the scenes: with three people and with two, of other sizes."""

PROGRAM = '''
import json
import sys
from hashlib import sha256

import numpy as np

from posemark.core.frame import Boxes, Frame
from posemark.core.spec import TopDown
from posemark.measure.clock import StageClock
from posemark.core.whole_image import Pass
from posemark.pipelines.topdown import CropOutputs, TopDownPipeline
from posemark.pipelines.whole_image import WholeImagePipeline


class NoNetwork:
    """A session whose outputs are never read, because the pipeline decodes perfect ones."""

    runtime, precision, device = "none", "fp32", "cpu"

    def __init__(self):
        self.inputs = []

    def prepare(self, shape):
        self.shape = shape

    def infer(self, batch):
        self.inputs.append(sha256(batch.tobytes()).hexdigest())
        return {}


def noisy(outputs):
    """Outputs with noise, the same in every version of numpy."""
    if outputs is None:
        return None
    return {name: maps + noise(maps.shape) for name, maps in outputs.items()}


def noise(shape):
    places = np.arange(np.prod(shape), dtype=np.uint32) * np.uint32(2654435761)
    shares = (places >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return (shares.reshape(shape) - np.float32(0.5)) * np.float32(0.08)


def with_noise(outputs):
    if isinstance(outputs, CropOutputs):
        return CropOutputs(noisy(outputs.plain), noisy(outputs.mirrored))
    return tuple(Pass(p.input, noisy(p.outputs), noisy(p.mirrored)) for p in outputs)


def arrays(poses):
    return [each.tolist() for each in (poses.keypoints_xy, poses.keypoint_scores, poses.scores)]


def pipeline(spec, scales, flip, session):
    if isinstance(spec.method, TopDown):
        return TopDownPipeline(spec, spec.method, session, flip, 2, False)
    return WholeImagePipeline(spec, spec.method, session, scales, flip, False)


def computed(cases, frames, images, names):
    found = []
    for spec, scales, flip in cases:
        if names and spec.name not in names:
            continue
        for image_id, size_wh, truth in frames:
            image = images[str(image_id)]
            frame = Frame(image_id, "scene", size_wh, lambda: (lambda: image), truth)
            boxes = Boxes(truth.boxes_xywh, np.ones(len(truth)))
            session = NoNetwork()
            ready = pipeline(spec, scales, flip, session)
            work = ready.prepare(frame, boxes)
            poses = ready.process(work, StageClock().lap).poses
            others = ready._decoded(with_noise(work.perfect), frame, boxes)
            found.append([spec.name, session.inputs, arrays(poses) + arrays(others)])
    return found


def main(images, out, *names):
    with open(out, "w") as file:
        json.dump(computed(CASES, FRAMES, np.load(images), names), file)


main(*sys.argv[1:])
'''


@cache
def cases():
    """Every model and card with every variant of its codec, scale set and flip test."""
    return [
        (each, scales, flip)
        for spec in specs()
        for each in variants(spec)
        for scales in getattr(spec.method, "scale_sets", ((1.0,),))
        for flip in ((False,) if spec.codec.no_flip else (False, True))
    ]


def specs():
    described = [_of_card(path) for path in built_in().values()]
    bare = {"build": dict, "convert": None, "weights": (), "artefact": None}
    return [replace(spec, **bare) for spec in (*all_models().values(), *filter(None, described))]


def _of_card(path):
    card = read(path)
    if not hasattr(card, "method"):
        return None
    size = card.fixed_hw
    file = Artefact(
        *(Path(card.file.name), "0" * 64, card.file.precision, card.input.layout),
        *(card.input.dtype, size, card.file_output),
    )
    return with_artefact(card, file)


def variants(spec):
    others = [text for text in spec.codec.cheaper if text != spec.codec.name]
    dark = ["dark:3"] if "dark:K" in spec.codec.variants else []
    return [spec, *(spec.read_as(text) for text in (*others, *dark))]


@cache
def frames():
    every = Sample(max(SCENES)).frames()
    return [every[index - 1] for index in SCENES]


def shown():
    return [(frame.image_id, frame.size_wh, frame.truth) for frame in frames()]


@cache
def source():
    """The text of the flattened file."""
    made = expression((cases(), shown()))
    return flatten(program=made.assigned("CASES, FRAMES") + PROGRAM).source


@cache
def expected():
    """What the program computes if it imports the package itself."""
    namespace = {"__name__": "program", "CASES": cases(), "FRAMES": shown()}
    exec(compile(PROGRAM.rpartition("\n\nmain(")[0], "program", "exec"), namespace)
    return namespace["computed"](cases(), shown(), images(), [])


@cache
def images():
    return {str(frame.image_id): decoded(frame.read(), frame) for frame in frames()}


@cache
def runner():
    """The text of the file with the whole program of a bundle."""
    return flatten([("posemark.bundle.runner.main", "main")]).source


WITHOUT_OPENCV = """
import runpy, sys
sys.modules["cv2"] = None  # importing it fails
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def found(python, folder, opencv=True, names=()):
    """Run the flattened file by a Python and return the poses of every case and scene.

    Args:
        python: path of the interpreter.
        folder: an empty folder.
        opencv: whether the program may import OpenCV.
        names: the models; empty for all.
    """
    file, out = folder / "flattened.py", folder / "poses.json"
    file.write_text(source(), encoding="utf-8")
    np.savez(folder / "images.npz", **images())
    way = [] if opencv else ["-c", WITHOUT_OPENCV]
    arguments = [python, "-B", *way, str(file), str(folder / "images.npz"), str(out), *names]
    # Variables of OpenBLAS choose its kernels, and with them the last bits.
    same = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(arguments, capture_output=True, text=True, env=same)
    assert ended.returncode == 0, ended.stderr
    return json.loads(out.read_text())


def require_same(found, expected):
    """Compare what another version of numpy computed.

    The inputs of the networks are equal. The poses may differ by little, because numpy and its BLAS
    choose their instructions by version and processor.
    """
    assert len(found) == len(expected)
    for (name, digests, ours), (other, same, theirs) in zip(found, expected, strict=True):
        assert (name, digests) == (other, same)
        for one, two in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-3, err_msg=name)
