"""A whole frame with five people, compared with the official code, for all entries of the post.

The official code's milliseconds are those of `OFFICIAL` (image decoded; torch 2.13 eager, one crop
after the other, 2 threads of an AMD Zen 5, on which a 2048 x 2048 x 2048 float32 matrix product
took 88 ms). Because processors differ, they are converted to this machine in two ways: by that
product ("sentinel"), and by eager torch itself on the official HRNet-w32, which runs the same
operations in the same library ("eager"; 87.2 ms per person there).

Each round times one frame of every setting, one after the other: eager torch in float32 (serial,
as the official code), OpenVINO in float32 and in bfloat16, with one crop per forward pass and with
up to 8. The frame is a built-in scene at 640 x 480, decoded before the clock starts. Networks have
formula weights; the decoder reads perfect maps. OKS compares a setting's poses with those of eager
float32: on the network's own outputs (noise), and on perfect maps to which the setting's deviation
is added, scaled to each channel's largest value ("coded"). It takes half an hour.

    python benchmarks/official.py [--only WORD] [--seconds N]
"""

import argparse
import time
from dataclasses import dataclass, field, replace
from statistics import median

import cv2
import numpy as np

from posemark.core.frame import Frame, Truth
from posemark.core.skeleton import COCO_17
from posemark.core.whole_image import Pass
from posemark.datasets.sample import Sample
from posemark.measure.environment import usable_cores
from posemark.pipelines.whole_image import WholeImagePipeline
from posemark.run.build import build_estimator
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.score.agreement import agreement

PEOPLE = 5
SIZE_WH = (640, 480)
SENTINEL_MS, EAGER_MS = 88.0, 87.2
"""Milliseconds on the machine of OFFICIAL."""

# Letters, entry, milliseconds of the official code with five people: pre, network, post.
OFFICIAL = (
    ("a b", "hrnet-w32-256x192@gt", 436),
    ("c d", "hrnet-w48-384x288@gt", 1191),
    ("e f", "fpd-w32-256x192@gt", 497),
    ("g h", "dark-w32-256x192@gt", 429),
    ("i j", "dark-w48-384x288@gt", 1288),
    ("k l", "transpose-r-a3-256x192@gt", 355),
    ("m n", "transpose-h-a6-256x192@gt", 1584),
    ("o p", "naive-litehrnet-18-256x192@gt", 204),
    ("q r", "litehrnet-18-256x192@gt", 237),
    ("s", "openpose-body25", 781),
    ("t", "higherhrnet-w32-512", 757),
    ("u", "higherhrnet-w32-512@multi", 4309),
    ("v", "dekr-w32-512", 1798),
    ("w", "dekr-w32-512@multi", 9802),
    ("x", "dekr-w48-640", 3427),
    ("y", "dekr-w48-640@multi", 18791),
)

EAGER = {"runtime": "torch", "precision": "fp32"}
BATCHED = {"persons": "batched"}
SETTINGS = {
    "fp32": {"runtime": "openvino", "precision": "fp32"},
    "fp32 batched": {"runtime": "openvino", "precision": "fp32", **BATCHED},
    "bf16": {"runtime": "openvino", "precision": "bf16"},
    "bf16 batched": {"runtime": "openvino", "precision": "bf16", **BATCHED},
}


@dataclass
class Lane:
    """A setting under measurement; `times_ms` are the milliseconds of its rounds."""

    name: str
    pipeline: object
    work: object
    times_ms: list[float] = field(default_factory=list)

    def run(self):
        begin = 0

        def lap(stage):
            nonlocal begin
            if stage == "detect":
                begin = time.perf_counter_ns()

        self.pipeline.process(self.work, lap)
        self.times_ms.append((time.perf_counter_ns() - begin) / 1e6)


# ------------------------------------------------------------------------------------ frame


def five_people():
    """Return a built-in scene with five people, at the size of the official measurement."""
    scene = next(f for f in Sample(300).frames() if len(f.truth) == PEOPLE)
    picture = cv2.imdecode(np.frombuffer(scene.read(), np.uint8), cv2.IMREAD_COLOR)
    encoded = cv2.imencode(".png", cv2.resize(picture, SIZE_WH))[1].tobytes()
    by = np.divide(SIZE_WH, scene.size_wh)
    truth = Truth(
        scene.truth.keypoints_xyv * [*by, 1],
        scene.truth.boxes_xywh * [*by, *by],
        scene.truth.areas * by.prod(),
        scene.truth.is_crowd,
        COCO_17,
    )
    return Frame(scene.image_id, scene.name, SIZE_WH, lambda: encoded, truth)


# ------------------------------------------------------------------------------------ lanes


def opened(entry, frame, name, changes):
    (job,) = plan([entry], Options("sample", usable_cores(), **changes))
    prepared = prepare_job(job, Sample(1), [frame])
    pipeline = build_estimator(prepared).pipeline
    return Lane(name, pipeline, pipeline.prepare(frame, prepared.boxes.of(frame)))


def lanes_of(entry, frame):
    """Return the lanes, eager torch first; those that differ only in batching share a session.

    Bottom-up models have no batched lanes: batching changes nothing for them.
    """
    eager = opened(entry, frame, "eager", EAGER)
    lanes, sessions = [eager], {}
    for name, changes in SETTINGS.items():
        batched = "persons" in changes
        if batched and isinstance(eager.pipeline, WholeImagePipeline):
            continue
        if not batched:
            lanes.append(opened(entry, frame, name, changes))
            sessions[changes["precision"]] = lanes[-1].pipeline.session
            continue
        pipeline = replace(eager.pipeline, session=sessions[changes["precision"]], most=8)
        work = pipeline.prepare(frame, eager.work.boxes)
        lanes.append(Lane(name, pipeline, work))
    return lanes


