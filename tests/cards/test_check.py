"""`posemark check`: every mismatch between a card and its file has its own sentence."""

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

if not (find_spec("onnx") and find_spec("onnxruntime")):
    pytest.skip("onnx and onnxruntime are not installed", allow_module_level=True)

from onnx import TensorProto
from typer.testing import CliRunner

import exported
import goldens
import made_cards
from posemark import cards, cli
from posemark.cards.check import Finding, check
from posemark.cards.model import FOLDERS

BYTES = {
    "divisor = 255": "divisor = 1",
    "mean = [0.485, 0.456, 0.406]": "mean = [0, 0, 0]",
    "std = [0.229, 0.224, 0.225]": "std = [1, 1, 1]",
}


def wrong(folder, model, **changes):
    """Save a model and its card; return the findings "wrong", by check."""
    exported.save(model, folder)
    path = made_cards.card(folder, **changes)
    return {f.check: f.says for f in check(path, 1) if f.verdict == "wrong"}


def test_a_right_card_passes_every_check(tmp_path):
    exported.save(exported.graph(), tmp_path)
    findings = list(check(made_cards.card(tmp_path), 1))
    names = [finding.check for finding in findings]
    assert names == [
        *("card", "file", "runtime", "layout", "size", "type", "outputs"),
        *("shapes", "values", "colours", "pose"),
    ]
    assert [f.check for f in findings if f.verdict == "wrong"] == []
    assert findings[-1].verdict == "hint", "a network without training finds nobody"
    assert "mean OKS" in findings[-1].says


def test_channels_last_and_bytes_pass_where_the_card_says_so(tmp_path):
    model = exported.graph(layout="nhwc", kind=TensorProto.UINT8)
    changes = BYTES | {'order = "rgb"': 'order = "rgb"\nlayout = "nhwc"\ndtype = "uint8"'}
    assert wrong(tmp_path, model, replace=changes) == {}


