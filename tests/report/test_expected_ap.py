import pytest

import made_records
from posemark.records.schema import Given, Published, Source
from posemark.report.expected_ap import (
    DIFFERS,
    NOT_COMPARABLE,
    VAL2017_IMAGES,
    WITHIN,
    expectation,
    reproduction,
)

DETECTED = Published(0.744, "detected (person AP 56.4)", True, "HRNet README")


def header(entry="hrnet.coco@detected+flip", published=DETECTED, **changes):
    """Return the header of a run at the settings of the published figure."""
    fields = {"data": Source("coco:~/coco", "0"), "box_kind": "detected"}
    settings = {"flip": True} | changes.pop("settings", {})
    fields = fields | {"settings": settings} | changes
    return made_records.header(entry, published=published, **fields)


def test_at_the_published_settings_both_figures_stand_side_by_side():
    text = expectation(header(), VAL2017_IMAGES, 0.7431)
    assert text == "expected 74.4 (detected, flip test), got 74.3"


@pytest.mark.parametrize(("variant", "scales"), [("single", (1.0,)), ("multi", (0.5, 1.0, 2.0))])
def test_bottom_up_the_scales_are_what_must_agree(variant, scales):
    published = Published(0.68, variant, False, "DEKR README")
    made = header(
        f"dekr.coco@{variant}",
        published,
        approach="bottom-up",
        box_kind="none",
        settings={"flip": False, "scales": scales},
    )
    text = expectation(made, VAL2017_IMAGES, 0.6801)
    assert text == f"expected 68.0 ({variant}, no flip test), got 68.0"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"data": Source("sample", "0")}, "it is on COCO, this on sample"),
        ({"box_kind": "gt"}, "it is for detected, this for gt"),
        ({"settings": {"flip": False}}, "it is with flip test, this without"),
        ({"given": Given(codec="argmax")}, "this is with the codec argmax"),
        ({"settings": {"min_score": 0.3}}, "this is with boxes scored 0.3 or more"),
        ({"settings": {"precision": "int8"}}, "this is with int8"),
        ({"settings": {"mode": "paced"}}, "this is with the mode paced"),
    ],
)
def test_a_difference_is_named_instead_of_a_comparison(changes, why):
    text = expectation(header(**changes), VAL2017_IMAGES, 0.7)
    assert text == f"published 74.4 is no reference: {why}"


def test_the_images_are_the_first_difference():
    text = expectation(header(box_kind="gt"), 4999, 0.7)
    assert text.endswith("it is over 5,000 images of val2017, this over 4,999")


@pytest.mark.parametrize(
    "changes",
    [
        {"entry": "hrnet.a+b@detected+flip"},
        {"settings": {"persons": "batched", "max_batch": 4}},
        {"settings": {"runtime": "openvino"}},
        {"data": Source("coco", "0")},
    ],
)
def test_what_changes_no_ap_does_not_matter(changes):
    assert expectation(header(**changes), VAL2017_IMAGES, 0.7).startswith("expected 74.4")


@pytest.mark.parametrize(
    ("ap", "kind"),
    [(0.7431, WITHIN), (0.7410, WITHIN), (0.74749, WITHIN), (0.7475, DIFFERS), (0.7403, DIFFERS)],
)
def test_the_verdict_is_that_of_the_difference_as_it_is_printed(ap, kind):
    found = reproduction(header(), VAL2017_IMAGES, ap)
    assert (found.kind, found.why) == (kind, ())


def test_all_that_keeps_two_figures_apart_is_named_the_gravest_first():
    made = header(box_kind="gt", settings={"flip": False})
    found = reproduction(made, 600, 0.744)
    assert found.kind == NOT_COMPARABLE
    images, boxes, flip = found.why
    assert images == "it is over 5,000 images of val2017, this over 600"
    assert boxes == "it is for detected, this for gt"
    assert flip == "it is with flip test, this without"


def test_nothing_published_or_measured_says_nothing():
    assert reproduction(header(published=None), VAL2017_IMAGES, 0.7) is None
    assert reproduction(header(), VAL2017_IMAGES, None) is None
    assert expectation(header(published=None), VAL2017_IMAGES, 0.7) == ""
    assert expectation(header(), VAL2017_IMAGES, None) == ""
