"""Models of a prediction: top-down ones get a detector, and options reach what they are for."""

import pytest

from posemark.core.errors import UsageError
from posemark.predict import models
from posemark.predict.models import Loading, load_all

TOP_DOWN, BOTTOM_UP = "naive-litehrnet-18-256x192", "openpose-coco"


@pytest.fixture
def loaded(monkeypatch):
    """What load() was asked for."""
    calls = []

    def load(*arguments, **choices):
        assert choices.pop("spelled")("weights", "best") == "--weights best"
        calls.append((arguments, choices))
        return arguments[0]

    monkeypatch.setattr(models, "load", load)
    return calls


def test_a_top_down_model_gets_the_usual_detector(loaded):
    assert load_all([TOP_DOWN], Loading("best", None, None, 5, None, True, {"threads": 2})) == [
        TOP_DOWN
    ]
    choices = {"threads": 2, "detector": models.DETECTOR, "min_score": 0.3, "every": 5}
    assert loaded == [((TOP_DOWN, "best", None, True), choices)]


def test_a_bottom_up_model_beside_it_gets_none(loaded):
    load_all([BOTTOM_UP, TOP_DOWN], Loading("none", "fast", "hog", 3, 0.0, False, {}))
    assert loaded == [
        ((BOTTOM_UP, "none", "fast", False), {}),
        ((TOP_DOWN, "none", "fast", False), {"detector": "hog", "min_score": 0.0, "every": 3}),
    ]


@pytest.mark.parametrize(
    ("detector", "every", "min_score", "says"),
    [
        (
            "hog",
            None,
            None,
            "--detector hog does not apply to openpose-coco.* Leave --detector out",
        ),
        (None, 5, None, "--every 5 does"),
        (None, None, 0.0, "--min-score 0.0 does not apply.* Leave --min-score out"),
    ],
)
def test_options_of_a_detector_need_a_model_with_one(loaded, detector, every, min_score, says):
    with pytest.raises(UsageError, match=says):
        load_all([BOTTOM_UP], Loading("none", None, detector, every, min_score, False, {}))


def test_a_model_without_weights_is_refused_in_the_words_of_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path))
    says = r"untrained, and no weights of it are imported here. .* give --weights FILE, or"
    with pytest.raises(UsageError, match=says):
        load_all([BOTTOM_UP], Loading("best", None, None, None, None, False, {}))
