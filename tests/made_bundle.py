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
from posemark.bundle.runner.frames import FRAMES, frames_document
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


def toy_onnx(path, opset=11):
    """Write a network of one convolution that gives 17 maps, with weights from a formula."""
    weights = np.sin(np.arange(17 * 3 * 4 * 4, dtype=np.float32)).reshape(17, 3, 4, 4) / 8
    node = helper.make_node(
        "Conv", ["images", "w"], ["heatmaps"], strides=[4, 4], kernel_shape=[4, 4], group=1
    )
    graph = helper.make_graph(
        [node],
        "toy",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 256, 192])],
        [helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, ["n", 17, 64, 48])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 6
    onnx.save(model, str(path))


def made_bundle(folder, frames=4, trained=True, engines=ENGINES, precision="fp32", **changes):
    """Write a bundle with one top-down entry on the drawn scenes."""
    dataset = Sample(frames)
    options = replace(Options(data="sample", threads=1), **changes)
    (job,) = plan([TOP_DOWN], options)
    prepared = prepare_job(job, dataset, dataset.frames())
    for name in ("models", "frames", ENTRIES):
        (folder / name).mkdir(parents=True)
    toy_onnx(folder / "models" / "toy.onnx")
    _write_frames(folder, prepared.frames)
    header = make_header(prepared, own_process=True, turns=1)
    truth.write(truth_json(prepared.frames), folder / header.truth)
    digest = sha256_of(folder / "models" / "toy.onnx")
    entry = entry_document(
        msgspec.to_builtins(header),
        [ModelFile("models/toy.onnx", digest, ("heatmaps",))],
        {frame.image_id: prepared.boxes.of(frame) for frame in prepared.frames},
    )
    _write_json(folder / ENTRIES / f"{prepared.key}.json", entry)
    spec = without_torch(prepared.spec)
    most = options.crops_per_pass
    bundled = BundledEntry(prepared.key, spec, flip=options.flip, most=most, trained=trained)
    bundle = Bundle(posemark.__version__, "generic", engines, precision, (bundled,))
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
        file, plain = f"frames/{frame.image_id}.jpg", f"frames/{frame.image_id}.plain.png"
        (folder / file).write_bytes(frame.read())
        (folder / plain).write_bytes(plain_png(image_of(frame)))
        files[frame.image_id] = file, plain
    _write_json(folder / FRAMES, frames_document(frames, files))


def _write_json(path, content):
    path.write_text(json.dumps(content))


def command(made, *arguments):
    """Return the command line of run.py in this Python."""
    return [sys.executable, str(made.script), *map(str, arguments)]
