"""From a card to a model that runs: files found and checked, sessions, jobs."""

import hashlib
from importlib.util import find_spec

import numpy as np
import pytest

if not (find_spec("onnx") and find_spec("onnxruntime")):
    pytest.skip("onnx and onnxruntime are not installed", allow_module_level=True)

from onnx import TensorProto

import exported
import made_cards
import posemark
from posemark.cards.check import check
from posemark.cards.model import FOLDERS, model_of
from posemark.core.errors import CheckpointError, RecordError, UsageError
from posemark.core.model_file import Artefact, FileOutput
from posemark.core.target import Target
from posemark.datasets import open_dataset
from posemark.records import files
from posemark.run.build import build_estimator
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.runtimes import Tensor
from posemark.runtimes.model_file import FileSession, declared_output
from posemark.runtimes.registry import default_target, open_file, require
from runs import run_one

OPTIONS = Options(data="sample", threads=1, limit=2)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    exported.save(exported.graph(), tmp_path)
    return made_cards.card(tmp_path)


def prepared(*names, **options):
    (job,) = plan(names, Options(**{"data": "sample", "threads": 1, "limit": 2} | options))
    dataset = open_dataset("sample")
    return prepare_job(job, dataset, dataset.frames()[:5])


# --- the file -----------------------------------------------------------------------------------


def test_the_file_is_found_beside_the_card_or_in_a_folder_of_the_variable(path, monkeypatch):
    beside = model_of(path).artefact.path
    assert beside == path.parent / "tiny.onnx"
    elsewhere = path.parent / "models"
    elsewhere.mkdir()
    beside.rename(elsewhere / beside.name)
    with pytest.raises(CheckpointError, match=FOLDERS):
        model_of(path)
    monkeypatch.setenv(FOLDERS, f"/nowhere:{elsewhere}")
    assert model_of(path).artefact.path.parent == elsewhere


def test_a_file_that_is_not_here_says_where_it_comes_from(path):
    path = made_cards.card(
        path.parent,
        replace={'name = "tiny.onnx"': 'name = "other.onnx"\nsource = "a library on the moon"'},
    )
    with pytest.raises(CheckpointError, match="It comes from a library on the moon"):
        prepared(str(path))


def test_another_content_than_the_card_names_is_refused(path):
    digest = hashlib.sha256((path.parent / "tiny.onnx").read_bytes()).hexdigest()
    for named in (digest, "0" * 64):
        line = f'name = "tiny.onnx"\nsha256 = "{named}"'
        card = made_cards.card(path.parent, replace={'name = "tiny.onnx"': line})
        if named == digest:
            assert model_of(card).artefact.sha256 == digest
        else:
            with pytest.raises(CheckpointError, match=f"expected the SHA-256 {named}"):
                model_of(card)


def test_a_model_whose_weights_are_in_another_file_is_refused(path):
    import onnx

    model = exported.graph()
    places = {"location": "tiny.onnx.data", "size_threshold": 0}
    onnx.save(model, path.parent / "tiny.onnx", save_as_external_data=True, **places)
    assert (path.parent / "tiny.onnx.data").is_file()
    with pytest.raises(CheckpointError, match=r"stored in tiny\.onnx\.data.*Save it as one"):
        model_of(path)
    whole = onnx.load(path.parent / "tiny.onnx")
    (path.parent / "tiny.onnx").unlink()
    onnx.save(whole, path.parent / "tiny.onnx")
    assert model_of(path).artefact.files == (path.parent / "tiny.onnx",)


# --- running it ---------------------------------------------------------------------------------


def test_a_card_runs_like_any_entry(path, tmp_path):
    job = prepared(str(path))
    assert job.key == "tiny@gt"
    record = files.read(run_one(job, tmp_path / "out")[0])
    header = record.header
    assert (header.settings.runtime, header.settings.precision) == ("onnxruntime", "fp32")
    assert (header.parameters, header.macs) == (None, None)
    assert header.weights.sha256 == job.spec.artefact.sha256
    assert header.weights_bytes == (tmp_path / "tiny.onnx").stat().st_size
    assert record.good[0].poses is not None
    assert len(record.good) == 2