def test_findings_of_a_network_of_whole_images_name_the_input_of_each_size(monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setenv(FOLDERS, str(goldens.shared("weights")))
    said = {f.check: f.says for f in check(cards.built_in()["lightweight-openpose"], 1)}
    assert said["outputs"].endswith("(1, 19, 32, 57): at the file's own input size, 256x456")
    found = re.fullmatch(
        r"57 channels, maps of (\d+)x(\d+): a drawn image, fed at (\d+)x(\d+)", said["shapes"]
    )
    height, width, fed_height, fed_width = map(int, found.groups())
    assert (8 * height, 8 * width) == (fed_height, fed_width)
    assert said["size"] == "depends on the image"


def declared(folder, says, model, **changes):
    found = wrong(folder, model, **changes)
    assert len(found) == 1
    (sentence,) = found.values()
    assert says in sentence
    return next(iter(found))


def test_another_layout(tmp_path):
    says = (
        "dimension 1 of (1, 64, 48, 3) should be the 3 channels, but is 64: set input.layout = "
        '"nhwc"'
    )
    assert declared(tmp_path, says, exported.graph(layout="nhwc")) == "layout"


def test_another_size(tmp_path):
    says = "input.size is [64, 48], height and width, but the file takes [96, 48]: correct"
    assert declared(tmp_path, says, exported.graph(size=(96, 48))) == "size"
    says = "takes [48, 64] (height and width are swapped)"
    assert declared(tmp_path, says, exported.graph(size=(48, 64))) == "size"


def test_another_type(tmp_path):
    model = exported.graph(kind=TensorProto.UINT8)
    says = 'input.dtype is float32, but the file takes uint8: set input.dtype = "uint8"'
    assert declared(tmp_path, says, model) == "type"
    model = exported.graph(kind=TensorProto.DOUBLE)
    assert declared(tmp_path, "export it with float32 input", model) == "type"


def test_outputs_that_are_not_there_or_not_named(tmp_path):
    add = '\n[outputs]\nsources = ["heat"]\n'
    says = "names heat, which the file does not have; it has maps (1, 17, 16, 12)"
    assert declared(tmp_path, says, exported.graph(), add=add) == "outputs"
    says = "the file has several outputs, maps (1, 17, 16, 12), raw (1, 17, 16, 12)"
    assert declared(tmp_path, says, exported.graph(extra=True)) == "outputs"


def test_another_number_of_channels_or_cells(tmp_path):
    says = "expected 17 channels for the key points coco-17, got 16 channels"
    assert declared(tmp_path, says, exported.graph(joints=16)) == "shapes"
    says = "26 channels: name other outputs, or say in outputs.order which 17 of its channels are"
    assert declared(tmp_path, says, exported.graph(joints=26)) == "shapes"
    order = f"\n[outputs]\norder = {[*range(16), 20]}\n"
    says = "outputs.order names channel 20, but there are 17"
    assert declared(tmp_path, says, exported.graph(), add=order) == "shapes"
    order = f"\n[outputs]\norder = {[*range(5)]}\n"
    assert declared(tmp_path, "got 5 places", exported.graph(), add=order) == "shapes"
    stride = {'kind = "heatmap"': 'kind = "heatmap"\nstride = 8'}
    says = "maps are 16x12, but the input size divided by the stride of 8 is 8x6"
    assert declared(tmp_path, says, exported.graph(), replace=stride) == "shapes"


def test_a_codec_of_another_form(tmp_path):
    points = {'kind = "heatmap"': 'kind = "coordinates"'}
    says = "coordinates are rows of y, x, score: expected (..., 17, 3), got (1, 17, 16, 12)"
    assert declared(tmp_path, says, exported.graph(), replace=points) == "shapes"


@pytest.mark.parametrize(
    ("scale", "says"),
    [
        (255, "peaks reach 2"),
        (0.001, "no peak exceeds 0.00"),
        (0, "are zero everywhere on every image"),
        (np.nan, "values are not finite"),
    ],
)
def test_values_that_no_such_maps_have(scale, says, tmp_path):
    assert declared(tmp_path, says, exported.graph(scale=scale)) == "values"


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("form", ["maps", "rows"])
def test_nothing_is_said_of_poses_where_numbers_are_not_finite(form, value, tmp_path):
    points = {'kind = "heatmap"': 'kind = "coordinates"'}
    rows = np.full((17, 3), value)
    model = exported.graph(scale=value) if form == "maps" else exported.rows(rows)
    exported.save(model, tmp_path)
    path = made_cards.card(tmp_path, replace=points if form == "rows" else {})
    findings = list(check(path, 1))
    assert (findings[-1].check, findings[-1].verdict) == ("values", "wrong")
    assert re.search(r"^[\d,]+ values are not finite", findings[-1].says)
    assert not any(re.search(r"\bnan\b", finding.says) for finding in findings)


def test_rows_in_pixels_and_scores_that_are_none(tmp_path):
    points = {'kind = "heatmap"': 'kind = "coordinates"'}
    rows = np.random.default_rng(0).random((17, 3))
    assert wrong(tmp_path, exported.rows(rows), replace=points) == {}
    says = "these look like pixels"
    assert declared(tmp_path, says, exported.rows(rows * (48, 64, 1)), replace=points) == "values"
    says = "the third number of a row is not a score"
    assert declared(tmp_path, says, exported.rows(rows * (1, 1, 9)), replace=points) == "values"


PEOPLE = {
    'kind = "heatmap"': 'kind = "people"',
    '[crop]\nconvention = "hrnet"': '[image]\nfixed = "longest"\nmultiple = 16',
}


def table(people=6):
    return np.random.default_rng(0).random((people, 56))


@pytest.mark.parametrize("people", [0, 1, 6])
def test_a_table_of_people_with_any_number_of_rows(people, tmp_path):
    exported.save(exported.people(table(people)), tmp_path)
    findings = {f.check: f for f in check(made_cards.card(tmp_path, replace=PEOPLE), 1)}
    assert [f.check for f in findings.values() if f.verdict == "wrong"] == []
    assert findings["shapes"].says == "rows of 56 numbers, one row per person"
    assert findings["pose"].verdict == "hint"


def test_a_table_of_another_size_or_with_other_numbers(tmp_path):
    says = "expected 56 channels for the key points coco-17, a box and a score per person, got 57"
    model = exported.people(np.zeros((6, 57)))
    assert declared(tmp_path, says, model, replace=PEOPLE) == "shapes"
    says = "people are rows of numbers: expected (1, people, 56), got (1, 1, 6, 56)"
    model = exported.people(table()[None])
    assert declared(tmp_path, says, model, replace=PEOPLE) == "shapes"
    pixels = np.where(np.arange(56) % 3 == 2, 1, 48) * table()
    pixels[:, -1] = 1
    says = "these look like pixels"
    assert declared(tmp_path, says, exported.people(pixels), replace=PEOPLE) == "values"
    order = f"\n[outputs]\norder = {[*range(55), 56]}\n"
    says = "outputs.order names channel 56, but there are 56"
    model = exported.people(table())
    assert declared(tmp_path, says, model, replace=PEOPLE, add=order) == "shapes"


def test_an_order_of_rows_that_are_not_there(tmp_path):
    points = {'kind = "heatmap"': 'kind = "coordinates"'}
    order = f"\n[outputs]\norder = {[*range(16), 17]}\n"
    says = "outputs.order names channel 17, but there are 17"
    model = exported.rows(np.zeros((17, 3)))
    assert declared(tmp_path, says, model, replace=points, add=order) == "shapes"


def test_a_clearly_better_normalising_is_a_hint(tmp_path):
    exported.save(exported.graph(), tmp_path)
    faint = {"std = [0.229, 0.224, 0.225]": "std = [90, 90, 90]"}
    findings = {f.check: f for f in check(made_cards.card(tmp_path, replace=faint), 1)}
    assert findings["colours"].verdict == "hint"
    assert "is [input] right?" in findings["colours"].says


def test_what_cannot_be_opened_is_one_finding(tmp_path):
    path = made_cards.card(tmp_path)
    (card, reading) = check(path, 1)
    assert (card.verdict, reading.verdict) == ("ok", "wrong")
    assert "tiny.onnx is not here" in reading.says
    (tmp_path / "tiny.onnx").write_bytes(b"<html>")
    assert "tiny.onnx: PoseMark cannot read it" in list(check(path, 1))[-1].says
    assert "no such card" in next(check(tmp_path / "none.toml", 1)).says
    assert "it cannot be read (Is a directory)" in next(check(tmp_path, 1)).says


def test_another_precision_than_the_files(tmp_path):
    card = {'"fp32"': '"int8"'}
    says = (
        'tiny.onnx is in fp32, by its operators and weights, but its card says file.precision = "'
    )
    assert declared(tmp_path, says, exported.graph(), replace=card) == "reading"
    assert declared(tmp_path, "tiny.onnx is in int8", exported.in_bytes()) == "reading"


def test_the_command_prints_each_finding_when_it_has_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("some.toml").touch()

    def findings(path, threads):
        yield Finding("ok", "file", str(path))
        raise KeyboardInterrupt

    monkeypatch.setattr("posemark.cards.check.check", findings)
    stopped = CliRunner().invoke(cli.app, ["check", "some.toml"])
    assert "file    some.toml" in stopped.output
    assert stopped.exit_code


def test_the_command_prints_one_line_per_check_and_exits_by_the_result(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    exported.save(exported.graph(), tmp_path)
    right = CliRunner().invoke(cli.app, ["check", str(made_cards.card(tmp_path))])
    assert (right.exit_code, right.output.count("✓")) == (0, 10)
    exported.save(exported.graph(joints=3), tmp_path)
    bad = CliRunner().invoke(cli.app, ["check", str(tmp_path / "tiny.toml")])
    assert (bad.exit_code, bad.output.count("✗")) == (1, 1)
    assert "got 3 channels" in bad.output
