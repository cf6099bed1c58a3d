"""Writes a small bundle folder, whose run.py uses the package itself, not a flattened file."""

import json
import pickle
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import posemark
from posemark.bundle.runner.bundled import Bundle, BundledEntry, without_torch
from posemark.bundle.runner.entry_file import ENTRIES, ModelFile, entry_document
from posemark.bundle.runner.frames import FRAMES, ImageFile, frames_document
from posemark.core.digests import sha256_of
from posemark.datasets.sample import Sample
from posemark.geometry.crop import image_of
from posemark.geometry.plain_png import plain_png
from posemark.records import truth
from posemark.run.header import make_header
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.score.coco import truth_json

TOP_DOWN = "naive-litehrnet-18-256x192@gt"
MODEL = "models/toy.onnx"
ENGINES = ("tensorrt", "onnxruntime", "opencv", "tflite", "openvino")


@dataclass(frozen=True)
class MadeBundle:
    """A bundle on the disk, and what its entry was made from."""

    folder: Path
    prepared: object
    bundle: Bundle

    @property
    def script(self):
        return self.folder / "run.py"


def toy_onnx(path, names=("heatmaps",), size_hw=(256, 192), channels=17):
    """Write a network of one convolution per output, with weights from a formula.

    size_hw: height and width of the input; None for any.
    """
    height, width = size_hw or ("h", "w")
    cells = (height // 4, width // 4) if size_hw else ("i", "j")
    values = np.sin(np.arange(channels * 3 * 4 * 4, dtype=np.float32)) / 8
    weights = numpy_helper.from_array(values.reshape(channels, 3, 4, 4), "weights")
    how = {"strides": [4, 4], "kernel_shape": [4, 4], "group": 1}
    graph = helper.make_graph(
        [helper.make_node("Conv", ["images", "weights"], [name], **how) for name in names],
        "toy",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, height, width])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, *cells])
            for name in names
        ],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)])
    model.ir_version = 6
    onnx.save(model, str(path))


def made_bundle(
    folder, frames=4, trained=True, engines=ENGINES, name=TOP_DOWN, declared=None, **changes
):
    """Write a bundle with one entry on the drawn scenes; its network is toy_onnx.

    declared: what a card says of the file, as if the entry were an exported model.
    """
    dataset = Sample(frames)
    options = replace(Options(data="sample", threads=1), **changes)
    (job,) = plan([name], options)
    prepared = prepare_job(job, dataset, dataset.frames())
    spec = without_torch(prepared.spec)
    for each in ("models", "frames", ENTRIES):
        (folder / each).mkdir(parents=True)
    names = tuple(output.name for output in spec.outputs)
    toy_onnx(folder / MODEL, names, spec.input_hw if spec.method.fixed_size else None)
    _write_frames(folder, prepared.frames)
    header = make_header(prepared, own_process=True, turns=1)
    truth.write(truth_json(prepared.frames), folder / header.truth)
    boxes = {}
    if spec.convention:
        boxes = {frame.image_id: prepared.boxes.of(frame) for frame in prepared.frames}
    digest = sha256_of(folder / MODEL)
    entry = entry_document(
        msgspec.to_builtins(header),
        [ModelFile(MODEL, digest, () if declared else names)],
        boxes,
    )
    _write_json(folder / ENTRIES / f"{prepared.key}.json", entry)
    bundled = BundledEntry(
        prepared.key,
        spec,
        scales=job.entry.scales,
        flip=options.flip,
        most=options.crops_per_pass,
        trained=trained,
        declared=declared,
    )
    bundle = Bundle(posemark.__version__, "generic", engines, "fp32", (bundled,))
    write_script(folder, bundle)
    return MadeBundle(folder, prepared, bundle)


def write_script(folder, bundle, before=""):
    """Write run.py; `before` is code that runs first."""
    (folder / "bundle.pickle").write_bytes(pickle.dumps(bundle))
    source = Path(posemark.__file__).parents[1]
    (folder / "run.py").write_text(
        f"""import sys
sys.path.insert(0, {str(source)!r})
{before}
import pickle
from pathlib import Path
from posemark.bundle.runner.main import main
script = Path(__file__).resolve()
BUNDLE = pickle.loads((script.parent / "bundle.pickle").read_bytes())
sys.exit(main(BUNDLE, script))
"""
    )


def _write_frames(folder, frames):
    files = {}
    for frame in frames:
        name = f"frames/{frame.image_id}"
        images = {
            f"{name}.jpg": frame.read(),
            f"{name}.plain.png": plain_png(image_of(frame)),
        }
        files[frame.image_id] = tuple(ImageFile.of(*each) for each in images.items())
        for file, content in images.items():
            (folder / file).write_bytes(content)
    _write_json(folder / FRAMES, frames_document(frames, files))


def _write_json(path, content):
    path.write_text(json.dumps(content))


def command(made, *arguments):
    """Return the command line of run.py in this Python."""
    return [sys.executable, str(made.script), *map(str, arguments)]
