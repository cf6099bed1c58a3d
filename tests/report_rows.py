"""Rows as a suite gives them: speeds as on a 2-core CPU, AP mostly published only."""

from dataclasses import replace

from posemark.report.rows import Published, Row

MACHINE = "AMD EPYC 9V74, 2 cores, Linux 6.8"
DATA = "coco-val2017"
OFFICIAL = "detected, person AP 56.4"

# model, family, (h, w), published AP with detected boxes, ms of the network a person
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
    """One row; keyword arguments replace its fields."""
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
    return replace(made, **changes)


def suite():
    """Seven models with both kinds of boxes, weights by formula: 14 rows, none measured."""
    return [
        row(model, boxes, LETTERS[boxes][index])
        for index, model in enumerate(MODELS)
        for boxes in ("gt", "detected")
    ]


def measured(model=MODELS[0], boxes="detected", ap=0.733, **changes):
    """A row with real weights and an AP of its own run."""
    scores = {"AP": ap, "AP50": 0.9, "AP75": ap + 0.08, "APM": ap - 0.03, "APL": ap + 0.06}
    letter = LETTERS[boxes][MODELS.index(model)]
    real = {"weights": "coco", "ap": scores | {"AR": ap + 0.05}}
    return row(model, boxes, **({"letter": letter} | real | changes))


def mixed():
    """The suite and four rows with a measured AP: 18 rows."""
    return [
        *suite(),
        measured(MODELS[0], "gt", 0.7552),
        measured(MODELS[0], "detected", 0.7331),
        measured(MODELS[6], "gt", 0.6618),
        measured(MODELS[6], "detected", 0.6391),
    ]
