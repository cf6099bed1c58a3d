"""Rows as a suite gives them: speeds as on a 2-core CPU, AP mostly published only."""

from dataclasses import replace
from zlib import crc32

import numpy as np

from posemark.core.skeleton import COCO_17
from posemark.measure.latency import histogram, percentiles
from posemark.report.result_row import Published, Row, Verdict
from posemark.score.people_groups import FEWEST_PEOPLE, PeopleGroup

MACHINE = "AMD EPYC 9V74, 2 cores, Linux 6.8"
DATA = "coco-val2017"
OFFICIAL = "detected, person AP 56.4"

# model, family, (h, w), published AP with detected boxes, ms of the network per person
MODELS = (
    ("hrnet-w32-256x192", "HRNet", (256, 192), 0.744, 62.4),
    ("hrnet-w48-384x288", "HRNet", (384, 288), 0.763, 214.0),
    ("fpd-w32-256x192", "FPD", (256, 192), 0.751, 62.9),
    ("darkpose-w32-256x192", "DarkPose", (256, 192), 0.756, 62.1),
    ("darkpose-w48-384x288", "DarkPose", (384, 288), 0.768, 216.0),
    ("naive-lite-hrnet-18-256x192", "Lite-HRNet", (256, 192), 0.627, 11.2),
    ("lite-hrnet-18-256x192", "Lite-HRNet", (256, 192), 0.648, 13.8),
)
PEOPLE = {"gt": 2.36, "detected": 3.02}
LETTERS = {"gt": "acegikm", "detected": "bdfhjln"}


def row(model=MODELS[0], boxes="detected", letter="b", **changes):
    """Return one row; keyword arguments replace its fields."""
    name, family, input_hw, published, network_ms = model
    people = PEOPLE[boxes]
    stage_ms = {
        "decode": 4.31,
        "detect": 0.0,
        "preprocess": 0.31 * people,
        "infer": network_ms * people,
        "postprocess": (0.8 if family == "DarkPose" else 0.12) * people,
    }
    pose_ms = stage_ms["preprocess"] + stage_ms["infer"] + stage_ms["postprocess"]
    made = Row(
        entry=f"{name}@{boxes}",
        letter=letter,
        model=name,
        weights="none",
        runtime="onnxruntime",
        precision="fp32",
        boxes="gt" if boxes == "gt" else "simulated",
        frames=500,
        persons=round(500 * people),
        fps_pose=1000 / pose_ms,
        fps_pipeline=1000 / (pose_ms + stage_ms["decode"]),
        stage_ms=stage_ms,
        ap=None,
        ap_published=Published(published, OFFICIAL, flip=True, source=f"{family} README")
        if boxes == "detected"
        else None,
        codec_ceiling=0.981 if family == "DarkPose" else 0.962,
        family=family,
        input_hw=input_hw,
        licence="MIT" if family != "Lite-HRNet" else "Apache-2.0",
        codec="heatmap-dark" if family == "DarkPose" else "heatmap-quarter",
        data=DATA,
        threads=2,
        parameters=28_535_552,
        macs=7_100_000_000,
        machine=MACHINE,
    )
    return timed(replace(made, **changes), changes)


# Verdicts of runs: the half width of the interval, and the decisive sentence.
KINDS = {
    "valid": (0.021, "interval ±2.1% over 42 blocks"),
    "noisy": (0.083, "interval ±8.3% over 42 blocks (limit 5%)"),
    "drifting": (
        0.034,
        "frames took 6.2% longer in the last third of the blocks than in the first",
    ),
    "contended": (0.047, "other processes took 23% of the machine (limit 5%)"),
    "throttled": (0.039, "the machine counted 14 throttle events"),
    "incomparable": (0.021, "resumed in another environment: cores was 2, is 4"),
}
FINE = (
    "sentinel 8.71 ms, p90 4.1% above its median over 42 blocks",
    "other processes took 0.8% of the machine",
    "this platform does not report: clock, temperature, throttle events",
)
FINGERPRINT = {
    "images": "5f2c9a7d10b3e846",
    "data": "c1a3b5d7e9f02468",
    "boxes": "0d1e2f3a4b5c6d7e",
    "sigmas": "77aa01bc34de56f0",
    "protocol": "2",
}


