"""The PAF decoder on real networks: AP of two trained OpenPose-like models and references.

Runs Lightweight OpenPose (int8) and tf-pose (MobileNetV2-small) through OpenVINO on a COCO
folder, decodes the same outputs by both builds of posemark.codecs.paf, and prints AP and AR. The
exit status is 1 if an AP is more than half a point below its reference for the 600 images of
../shared/coco. The GPU reference groups as the GPU build does, but on maps enlarged as in the CPU
build ("paf:gpu on cpu maps"); on these maps tf-pose equals it. It takes two minutes on two cores.
OpenVINO is not a dependency of PoseMark: `pip install openvino` first.

    python benchmarks/paf_real_weights.py ../shared/coco [--weights ../shared/weights]
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from posemark.codecs import paf
from posemark.core.frame import Floats, Frame
from posemark.core.whole_image import Pass, ScaledInput
from posemark.datasets.coco import Coco
from posemark.geometry.crop import Image, image_of
from posemark.score.coco import evaluate, truth_json

HEIGHT = 368


class GpuOnCpuMaps(paf.Paf):
    """Groups as the GPU build does, on maps enlarged as in the CPU build."""

    def people(self, passes: Sequence[Pass]) -> tuple[Floats, Floats]:
        surface = paf.Surface.of(passes, self.layout, "cpu")
        offset = 0.5 * float(passes[0].input.affine[0, 0])
        peaks = paf.find_peaks(surface, self.layout.parts, self.thresholds.peak, offset)
        links = paf.score_links(surface, peaks, self.layout, self.thresholds)
        return paf.group(peaks, links, self.layout, self.thresholds, "gpu")


CODECS = {
    "paf:gpu": paf.Paf(paf.COCO_18, "gpu"),
    "paf:gpu on cpu maps": GpuOnCpuMaps(paf.COCO_18),
    "paf:cpu": paf.Paf(paf.COCO_18, "cpu"),
}


class Model(NamedTuple):
    """A network file, its input rule, and the results of the reference evaluation.

    Attributes:
        shape: the shape of the network's input, -1 for variable sides.
        outputs: the outputs to join into part maps, background and PAFs.
        pads: whether the image is padded, and not stretched, to a multiple of the stride.
        gpu: reference (AP, AR) of the GPU build.
        cpu: reference (AP, AR) of the CPU build.
    """

    name: str
    file: str
    shape: tuple[int, ...]
    outputs: tuple[str, ...]
    pads: bool
    gpu: tuple[float, float]
    cpu: tuple[float, float]


MODELS = (
    Model(
        *("Lightweight OpenPose int8", "human-pose-estimation-0001_FP16-INT8.xml"),
        *((1, 3, HEIGHT, -1), ("Mconv7_stage2_L2", "Mconv7_stage2_L1"), True),
        *((0.4322, 0.4726), (0.4280, 0.4692)),
    ),
    Model(
        *("tf-pose MobileNetV2-small", "tfpose_mobilenet_v2_small_graph_opt.pb"),
        *((1, HEIGHT, -1, 3), ("Openpose/concat_stage7:0",), False),
        *((0.1640, 0.1848), (0.1615, 0.1837)),
    ),
)


def compiled(path: Path, shape: tuple[int, ...]) -> Any:
    try:
        import openvino
    except ImportError:
        sys.exit("This benchmark needs OpenVINO, which PoseMark does not: pip install openvino")
    network = openvino.Core().read_model(path)
    network.reshape(list(shape))
    # CPUs with bfloat16 would otherwise compute in it.
    return openvino.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def resized(image: Image, pads: bool) -> tuple[Image, tuple[float, float]]:
    """Return the image at the network's height, and the factors of x and y."""
    height, width = image.shape[:2]
    zoom_x = zoom_y = HEIGHT / height
    if not pads:
        zoom_x = paf.STRIDE * round(width * zoom_y / paf.STRIDE) / width
    small = cv2.resize(image, None, fx=zoom_x, fy=zoom_y, interpolation=cv2.INTER_CUBIC)
    missing = max(HEIGHT - small.shape[1], -small.shape[1] % paf.STRIDE) if pads else 0
    grey = (cv2.BORDER_CONSTANT, None, (128, 128, 128))
    return cv2.copyMakeBorder(small, 0, 0, 0, missing, *grey), (zoom_x, zoom_y)


def inferred(network: Any, model: Model, image: Image) -> Pass:
    """Return one pass over the whole image; the network takes BGR bytes and normalises them."""
    pixels, zoom = resized(image, model.pads)
    channel = model.shape.index(3)
    found = network(np.ascontiguousarray(np.moveaxis(pixels[None], 3, channel), np.float32))
    maps = np.concatenate([np.moveaxis(found[name], channel, 1) for name in model.outputs], 1)
    scaled = ScaledInput(1.0, pixels.shape[1::-1], np.diag([*zoom, 0])[:2])
    return Pass(scaled, {paf.OUTPUT: maps})


def people_of(codec: paf.Paf, one: Pass, image_id: int) -> Iterator[dict[str, Any]]:
    """Yield poses in COCO's results format, in image pixels (OpenPose adds half a pixel)."""
    for points, score in zip(*codec.decode([one]), strict=True):
        points[:, :2] /= one.input.affine.diagonal()
        yield {"image_id": image_id, "category_id": 1, "keypoints": [*points.flat], "score": score}


def measured(model: Model, weights: Path, frames: list[Frame]) -> bool:
    """Run, decode and print; return whether every build reaches its reference."""
    network = compiled(weights / model.file, model.shape)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CODECS}
    for frame in frames:
        one = inferred(network, model, image_of(frame))
        for name, codec in CODECS.items():
            found[name] += people_of(codec, one, frame.image_id)
    print(f"{model.name}, {len(frames)} images: build, AP (reference), AR (reference), people")
    reached, images = True, [frame.image_id for frame in frames]
    for name, people in found.items():
        stats = evaluate(truth_json(frames), people, images) or {}
        ap, ar = stats.get("AP") or 0.0, stats.get("AR") or 0.0
        wanted_ap, wanted_ar = model.cpu if name == "paf:cpu" else model.gpu
        print(f"  {name:20} {ap:.4f} ({wanted_ap:.4f}) {ar:.4f} ({wanted_ar:.4f}) {len(people)}")
        reached &= ap >= wanted_ap - 0.005
    return reached


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("coco", type=Path, help="folder with annotations/ and val2017/")
    parser.add_argument("--weights", type=Path, default=Path("../shared/weights"))
    given = parser.parse_args()
    frames = Coco(given.coco).frames()
    return sum(measured(model, given.weights, frames) for model in MODELS) == len(MODELS)


if __name__ == "__main__":
    sys.exit(not main())