@pytest.mark.skipif(not find_spec("openvino"), reason="openvino is not installed")
def test_openvino_reads_the_same_file_and_its_own_format(path):
    import openvino

    model = model_of(path)
    batch = np.random.default_rng(0).random((1, 3, 64, 48), np.float32)
    expected = open_file(default_target(model.artefact), model.artefact, 1).infer(batch)
    target = Target("openvino", "fp32")
    require(target, artefact=model.artefact)
    found = open_file(target, model.artefact, 1).infer(batch)
    np.testing.assert_allclose(found["heatmaps"], expected["heatmaps"], atol=1e-5)

    folder = path.parent
    network = openvino.Core().read_model(folder / "tiny.onnx")
    openvino.save_model(network, folder / "tiny.xml", compress_to_fp16=True)
    card = made_cards.card(folder, replace={'"tiny.onnx"': '"tiny.xml"'})
    model = model_of(card)
    assert default_target(model.artefact).runtime == "openvino"
    session = open_file(Target("openvino", "fp32"), model.artefact, 1)
    np.testing.assert_allclose(session.infer(batch)["heatmaps"], expected["heatmaps"], atol=1e-3)
    (folder / "tiny.bin").unlink()
    with pytest.raises(CheckpointError, match=r"the weights of tiny\.xml are missing"):
        model_of(card)


def test_another_card_is_another_run(path, tmp_path):
    first = prepared(str(path), limit=1)
    record, _ = run_one(first, tmp_path / "out")
    assert files.read(record).header.settings.card == first.spec.card
    text = path.read_text(encoding="utf-8")
    path.write_text("# a remark\n" + text, encoding="utf-8")
    run_one(prepared(str(path)), tmp_path / "out", resume=True)
    path.write_text(text.replace('"rgb"', '"bgr"'), encoding="utf-8")
    with pytest.raises(RecordError, match="another run: settings.card was"):
        run_one(prepared(str(path)), tmp_path / "out", resume=True)


@pytest.mark.skipif(not find_spec("openvino"), reason="openvino is not installed")
@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"kind": TensorProto.UINT8}, "input.dtype is float32, but the file takes uint8"),
        ({"size": (96, 48)}, r"input.size is \[64, 48\].*but the file takes \[96, 48\]"),
    ],
)
def test_no_runtime_turns_types_or_sizes_silently(made, says, path):
    exported.save(exported.graph(**made), path.parent)
    artefact = model_of(path).artefact
    for runtime in ("openvino", "onnxruntime"):
        session = open_file(Target(runtime, "fp32"), artefact, 1)
        with pytest.raises(UsageError, match=f"tiny.onnx is not what its card says: {says}"):
            session.prepare((1, 3, 64, 48))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"runtime": "torch"}, "torch does not read .onnx files"),
        ({"precision": "int8"}, "tiny.onnx is in fp32, and onnxruntime runs it in fp32 only"),
        ({"weights": "mine"}, "contradicts tiny, an exported model"),
        ({"codec": "paf:gpu"}, "is not a decoder for heatmaps"),
    ],
)
def test_what_a_file_cannot_do_is_refused_before_anything_runs(options, says, path):
    with pytest.raises(UsageError, match=says):
        prepared(str(path), **options)


def test_a_flip_test_of_coordinates_is_refused(path):
    card = made_cards.card(path.parent, replace={'"heatmap"': '"coordinates"'})
    with pytest.raises(UsageError, match="--flip cannot be used with tiny: it gives coordinates"):
        prepared(str(card), flip=True)


def test_a_card_loads_without_naming_weights(path):
    estimator = posemark.load(str(path))
    image = np.random.default_rng(0).integers(0, 256, (90, 80, 3), np.uint8)
    poses = estimator(image, [[10, 10, 40, 60]])
    assert (estimator.spec.name, estimator.runtime, len(poses)) == ("tiny", "onnxruntime", 1)
    with pytest.raises(UsageError, match="contradicts tiny, an exported model"):
        posemark.load(str(path), weights="mine")


def test_a_folder_of_cards_may_have_an_at(path):
    folder = path.parent / "me@home"
    folder.mkdir()
    path.rename(folder / path.name)
    for after, boxes in (("", "gt"), ("@detected", "detected")):
        (job,) = plan([f"{folder / path.name}{after}"], OPTIONS)
        assert (job.entry.model, job.entry.boxes) == ("tiny", boxes)


def test_after_at_comes_a_kind_of_boxes(path):
    assert prepared(f"{path}@gt").job.entry.name == "tiny@gt"
    with pytest.raises(UsageError, match="after '@', expected detected or gt"):
        prepared(f"{path}@multi")


