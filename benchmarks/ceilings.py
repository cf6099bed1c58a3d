"""Codec ceilings: the AP of perfect network outputs through every decoder, as a Markdown table.

No network runs. For every top-down input size each decoder is tried under the box convention of a
family that uses it. Bottom-up models are tried at one and at three scales. The flip test is off.

    python benchmarks/ceilings.py sample
    python benchmarks/ceilings.py coco:DIR
"""

import sys
from itertools import islice

from posemark.core.frame import Boxes
from posemark.core.skeleton import COCO_17
from posemark.core.spec import ONE_SCALE
from posemark.datasets import open_dataset
from posemark.datasets.boxes import open_boxes
from posemark.geometry.conventions import HRNET
from posemark.models import spec_of
from posemark.pipelines.build import Processing, pipeline_of
from posemark.run.codec_ceiling import CEILING_IMAGES
from posemark.score.coco import evaluate, truth_json

TOP_DOWN = ("hrnet-w32-256x192", "hrnet-w48-384x288", "dark-w32-256x192", "dark-w48-384x288")
DECODERS = ("argmax", "quarter", "dark:11")
BOTTOM_UP = ("higherhrnet-w32-512", "dekr-w32-512", "dekr-w48-640", "openpose-body25")


def pipelines():
    """Yield (model, map size, decoder, pipeline) of every row."""
    for name in TOP_DOWN:
        spec = spec_of(name)
        width, height = spec.method.output_wh(spec.input_wh)
        for decoder in DECODERS:
            read = spec.read_as(decoder)
            line = pipeline_of(read, None, Processing(trained=False))
            yield name, f"{height}x{width}", decoder, line
    for name in BOTTOM_UP:
        spec = spec_of(name)
        for scales in spec.method.scale_sets:
            line = pipeline_of(spec, None, Processing(scales=scales, trained=False))
            kind = "one scale" if scales == ONE_SCALE else "three scales"
            yield name, f"stride {spec.outputs[0].stride}", f"{spec.codec.name}, {kind}", line


def main(data):
    dataset = open_dataset(data)
    frames = dataset.frames()
    print("| model | maps | decoder | AP | AP75 | APM | APL |")
    print("| :--- | :--- | :--- | ---: | ---: | ---: | ---: |")
    for model, maps, decoder, line in pipelines():
        convention = spec_of(model).convention or HRNET
        source = open_boxes("gt", convention, 0, dataset.name, frames)
        posed = ((f, b) for f, b in ((f, source.of(f)) for f in frames) if len(b))
        chosen: list[tuple[object, Boxes]] = list(islice(posed, CEILING_IMAGES))
        ap = evaluate(
            truth_json(f for f, _ in chosen),
            [r for f, b in chosen for r in results(f, line.perfect(f, b))],
            [f.image_id for f, _ in chosen],
            COCO_17.sigmas,
        )
        shown = " | ".join(f"{100 * ap[k]:.1f}" for k in ("AP", "AP75", "APM", "APL"))
        print(f"| {model} | {maps} | {decoder} | {shown} |", flush=True)


def results(frame, poses):
    """Yield a frame's poses in COCO's results format."""
    for xy, joint_scores, score in zip(
        poses.keypoints_xy, poses.keypoint_scores, poses.scores, strict=True
    ):
        keypoints = [v for (x, y), s in zip(xy, joint_scores, strict=True) for v in (x, y, s)]
        yield {
            "image_id": frame.image_id,
            "category_id": 1,
            "keypoints": [float(v) for v in keypoints],
            "score": float(score),
        }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