def timed(row, changes=None, kind="valid", blocks=42):
    """Return a row with the verdict of its blocks; the fields of `changes` stay as given."""
    chance = np.random.default_rng(crc32(row.entry.encode()))
    fields = {
        "most_people": _most_people(row),
        "blocks": blocks,
        "verdict": Verdict(kind, (KINDS[kind][1], *FINE)),
        "weights_bytes": 4 * row.parameters,
        "peak_memory": 900_000_000 + 6 * row.parameters,
        "energy_mj": {"package": 31.0 * sum(row.stage_ms.values())},
        "images": FINGERPRINT["images"] if row.ap else "",
        "fingerprint": FINGERPRINT
        | {"decoder": f"{row.codec} v1", "precision": row.precision}
        | {"weights": "formula-1" if row.weights == "none" else "9f8e7d6c5b4a3021"},
        "started": "2026-03-01T09:30:00+00:00",
    }
    if row.fps_pose:
        fields |= _speeds(row, chance, KINDS[kind][0], blocks)
    if row.ap and row.ap["AP"] is not None:
        fields |= _accuracy(row, chance)
    return replace(row, **(fields | (changes or {})))


def _most_people(row):
    return 41 if row.persons > 10 * row.frames else 13 if row.boxes != "none" else 9


def _speeds(row, chance, half_width, blocks):
    spread = 0.08 if row.approach == "bottom-up" else 0.4
    factors = chance.lognormal(-(spread**2) / 2, spread, row.frames)
    factors[chance.random(row.frames) < 0.02] *= 2.1
    frame_ns = (factors * sum(row.stage_ms.values()) * 1e6).astype(int).tolist()
    points = min(60, blocks)
    around = 1 + chance.normal(0, 0.4 * half_width, (2, points))
    seconds = np.arange(points) * 12.5
    speeds = np.stack([seconds, row.fps_pose * around[0], 8.71 * around[1]], 1)
    return {
        "fps_interval": (row.fps_pose * (1 - 0.9 * half_width), row.fps_pose * (1 + half_width)),
        "latency_ms": percentiles(frame_ns),
        "histogram": histogram(frame_ns),
        "timeline": tuple(map(tuple, speeds.round(4).tolist())),
        "sustainable_fps": 0.8 * row.fps_pipeline,
    }


IMAGES_OWE = np.random.default_rng(0).normal(0, 0.013, 40)
"""Return the part of every AP that depends on the choice of images, for each draw."""


def _accuracy(row, chance):
    ap, published = row.ap["AP"], row.ap_published
    easy = (0.95, *[0.93] * 4, *[0.9] * 2, *[0.85] * 2, *[0.81] * 2, *[0.86] * 2, *[0.84] * 2)
    parts = np.clip(np.array([*easy, 0.8, 0.8]) + chance.normal(0, 0.01, 17) + ap - 0.75, 0, 1)
    return {
        "keypoint_accuracy": dict(zip(COCO_17.keypoints, parts.round(4).tolist(), strict=True)),
        "ap_interval": (ap - 0.028, ap + 0.027),
        "ap_draws": tuple((ap + IMAGES_OWE + chance.normal(0, 0.004, len(IMAGES_OWE))).tolist()),
        "ap_images": row.frames,
        "people_groups": _people_groups(ap),
        "expected": _no_reference(published, row.frames) if published else "",
    }


def _people_groups(ap):
    """Return groups of people: nobody is small, and few are much hidden."""
    groups = (
        *(("size", "small", 0, 0), ("size", "medium", 1500, -0.03), ("size", "large", 800, 0.06)),
        *(("overlap", "no overlap", 740, 0.04), ("overlap", "some overlap", 1030, 0.0)),
        *(("overlap", "much overlap", 530, -0.05), ("hidden", "nothing hidden", 1300, 0.05)),
        *(("hidden", "some hidden", 980, 0.01), ("hidden", "much hidden", 20, 0)),
    )
    return tuple(
        PeopleGroup(by, name, people, ap + off if people >= FEWEST_PEOPLE else None)
        for by, name, people, off in groups
    )