def test_a_file_for_one_image_refuses_more_with_a_way_out(path):
    model = model_of(path)
    session = open_file(default_target(model.artefact), model.artefact, 1)
    with pytest.raises(UsageError, match="--persons serial"):
        session.prepare((2, 3, 64, 48))


def test_a_file_for_several_images_says_for_how_many(tmp_path):
    model = exported.graph()
    for info in (*model.graph.input, *model.graph.output):
        info.type.tensor_type.shape.dim[0].dim_value = 4
    exported.save(model, tmp_path)
    spec = model_of(made_cards.card(tmp_path))
    session = open_file(default_target(spec.artefact), spec.artefact, 1)
    with pytest.raises(UsageError, match="accepts exactly 4 images at a time") as error:
        session.prepare((1, 3, 64, 48))
    assert "serial" not in str(error.value)


STRIDE = {'kind = "heatmap"': 'kind = "heatmap"\nstride = 8'}
POINTS = {'kind = "heatmap"': 'kind = "coordinates"'}


@pytest.mark.parametrize(
    ("joints", "replace"), [(26, {}), (16, {}), (17, STRIDE), (17, POINTS)], ids=str
)
def test_run_and_load_refuse_what_check_refuses_in_the_same_words(joints, replace, tmp_path):
    exported.save(exported.graph(joints=joints), tmp_path)
    path = made_cards.card(tmp_path, replace=replace)
    (said,) = [f.says for f in check(path, 1) if f.verdict == "wrong"]
    with pytest.raises(UsageError) as error:
        build_estimator(prepared(str(path)))
    assert str(error.value) == f"tiny.onnx is not what its card says: {said}."
    with pytest.raises(UsageError) as error:
        posemark.load(str(path))
    assert str(error.value) == f"tiny.onnx is not what its card says: {said}."


# --- between our arrays and the file's ------------------------------------------------------------


class Raw:
    """A session that keeps its inputs, and returns maps with the number of each channel."""

    runtime, precision, device = "test", "fp32", "cpu"

    def __init__(self, **channels):
        self.channels, self.fed = channels, []

    def tensors(self):
        return [Tensor("images", (None, 16, 48, 3), "uint8")], []

    def infer(self, batch):
        self.fed.append(batch)
        return {
            name: np.broadcast_to(np.array(numbers, np.float32), (len(batch), 2, 5, len(numbers)))
            for name, numbers in self.channels.items()
        }


def test_bytes_reach_the_file_exactly_and_channels_come_back_in_our_order(tmp_path):
    output = FileOutput("maps", ("b", "a"), order=(2, 0, 1))
    artefact = Artefact(tmp_path / "x.tflite", "", "int8", "nhwc", "uint8", (16, 48), output)
    raw = Raw(a=[10, 11], b=[20])
    session = FileSession(raw, artefact)
    pixels = np.arange(256, dtype=np.float32).reshape(1, 1, 16, 16).repeat(3, 1).repeat(3, 3)
    maps = session.infer(pixels)["maps"]
    assert raw.fed[0].dtype == np.uint8
    np.testing.assert_array_equal(raw.fed[0], pixels.transpose(0, 2, 3, 1))
    assert maps.shape == (1, 3, 2, 5)
    assert maps[0, :, 0, 0].tolist() == [11, 20, 10]


def test_tables_are_joined_and_put_in_order_along_their_own_axis(tmp_path):
    """The layout of the file is for maps: a table keeps its axes."""
    parts = {"a": np.arange(4.0).reshape(1, 2, 2), "b": np.arange(4.0, 6).reshape(1, 2, 1)}
    people = FileOutput("people", ("b", "a"), order=(1, 0, 2), form="people")
    artefact = Artefact(tmp_path / "x.onnx", "", "fp32", "nhwc", "float32", None, people)
    assert declared_output(parts, artefact).tolist() == [[[0, 4, 1], [2, 5, 3]]]
    rows = FileOutput("keypoints", order=(1, 0), form="rows")
    artefact = Artefact(tmp_path / "x.onnx", "", "fp32", "nhwc", "float32", None, rows)
    given = np.arange(6.0).reshape(1, 1, 2, 3)
    assert declared_output({"only": given}, artefact).tolist() == [[[[3, 4, 5], [0, 1, 2]]]]
