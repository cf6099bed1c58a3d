"""Utilisation of a machine's peak, from made-up times."""

import pytest

import made_records
from posemark.report import utilisation

ATTAINED = {"fp32": 100e9, "int8": 800e9, "bandwidth": 40e9, "threads": 2}


def header(attained=ATTAINED, **changes):
    environment = made_records.ENVIRONMENT | ({"ceiling": attained} if attained else {})
    return made_records.header(environment=environment, macs=5 * 10**9, **changes)


def frame(image_id, infer_ms, **changes):
    stages = {"preprocess": 10**9, "infer": infer_ms * 10**6, "postprocess": 10**9}
    return made_records.frame(image_id, 10**9, stages=stages, **changes)


FRAMES = [frame(1, 300, boxes=3), frame(2, 100, boxes=1), frame(3, 0, boxes=0)]


def test_top_down_every_box_is_a_forward_and_a_flip_test_is_two():
    assert utilisation.share(header(), FRAMES) == pytest.approx(4 * 5 / 0.4 / 100)
    flipped = header(settings={"flip": True})
    assert utilisation.share(flipped, FRAMES) == pytest.approx(2 * 4 * 5 / 0.4 / 100)


def test_bottom_up_work_is_in_proportion_to_pixels_whoever_is_found():
    base = 256 * 192
    frames = [frame(1, 300, boxes=7, pixels=2 * base), frame(2, 200, boxes=0, pixels=3 * base)]
    head = header(approach="bottom-up")
    assert utilisation.share(head, frames) == pytest.approx(5 * 5 / 0.5 / 100)
    head = header(approach="bottom-up", settings={"flip": True})
    assert utilisation.share(head, frames) == pytest.approx(2 * 5 * 5 / 0.5 / 100)


def test_the_rate_is_that_of_the_precision():
    head = header(settings={"precision": "int8"})
    assert utilisation.share(head, FRAMES) == pytest.approx(4 * 5 / 0.4 / 800)


@pytest.mark.parametrize(
    "head",
    [
        header(attained=None),
        header(settings={"precision": "bf16"}),
        header(settings={"threads": 1}),
        header(settings={"device": "cuda (a GPU)"}),
        made_records.header(environment=made_records.ENVIRONMENT | {"ceiling": ATTAINED}, macs=0),
        made_records.header(
            environment=made_records.ENVIRONMENT | {"ceiling": ATTAINED}, macs=None
        ),
    ],
)
def test_what_is_not_known_has_no_share(head):
    assert utilisation.share(head, FRAMES) is None


def test_without_time_or_people_there_is_no_share():
    assert utilisation.share(header(), []) is None
    assert utilisation.share(header(), FRAMES[2:]) is None


def test_a_hint_says_where_to_look():
    hints = [utilisation.hint(share) for share in (0.02, 0.4, 0.9, 1.2)]
    assert len(set(hints)) == 4
    assert "not by arithmetic" in hints[0]
    assert "posemark machine" in hints[3]