def _no_reference(published, frames):
    why = f"it is over 5,000 images of val2017, this over {frames:,}"
    return f"published {100 * published.AP:.1f} is no reference: {why}"


def judged(row, kind, **changes):
    """Return the row with another verdict and a matching interval."""
    return timed(row, changes, kind)


def short(row):
    """Return the row after a budget that allowed three blocks."""
    verdict = Verdict("noisy", ("only 3 blocks (5 are needed for an interval)", *FINE))
    return timed(row, {"fps_interval": None, "verdict": verdict}, blocks=3)


def paced(row, camera_fps):
    """Return the row of a run with a camera of this rate, in frames per second."""
    dropped = max(0.0, 1 - row.fps_pipeline / camera_fps)
    changes = {"mode": "paced", "camera_fps": camera_fps, "dropped_share": dropped}
    waited = {name: ms + 900 / camera_fps for name, ms in row.latency_ms.items()}
    return replace(row, latency_ms=waited, notes=("the camera dropped frames",), **changes)


def suite():
    """Return 14 rows without a measured AP: seven models with both kinds of boxes."""
    return [
        row(model, boxes, LETTERS[boxes][index])
        for index, model in enumerate(MODELS)
        for boxes in ("gt", "detected")
    ]


def measured(model=MODELS[0], boxes="detected", ap=0.733, **changes):
    """Return a row with real weights and a measured AP."""
    scores = {"AP": ap, "AP50": 0.9, "AP75": ap + 0.08, "APM": ap - 0.03, "APL": ap + 0.06}
    letter = LETTERS[boxes][MODELS.index(model)]
    real = {"weights": "coco", "ap": scores | {"AR": ap + 0.05}}
    return row(model, boxes, **({"letter": letter} | real | changes))


def mixed():
    """Return 18 rows: the suite and four rows with a measured AP."""
    return [
        *suite(),
        measured(MODELS[0], "gt", 0.7552),
        measured(MODELS[0], "detected", 0.7331),
        measured(MODELS[6], "gt", 0.6618),
        measured(MODELS[6], "detected", 0.6391),
    ]


# The 25 entries of the blog post: letters, model, family, ms of the network per person,
# published AP on detected and on annotated boxes.
TOP_DOWN = (
    ("ab", "hrnet-w32-256x192", "HRNet", 142.0, 0.744, 0.765),
    ("cd", "hrnet-w48-384x288", "HRNet", 611.0, 0.763, None),
    ("ef", "fpd-w32-256x192", "FPD", 143.0, 0.751, None),
    ("gh", "dark-w32-256x192", "DarkPose", 141.0, 0.756, None),
    ("ij", "dark-w48-384x288", "DarkPose", 618.0, 0.768, None),
    ("kl", "transpose-r-a3-256x192", "TransPose", 181.0, 0.717, 0.738),
    ("mn", "transpose-h-a6-256x192", "TransPose", 402.0, 0.758, 0.781),
    ("op", "naive-litehrnet-18-256x192", "Lite-HRNet", 45.1, 0.627, None),
    ("qr", "litehrnet-18-256x192", "Lite-HRNet", 52.3, 0.648, None),
)
# ... ms per frame and ms per person, published AP at one scale or at three.
BOTTOM_UP = (
    ("s", "openpose-body25", "OpenPose", (1.0,), 1900.0, 3.1, 0.486),
    ("t", "higherhrnet-w32-512", "HigherHRNet", (1.0,), 1060.0, 9.4, 0.671),
    ("u", "higherhrnet-w32-512", "HigherHRNet", (0.5, 1.0, 2.0), 5660.0, 9.9, 0.699),
    ("v", "dekr-w32-512", "DEKR", (1.0,), 990.0, 4.2, 0.680),
    ("w", "dekr-w32-512", "DEKR", (0.5, 1.0, 2.0), 5230.0, 21.0, 0.707),
    ("x", "dekr-w48-640", "DEKR", (1.0,), 2870.0, 5.3, 0.710),
    ("y", "dekr-w48-640", "DEKR", (0.5, 1.0, 2.0), 14700.0, 26.0, 0.723),
)
POST_PEOPLE = {"detected": 20.8, "gt": 2.31, "none": 2.05}
POST_BOXES = {"detected": "file:val2017_person_bbox.json", "gt": "gt", "none": "none"}