class Coded:
    """A session whose outputs are perfect plus the deviation of a session from the reference."""

    runtime, precision, device = "coded", "", "cpu"

    def __init__(self, perfect, reference, other):
        self._perfect, self._reference, self._other = iter(perfect), reference, other

    def prepare(self, shape):
        self._reference.prepare(shape)
        self._other.prepare(shape)

    def infer(self, batch):
        expected, actual = self._reference.infer(batch), self._other.infer(batch)
        return {
            name: maps + deviation(maps, expected[name], actual[name])
            for name, maps in next(self._perfect).items()
        }


def deviation(perfect, expected, actual):
    """Return `actual - expected`, with each channel scaled to the perfect maps."""
    sizes = [np.abs(maps).max((-2, -1), keepdims=True) for maps in (perfect, expected)]
    return (actual - expected) * sizes[0] / np.maximum(sizes[1], 1e-12)


def perfect_outputs(pipeline, work):
    """Return a perfect network's outputs by forward pass, with all people in one pass."""
    if isinstance(pipeline, WholeImagePipeline):
        return [one.outputs for one in work.perfect if isinstance(one, Pass)]
    return [work.perfect.plain]


def on_coded(eager, lane):
    """Return poses from perfect maps with the lane's deviation."""
    whole = {} if isinstance(eager.pipeline, WholeImagePipeline) else {"most": PEOPLE}
    session = Coded(
        perfect_outputs(eager.pipeline, eager.work), eager.pipeline.session, lane.pipeline.session
    )
    return image_poses(replace(eager.pipeline, session=session, **whole), eager.work)


def image_poses(pipeline, work):
    image = cv2.imdecode(np.frombuffer(work.encoded, np.uint8), cv2.IMREAD_COLOR)
    return pipeline.poses(image, work.boxes)


def alike(eager, lane):
    """Return OKS with eager float32 on own and on coded outputs; None without people."""
    own = image_poses(eager.pipeline, eager.work), image_poses(lane.pipeline, eager.work)
    coded = on_coded(eager, eager), on_coded(eager, lane)
    return [agreement([pair]) for pair in (own, coded)]


# ------------------------------------------------------------------------------------ clock


def sentinel():
    """Return the milliseconds of the matrix product, with the threads of the sessions."""
    import torch

    left = torch.ones(2048, 2048)
    begin = time.perf_counter_ns()
    torch.mm(left, left)
    return (time.perf_counter_ns() - begin) / 1e6


def measured(entry, seconds):
    """Return the lanes with their times, and the times of the sentinel."""
    lanes, products = lanes_of(entry, five_people()), []
    for lane in lanes:
        lane.run()
        lane.times_ms.clear()
    until = time.monotonic() + seconds
    while len(lanes[0].times_ms) < 3 or time.monotonic() < until:
        products.append(sentinel())
        for lane in lanes:
            lane.run()
    return lanes, median(products)


def ratio(lanes, lane):
    """Return the gain over eager torch by round: the median and the middle 80 %."""
    gains = np.divide(lanes[0].times_ms, lane.times_ms)
    low, middle, high = np.quantile(gains, (0.1, 0.5, 0.9))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def fastest(lanes, precision):
    return min((x for x in lanes if precision in x.name), key=lambda x: median(x.times_ms))


def row(letters, entry, official_ms, lanes, product, eager_scale):
    eager, exact, best = lanes[0], fastest(lanes, "fp32"), fastest(lanes[1:], "")
    here = official_ms * eager_scale, official_ms * product / SENTINEL_MS
    cells = [letters, entry, f"{official_ms}", "{:.0f}, {:.0f}".format(*here)]
    cells += [f"{median(eager.times_ms):.0f}"]
    for lane in (exact, best):
        ms = median(lane.times_ms)
        gains = [f"{official / ms:.1f}" for official in here]
        alike_as = [figure(value) for value in alike(eager, lane)]
        cells += [f"{lane.name}: {ms:.0f}", ", ".join(gains), ratio(lanes, lane)]
        cells += [", ".join(alike_as)]
    return "| " + " | ".join(cells) + " |"


def figure(value):
    return "nobody" if value is None else f"{value:.4f}"


SETTING = ("x official", "x own eager", "OKS own, coded")
HEAD = (
    *("", "entry", "official ms, there", "here, by eager, sentinel", "own eager ms"),
    *("fp32 ms", *SETTING, "best ms", *SETTING),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="entries that contain this word")
    parser.add_argument("--seconds", type=float, default=25, help="an entry; three rounds at least")
    given = parser.parse_args()
    lanes, product = measured("hrnet-w32-256x192@gt", given.seconds)
    person_ms = median(lanes[0].times_ms) / PEOPLE
    scale = person_ms / EAGER_MS
    print(f"sentinel {product:.1f} ms (there {SENTINEL_MS}): scale {product / SENTINEL_MS:.2f}")
    print(f"eager HRNet-w32 {person_ms:.1f} ms a person (there {EAGER_MS}): scale {scale:.2f}\n")
    print("| " + " | ".join(HEAD) + " |")
    print("| :--- | :--- |" + " ---: |" * (len(HEAD) - 2))
    for letters, entry, official_ms in OFFICIAL:
        if given.only in entry:
            lanes, product = measured(entry, given.seconds)
            print(row(letters, entry, official_ms, lanes, product, scale), flush=True)


if __name__ == "__main__":
    main()
