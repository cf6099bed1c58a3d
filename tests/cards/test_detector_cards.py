"""Cards of person detectors: mistakes, and `posemark check`."""

import re
from importlib.util import find_spec

import numpy as np
import pytest

if not (find_spec("onnx") and find_spec("onnxruntime")):
    pytest.skip("onnx and onnxruntime are not installed", allow_module_level=True)

from typer.testing import CliRunner

import goldens
import made_detectors
from posemark import cards, cli
from posemark.cards.check import check
from posemark.cards.model import FOLDERS, digest
from posemark.core.errors import CardError

CORNERS = 'rows = "corners"'
GRID = 'rows = "grid"\nstrides = [8, 16, 32]\nnms = 0.65'

MISTAKES = [
    ({CORNERS: 'rows = "cornres"'}, "the key codec.rows: Expected corners, grid, got 'cornres'."),
    ({CORNERS: ""}, "the key codec.rows is missing. docs/detectors.md describes [codec]."),
    ({CORNERS: f"{CORNERS}\nnsm = 0.5"}, "the key codec.nsm is unknown. Did you mean nms?"),
    ({CORNERS: f"{CORNERS}\nnms = 1.5"}, "the key codec.nms: Expected float < 1.0"),
    ({CORNERS: f"{CORNERS}\nperson = 1"}, "codec.person is 1, but classes are counted from 0"),
    ({CORNERS: 'rows = "grid"\nnms = 0.6'}, "codec.rows is grid, which needs codec.strides"),
    ({CORNERS: 'rows = "grid"\nstrides = [8]'}, "codec.nms is missing"),
    ({CORNERS: f"{CORNERS}\nstrides = [8]"}, "codec.strides is only for rows of a grid"),
    ({"multiple = 32": "multiple = 30"}, "input.size is [64, 64], but letterbox.multiple is 30"),
    ({"[letterbox]": "[letterbx]"}, "the key letterbx is unknown. Did you mean letterbox?"),
    ({'"nearest"': '"up"'}, "the key letterbox.rounding: Expected nearest, down, got 'up'."),
    ({"divisor = 255": "divisor = inf"}, "have to be finite numbers"),
    ({"divisor = 255": 'dtype = "uint8"\ndivisor = 255'}, "divisor has to be 1"),
    ({'origin = "tests"': 'origin = "tests"\nkeypoints = "coco-17"'}, "keypoints is unknown"),
]


@pytest.mark.parametrize(("changes", "says"), MISTAKES, ids=[says for _, says in MISTAKES])
def test_a_mistake_is_named_with_its_key(changes, says, tmp_path):
    path = made_detectors.card(tmp_path, changes)
    with pytest.raises(CardError, match=re.escape(says)) as caught:
        cards.read_detector(path)
    assert str(caught.value).startswith(str(path))


def test_the_digest_of_a_card_depends_on_everything_that_changes_boxes(tmp_path):
    one = digest(cards.read_detector(made_detectors.card(tmp_path)))
    changed = made_detectors.card(tmp_path, {CORNERS: f"{CORNERS}\nmost = 50"})
    assert digest(cards.read_detector(changed)) != one


def findings(folder, changes=None, **network):
    made_detectors.save(folder, **network)
    return {f.check: f for f in check(made_detectors.card(folder, changes), 1)}


def test_a_right_card_passes_every_check(tmp_path):
    found = findings(tmp_path, rows=[[0, 0, 3, 3, 0.9]])
    assert list(found) == [
        *("card", "file", "runtime", "layout", "size", "type", "outputs"),
        *("shapes", "values", "boxes"),
    ]
    assert found["card"].says == "tiny-detector, a person detector: every key is known"
    assert {f.verdict for name, f in found.items() if name != "boxes"} == {"ok"}
    assert found["boxes"].verdict == "hint", "a box in a corner finds nobody"
    assert "0% of the drawn people have a box" in found["boxes"].says


@pytest.mark.parametrize(
    ("changes", "network", "name", "says"),
    [
        ({}, {"rows": np.ones((3, 7))}, "shapes", "rows of 5 numbers, (1, N, 5), got (1, 3, 7)"),
        ({CORNERS: GRID}, {"rows": np.ones((3, 6))}, "shapes", "expected 84 rows, one for each"),
        ({}, {"rows": [[1, 1, 9, 9, 7]]}, "values", "scores reach 7, but 0 to 1 is expected"),
        ({}, {"rows": [[0, 0, 0.5, 1, 0.9]]}, "values", "these look like shares of its sides"),
        ({}, {"rows": [[0, 0, np.nan, 1, 0.9]]}, "values", "values are not finite"),
        ({'["dets"]': '["boxes"]'}, {}, "outputs", "names boxes, which the file does not have"),
        ({}, {"size": (96, 64)}, "size", "the file takes [96, 64]"),
    ],
)
def test_a_mismatch_has_a_finding_of_its_own(changes, network, name, says, tmp_path):
    found = findings(tmp_path, changes, **network)
    wrong = {check: f.says for check, f in found.items() if f.verdict == "wrong"}
    assert list(wrong) == [name]
    assert says in wrong[name]


@pytest.mark.parametrize("name", ["rtmdet-nano", "yolox-nano"])
def test_the_cards_that_come_along_pass_by_name(name, monkeypatch):
    monkeypatch.setenv(FOLDERS, str(goldens.shared("weights")))
    result = CliRunner().invoke(cli.app, ["check", name])
    assert result.exit_code == 0
    assert result.output.count("✓") == 10
    assert "100% of the drawn people have a box" in result.output


def test_the_cards_that_come_along_pin_their_files():
    for path in cards.built_in_detectors().values():
        card = cards.read_detector(path)
        assert card.file.sha256
        assert card.file.source
        assert card.file.licence