def top_down(number, boxes, **changes):
    """Return a top-down entry of the post."""
    letters, model, family, network_ms, *published = TOP_DOWN[number]
    at = ("detected", "gt").index(boxes)
    figure, setting = published[at], ("detected (person AP 56.4)", "gt")[at]
    postprocess = 1.1 if family in ("DarkPose", "TransPose") else 0.14
    fields = {
        "entry": f"{model}@{boxes}",
        "letter": letters[at],
        "ap_published": figure and Published(figure, setting, True, f"{family} README"),
        "family": family,
    }
    a_person = {"preprocess": 0.4, "infer": network_ms, "postprocess": postprocess}
    return _entry(model, boxes, 0.3, a_person, fields | changes)


def bottom_up(number, **changes):
    """Return a bottom-up entry of the post."""
    letter, model, family, scales, base_ms, a_person, published = BOTTOM_UP[number]
    variant = "single" if scales == (1.0,) else "multi"
    fields = {
        "entry": f"{model}@{variant}",
        "letter": letter,
        "ap_published": Published(published, variant, True, f"{family} README"),
        "family": family,
        "approach": "bottom-up",
        "scales": scales,
    }
    return _entry(model, "none", base_ms, {"postprocess": a_person}, fields | changes)


def _entry(model, boxes, base_ms, person_ms, fields):
    people = POST_PEOPLE[boxes]
    stage_ms = {"decode": 8.2, "detect": 0.0, "preprocess": 0.0, "infer": base_ms}
    for stage, ms in person_ms.items():
        stage_ms[stage] = stage_ms.get(stage, 0.0) + people * ms
    total = sum(stage_ms.values())
    made = {
        "model": model,
        "boxes": POST_BOXES[boxes],
        "frames": 60,
        "persons": round(60 * people),
        "fps_pose": 1000 / (total - 8.2),
        "fps_pipeline": 1000 / total,
        "stage_ms": stage_ms,
        "intercept_ms": base_ms,
        "ms_per_person": sum(person_ms.values()),
        "machine": "Intel Xeon, 2 cores",
        "runtime": "torch",
    }
    return timed(replace(row(), **(made | fields)), made | fields)


# Letters of seed() whose speed is not reliable; y has too few blocks for an interval.
NOT_VALID = {"d": "noisy", "h": "contended", "j": "drifting", "s": "throttled", "w": "noisy"}


def seed():
    """Return the blog post's 25 entries, a to y, with formula weights and published APs."""
    pairs = [
        top_down(number, boxes) for number in range(len(TOP_DOWN)) for boxes in ("detected", "gt")
    ]
    rows = [*pairs, *(bottom_up(number) for number in range(len(BOTTOM_UP)))]
    rows = [judged(row, NOT_VALID.get(row.letter, "valid")) for row in rows]
    return [short(row) if row.letter == "y" else row for row in rows]


def scored(row, ap):
    """Return the row with real weights and a measured AP."""
    scores = {"AP": ap, "AP50": 0.9, "AP75": ap + 0.08, "APM": ap - 0.03, "APL": ap + 0.06}
    row = replace(row, weights="official", ap=scores | {"AR": ap + 0.05})
    return timed(row, {"verdict": row.verdict, "fps_interval": row.fps_interval})


def seed_measured():
    """Return the 25 entries, 12 of them with a measured AP."""
    aps = {"a": 0.733, "b": 0.755, "d": 0.781, "k": 0.706, "l": 0.728, "m": 0.747, "n": 0.769}
    aps |= {"q": 0.637, "r": 0.659, "t": 0.659, "v": 0.669, "w": 0.698}
    return [scored(each, aps[each.letter]) if each.letter in aps else each for each in seed()]


def on_another_machine(rows):
    """Return the rows as measured on a machine three times as fast, with the same data."""
    return [
        timed(
            replace(
                row,
                machine="Apple M4, 10 cores",
                fps_pose=row.fps_pose and 3 * row.fps_pose,
                fps_pipeline=row.fps_pipeline and 3 * row.fps_pipeline,
                stage_ms={stage: ms / 3 for stage, ms in row.stage_ms.items()},
            )
        )
        for row in rows
    ]
