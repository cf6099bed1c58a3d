"""The kinds of input that benchmarks/mutate.py changes: for each a sound input and its reader."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import msgspec
import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save as as_safetensors

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import caffe_writer
import made_cards
import made_detectors
import made_records
import made_videos
import made_weights
from posemark.cards import detector as detector_of_card
from posemark.cards import reading
from posemark.cards.model import with_artefact
from posemark.core.errors import PoseMarkError
from posemark.core.frame import Frame, Truth
from posemark.core.model_file import Artefact, FileOutput
from posemark.core.skeleton import COCO_17
from posemark.datasets.boxes import open_boxes
from posemark.datasets.coco import ANNOTATIONS, Coco
from posemark.geometry.conventions import HRNET
from posemark.geometry.crop import decode_bgr
from posemark.geometry.image_header import require_whole
from posemark.records.schema import (
    BlockLine,
    Detector,
    End,
    FrameLine,
    Given,
    Header,
    Line,
    OnTruthLine,
    PerfectLine,
    Published,
    Resumed,
    Source,
    TrialLine,
)
from posemark.report import tables
from posemark.report.page.html import html
from posemark.report.result_row import Row
from posemark.report.results import load_rows
from posemark.run import setting
from posemark.runtimes import onnx_file
from posemark.video.reading import VideoReader
from posemark.weights import load_fitting


class Kind(NamedTuple):
    """A kind of input.

    Attributes:
        make: returns the bytes of a sound input.
        read: reads a mutant; called with a folder to write into, and the mutant.
        lines_of_json: whether the fields of its JSON are changed, too.
    """

    make: Callable[[], bytes]
    read: Callable[[Path, bytes], object]
    lines_of_json: bool = False


# ------------------------------------------------------------------------------- kinds


def annotations() -> bytes:
    person = {
        "keypoints": [10.5, 20, 2] * 17,
        "bbox": [5, 5, 40, 90.5],
        "area": 1800.5,
        "iscrowd": 0,
    }
    people = [person | {"id": i, "image_id": 1 + i % 3, "category_id": 1} for i in range(5)]
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 64, "height": 48} for i in (1, 2, 3)]
    kinds = [{"id": 1, "name": "person"}]
    return json.dumps({"images": images, "annotations": people, "categories": kinds}).encode()


def read_annotations(folder: Path, content: bytes) -> object:
    path = folder / ANNOTATIONS
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    frames = Coco(folder).frames()
    source = open_boxes("gt", HRNET, 0.0, "coco", frames)
    for frame in frames:
        source.of(frame)
        try:
            frame.read()
        except PoseMarkError:  # there are no images
            continue
    return frames


def detections() -> bytes:
    box = {"category_id": 1, "bbox": [10, 20.5, 30, 20], "score": 0.75}
    return json.dumps([box | {"image_id": 1 + i % 3} for i in range(8)]).encode()


def read_detections(folder: Path, content: bytes) -> object:
    path = folder / "found.json"
    path.write_bytes(content)
    nobody = Truth(np.zeros((0, 17, 3)), np.zeros((0, 4)), np.zeros(0), np.zeros(0, bool), COCO_17)
    frames = [Frame(i, f"{i}.jpg", (64, 48), bytes, nobody) for i in (1, 2, 3)]
    source = open_boxes(f"file:{path}", HRNET, 0.0, "coco", frames)
    return [source.of(frame) for frame in frames]


def image(suffix: str, *options: int) -> Callable[[], bytes]:
    def make() -> bytes:
        pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
        return cv2.imencode(suffix, cv2.GaussianBlur(pixels, (5, 5), 2), list(options))[1].tobytes()

    return make


def read_image(folder: Path, content: bytes) -> object:
    require_whole(content, "mutant")
    return decode_bgr(content, (64, 48), "mutant")


# ---------------------------------------------------------------------- TOML and records


OUTPUTS = """
refine = "dark"
stride = 4
[outputs]
sources = ["maps"]
order = [16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
[[published]]
ap = 0.65
boxes = "gt"
flip = false
source = "a table"
"""
SETTING = b"""# found by posemark tune
runtime = "openvino"
precision = "bf16"
device = "cpu"
threads = 2
persons = "batched"
max_batch = 8
codec = "dark:11"
"""


def card() -> bytes:
    """Return a card with most of the fields that a card may have."""
    file = f'name = "tiny.onnx"\nsha256 = "{"0123456789abcdef" * 4}"\nparameters = 12'
    changes = {
        'origin = "tests"': 'origin = "tests"\nlicence = "MIT"',
        'name = "tiny.onnx"': file,
        'convention = "hrnet"': 'convention = "hrnet"\npadding = 1.25',
    }
    return made_cards.text(changes, add=OUTPUTS).encode()


def read_card(folder: Path, content: bytes) -> object:
    path = _written(folder / "made.toml", content)
    found = reading.read(path)
    made = Artefact(
        path, "0" * 64, found.file.precision, "nchw", "float32", None, FileOutput("maps")
    )
    return with_artefact(found, made)


def detector_card() -> bytes:
    """Return a card of a person detector with most of the fields that it may have."""
    file = f'name = "detector.onnx"\nsha256 = "{"0123456789abcdef" * 4}"\nparameters = 12'
    codec = 'rows = "grid"\nstrides = [8, 16]\nclasses = 80\nperson = 3\nnms = 0.65\nleast = 0.01'
    changes = {
        'origin = "tests"': 'origin = "tests"\nlicence = "MIT"',
        'name = "detector.onnx"': file,
        'rounding = "nearest"': 'rounding = "down"\nfill = 114',
        'rows = "corners"': f"{codec}\nmost = 50",
    }
    return made_detectors.text(changes).encode()


def read_detector_card(folder: Path, content: bytes) -> object:
    path = _written(folder / "made.toml", content)
    found = reading.read_detector(path)
    precision = found.file.precision
    made = Artefact(path, "0" * 64, precision, "nchw", "float32", None, FileOutput("dets"))
    detector_of_card.require_size(found, 64)
    return detector_of_card.with_artefact(found, made, 64)


def read_setting(folder: Path, content: bytes) -> object:
    return setting.read(_written(folder / "made.toml", content))


def made_header() -> Header:
    """Return a header with the fields that only some records have."""
    ceiling = {"ceiling": {"fp32": 1e11, "threads": 2}}
    return made_records.header(
        environment=made_records.ENVIRONMENT | ceiling,
        weights=Source("made", "0123456789abcdef"),
        data=Source("coco", "0123456789abcdef"),
        published=Published(0.65, "gt", False, "a table"),
        own_process=True,
        network="small",
        data_notes=("1 person has no area",),
    )


def truth() -> bytes:
    """Return annotations of which three images are frames of a clip under a moving camera."""
    made = made_records.truth(range(4))
    for index, image in enumerate(made["images"][:3]):
        image |= {"clip": 7, "index": index, "time_s": index / 30}
        image["from_still"] = [[1.0, 0.0, 2.5 * index], [0.0, 1.0, 0.0]]
        made["annotations"][index]["track_id"] = 3
    return json.dumps(made).encode()


def written_record(head: Header, lines: list[Line]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = made_records.written(Path(folder) / "small@gt.jsonl", head, lines)
        return path.read_bytes()


def record() -> bytes:
    """Return a record with two blocks, a failed frame, a resumed run and perfect outputs."""
    found = made_records.people(made_records.annotation(0))
    first, second = (made_records.frame(i, 17_000_000, boxes=1, poses=found) for i in (0, 1))
    lines = [
        first,
        FrameLine(2, error="it cannot be read"),
        BlockLine(2, 10**9, 10**9, 9_000_000, own_cpu_ns=10**9, peak_rss=10**8),
        Resumed(made_header().environment, "2026-01-01T01:00:00+00:00"),
        second,
        BlockLine(1, 3 * 10**9, 10**9, 9_000_000, energy_j={"package": 2.5}),
        PerfectLine(0, found),
        End("all frames"),
    ]
    return written_record(made_header(), lines)


def detector_record() -> bytes:
    """Return a record of a detector that looks at every second frame of a clip, smoothed."""
    detector = Detector("rtmdet-nano", "0123456789abcdef", 320, "onnxruntime", "fp32", 0.1, 20, 2)
    settings = msgspec.structs.replace(made_header().settings, smooth=True)
    head = msgspec.structs.replace(
        made_header(),
        settings=settings,
        box_kind="detected",
        boxes=Source("detector:rtmdet-nano", "0123456789abcdef"),
        detector=detector,
        given=Given(boxes="detector:rtmdet-nano@every=2"),
    )
    found = made_records.people(made_records.annotation(0))
    boxes = [(5.0, 10.0, 100.0, 200.0, 0.9), (300.0, 10.0, 50.0, 60.0, 0.02)]
    before = [value for at in range(17) for value in (10.0 + 5 * at, 20.0 + 10 * at)]
    origins = ("detected", "followed", "early")
    lines = [
        made_records.frame(
            *(i, 17_000_000),
            boxes=1,
            poses=found,
            origin=origin,
            found=boxes,
            ids=[4],
            unsmoothed=[before],
        )
        for i, origin in enumerate(origins)
    ]
    lines += [BlockLine(3, 10**9, 10**9, 9_000_000), OnTruthLine(0, found), OnTruthLine(1, found)]
    return written_record(head, [*lines, End("all frames")])


def overlapped_record() -> bytes:
    """Return a record of frames that were processed at the same time, with trials before."""
    head = made_header()
    settings = msgspec.structs.replace(head.settings, mode="overlapped", streams=2)
    found = made_records.people(made_records.annotation(0))
    frames = [
        made_records.frame(
            *(i, 17_000_000), boxes=1, poses=found, stream=i % 2, began_ns=10**9 + i * 10**7
        )
        for i in range(4)
    ]
    stages = frames[0].stages
    lines = [
        *(TrialLine(i, stages, stages) for i in (0, 1)),
        *frames[:2],
        BlockLine(2, 10**9, 10**9, 9_000_000),
        *frames[2:],
        BlockLine(2, 3 * 10**9, 10**9, 9_000_000),
    ]
    head = msgspec.structs.replace(head, settings=settings)
    return written_record(head, [*lines, End("all frames")])


def read_record(folder: Path, content: bytes) -> object:
    _written(folder / "truth.json", truth())
    rows = load_rows([_written(folder / "small@gt.jsonl", content)])
    return _everything(rows)


def read_truth(folder: Path, content: bytes) -> object:
    _written(folder / "truth.json", content)
    rows = load_rows([_written(folder / "small@gt.jsonl", detector_record())])
    return _everything(rows)


def _everything(rows: list[Row]) -> object:
    """Write all that a report writes of these rows."""
    texts = (tables.markdown(rows), tables.to_json(rows), tables.csv(rows))
    return *texts, tables.console(rows), html(rows, "made")


def video() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = made_videos.write(Path(folder) / "made.mp4", made_videos.steady(6), rotation=90)
        return path.read_bytes()


def read_video(folder: Path, content: bytes) -> object:
    with VideoReader.of(_written(folder / "made.mp4", content)) as reader:
        return [picture.time_s for picture in reader.pictures()]


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# ------------------------------------------------------------------------------- networks


def network() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))


def checkpoint(zipped: bool) -> Callable[[], bytes]:
    """Return a function that makes a checkpoint as training scripts do, inside a dictionary."""

    def make() -> bytes:
        torch.manual_seed(0)
        state = network().state_dict()
        around = {"epoch": 209, "state_dict": state, "perf": np.float64(0.5), "optimizer": {}}
        return made_weights.as_file(around, _use_new_zipfile_serialization=zipped)

    return make


def safetensors() -> bytes:
    torch.manual_seed(0)
    return as_safetensors(network().state_dict(), {"format": "pt"})


def reader_of_weights(suffix: str) -> Callable[[Path, bytes], object]:
    def read(folder: Path, content: bytes) -> object:
        path = _written(folder / f"made{suffix}", content)
        return load_fitting(path, network().state_dict(), "made")

    return read


def onnx_model() -> bytes:
    """Return an ONNX file with weights as initialisers, constants, in a branch and a function."""
    weights = [numpy_helper.from_array(np.ones((4, 3, 3, 3), t), t) for t in ("f4", "f2")]
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    constant = helper.make_node("Constant", [], ["c"], value=weights[0])
    branch = helper.make_graph([constant], "branch", [], [value], [weights[1]])
    nodes = [
        constant,
        helper.make_node("Conv", ["x", "f4"], ["y"], strides=[1, 1]),
        helper.make_node("If", ["b"], ["z"], then_branch=branch, else_branch=branch),
    ]
    graph = helper.make_graph(nodes, "made", [value], [value], weights)
    sets = [helper.make_opsetid("", 17)]
    function = helper.make_function("own", "f", ["x"], ["c"], [constant], sets)
    made = helper.make_model(graph, opset_imports=sets, functions=[function], ir_version=9)
    return made.SerializeToString()


def read_onnx(folder: Path, content: bytes) -> object:
    path = _written(folder / "made.onnx", content)
    onnx_file.require_whole(path)
    return onnx_file.precision(path)


def caffe() -> bytes:
    """Return a network with a convolution and a layer without numbers, in the new format."""
    draw = np.random.default_rng(0)
    weights = [draw.normal(size=shape) for shape in ((4, 3, 3, 3), (4,))]
    return caffe_writer.net({"conv": weights, "data": []})


def read_caffe(folder: Path, content: bytes) -> object:
    wanted = {"conv.weight": torch.zeros(4, 3, 3, 3), "conv.bias": torch.zeros(4)}
    return load_fitting(_written(folder / "made.caffemodel", content), wanted, "made")


KINDS = {
    "annotations": Kind(annotations, read_annotations, lines_of_json=True),
    "detections": Kind(detections, read_detections, lines_of_json=True),
    "jpeg": Kind(image(".jpg"), read_image),
    "progressive": Kind(image(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1), read_image),
    "png": Kind(image(".png"), read_image),
    "cards": Kind(card, read_card),
    "detector-cards": Kind(detector_card, read_detector_card),
    "settings": Kind(lambda: SETTING, read_setting),
    "records": Kind(record, read_record, lines_of_json=True),
    "detector-records": Kind(detector_record, read_record, lines_of_json=True),
    "overlapped-records": Kind(overlapped_record, read_record, lines_of_json=True),
    "truth": Kind(truth, read_truth, lines_of_json=True),
    "videos": Kind(video, read_video),
    "zip": Kind(checkpoint(zipped=True), reader_of_weights(".pth")),
    "legacy": Kind(checkpoint(zipped=False), reader_of_weights(".pth")),
    "safetensors": Kind(safetensors, reader_of_weights(".safetensors")),
    "caffemodel": Kind(caffe, read_caffe),
    "onnx": Kind(onnx_model, read_onnx),
}
