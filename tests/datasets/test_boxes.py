"""Person boxes: which are used, which are dropped, and which files are refused."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from posemark.core.errors import DataError, UsageError
from posemark.core.frame import Frame, Truth
from posemark.core.skeleton import COCO_17
from posemark.datasets.boxes import open_boxes
from posemark.datasets.simulated import simulated_boxes
from posemark.geometry.conventions import DARK, HRNET, MMPOSE0

SIZE_WH = (640, 480)
CONVENTIONS = (HRNET, DARK, MMPOSE0)


def frame(image_id=139, boxes_xywh=(), labelled=None, crowd=None):
    """Return a frame of people in these boxes; `labelled` are their numbers of key points."""
    boxes = np.array(boxes_xywh, np.float64).reshape(-1, 4)
    labelled = np.full(len(boxes), 17) if labelled is None else np.array(labelled)
    points = np.ones((len(boxes), 17, 3)) * (np.arange(17) < labelled[:, None])[..., None]
    crowd = np.zeros(len(boxes), bool) if crowd is None else np.array(crowd)
    truth = Truth(points, boxes, np.full(len(boxes), 100.0), crowd, COCO_17)
    return Frame(image_id, f"{image_id}.jpg", SIZE_WH, bytes, truth)


def gt(one, convention, min_score=0.0):
    return open_boxes("gt", convention, min_score, "coco", [one]).of(one)


# --- annotated boxes ----------------------------------------------------------------------------

# Boxes after the official dataset classes of HRNet, DarkPose and mmpose 0.x; None: dropped.
# They move a box that begins left of the image, and do not cut it.
CLEANED = {
    "inside": ([10, 20, 30, 40], [10, 20, 29, 39], [10, 20, 30, 40], [10, 20, 29, 39]),
    "to the last pixel": ([600, 400, 40, 80], [600, 400, 39, 79], [600, 400, 40, 80], "hrnet"),
    "over the far edge": ([600, 400, 99, 99], [600, 400, 39, 79], [600, 400, 40, 80], "hrnet"),
    "over the near edge": ([-9, -9, 30, 40], [0, 0, 29, 39], [0, 0, 30, 40], "hrnet"),
    "beyond the far edge": ([640, 20, 30, 40], None, None, None),
    "beyond the bottom": ([10, 480, 30, 40], None, None, None),
    "no width": ([10, 20, 0, 40], None, None, None),
    "no height": ([10, 20, 30, 0], None, None, None),
    "negative": ([10, 20, -5, 40], None, None, None),
    "not a number": ([np.nan, 20, 30, 40], None, None, None),
    "one pixel wide": ([10, 20, 1, 40], [10, 20, 0, 39], [10, 20, 1, 40], None),
    "one pixel high": ([10, 20, 30, 1], [10, 20, 29, 0], [10, 20, 30, 1], None),
    "in the last column": ([639, 20, 9, 40], [639, 20, 0, 39], [639, 20, 1, 40], None),
    "two pixels wide": ([10, 20, 2, 40], [10, 20, 1, 39], [10, 20, 2, 40], [10, 20, 1, 39]),
}


@pytest.mark.parametrize(("box", "hrnet", "dark", "mmpose"), CLEANED.values(), ids=CLEANED)
def test_annotated_boxes_are_cleaned_as_officially(box, hrnet, dark, mmpose):
    expected = (hrnet, dark, hrnet if mmpose == "hrnet" else mmpose)
    for convention, cleaned in zip(CONVENTIONS, expected, strict=True):
        found = gt(frame(boxes_xywh=[box]), convention)
        assert found.boxes_xywh.tolist() == ([] if cleaned is None else [cleaned])
        assert found.dropped == (cleaned is None)
        assert found.scores.tolist() == [1.0] * len(found)


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda c: c.name)
def test_crowds_and_people_without_key_points_are_no_boxes_and_not_dropped_ones(convention):
    boxes = [[10, 10, 50, 50], [20, 20, 50, 50], [30, 30, 50, 50], [640, 0, 9, 9]]
    one = frame(boxes_xywh=boxes, labelled=[17, 0, 1, 5], crowd=[True, False, False, False])
    found = gt(one, convention)
    assert found.boxes_xywh[:, 0].tolist() == [30]
    assert found.dropped == 1


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda c: c.name)
def test_people_of_area_0_have_no_box_as_officially(convention):
    one = frame(boxes_xywh=[[10, 20, 30, 40], [50, 20, 30, 40]])
    truth = replace(one.truth, areas=np.array([0.0, 1e-3]))
    found = gt(replace(one, truth=truth), convention)
    assert found.boxes_xywh[:, 0].tolist() == [50]
    assert found.dropped == 1


def test_a_frame_without_people_has_no_boxes():
    found = gt(frame(), HRNET)
    assert found.boxes_xywh.shape == (0, 4)
    assert (len(found), found.dropped) == (0, 0)


def test_annotated_boxes_are_certain():
    assert len(gt(frame(boxes_xywh=[[1, 1, 9, 9]]), HRNET, min_score=1.0)) == 1


def test_the_source_says_what_it_is():
    source = open_boxes("gt", HRNET, 0.0, "coco", [])
    assert (source.label, source.kind) == ("gt", "gt")
    source = open_boxes("simulated", HRNET, 0.0, "sample", [])
    assert (source.label, source.kind) == ("simulated", "detected")


# --- a file of detections -----------------------------------------------------------------------


def detection(image_id=139, box=(10, 20, 30, 40), score=0.9, category=1):
    return {"image_id": image_id, "category_id": category, "bbox": list(box), "score": score}


@pytest.fixture
def file_boxes(tmp_path):
    """Write detections and open them for frames of the ids 139 and 285."""

    def open_file(content, min_score=0.0):
        path = tmp_path / "found.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        frames = [frame(139), frame(285)]
        return open_boxes(f"file:{path}", HRNET, min_score, "coco", frames)

    return open_file


def test_boxes_come_by_image_in_the_order_of_the_file(file_boxes):
    rows = [detection(285, score=0.5), detection(139, (1, 2, 3, 4), 0.2), detection(139)]
    source = file_boxes([*rows, detection(99999)])
    found = source.of(frame(139))
    assert found.boxes_xywh.tolist() == [[1, 2, 3, 4], [10, 20, 30, 40]]
    assert found.scores.tolist() == [0.2, 0.9]
    assert source.of(frame(285)).scores.tolist() == [0.5]
    assert (source.label, source.kind) == ("file:found.json", "detected")


def test_an_image_the_file_does_not_name_has_no_boxes(file_boxes):
    found = file_boxes([detection(139)]).of(frame(285))
    assert found.boxes_xywh.shape == (0, 4)
    assert (len(found), found.dropped) == (0, 0)


def test_boxes_without_size_or_outside_are_dropped_and_counted(file_boxes):
    bad = [(10, 20, 0, 40), (10, 20, 30, -1), (640, 20, 9, 9), (10, 480, 9, 9), (-30, 20, 30, 9)]
    edge = [(639, 479, 9, 9), (-29.5, 20, 30, 9), (-10, -10, 900, 900)]
    found = file_boxes([detection(box=box) for box in bad + edge]).of(frame(139))
    assert found.boxes_xywh.tolist() == [list(box) for box in edge], "and not cut to the image"
    assert found.dropped == len(bad)


def test_other_categories_are_no_people(file_boxes):
    source = file_boxes([detection(category=3, box=(1, 1)), detection(score=0.3)])
    assert source.of(frame(139)).scores.tolist() == [0.3]


def test_boxes_below_the_least_score_are_left_out(file_boxes):
    rows = [detection(score=s) for s in (0.1, 0.49999, 0.5, 0.9)]
    rows.append(detection(box=(1, 1, 0, 0), score=0.9))
    found = file_boxes(rows, min_score=0.5).of(frame(139))
    assert found.scores.tolist() == [0.5, 0.9]
    assert len(found.boxes_xywh) == 2
    assert found.dropped == 1


def test_the_fingerprint_is_that_of_the_file(file_boxes):
    first, same = (file_boxes([detection()]).fingerprint for _ in range(2))
    other = file_boxes([detection(score=0.8)]).fingerprint
    assert first == same != other


def test_detections_of_another_data_set_are_refused(file_boxes):
    with pytest.raises(
        DataError, match=r"found\.json: none of its images \(2\) is in the data set"
    ):
        file_boxes([detection(1), detection(2), detection(2)])


BROKEN = {
    "empty": "",
    "cut off": json.dumps([detection()])[:-9],
    "binary": "\x00\x01",
    "an object": {"annotations": [detection()]},
    "a number": 3,
    "null": "null",
    "an empty list": [],
    "only other categories": [detection(category=3)],
    "a list of lists": [[139, 1, 2, 3, 4]],
    "no score": [{k: v for k, v in detection().items() if k != "score"}],
    "no box": [detection(), {k: v for k, v in detection().items() if k != "bbox"}],
    "no image": [{k: v for k, v in detection().items() if k != "image_id"}],
    "no category": [{k: v for k, v in detection().items() if k != "category_id"}],
    "a box of three": [detection(box=(1, 2, 3))],
    "a box of three among others": [detection(), detection(box=(1, 2, 3))],
    "a box of text": [detection(box="abcd")],
    "a null score": [detection(score=None)],
    "an image of text": [detection("000139.jpg")],
    "an image beyond all numbers": [detection(10**30)],
    "an image with a fraction": [detection(139.5)],
    "a score below 0": [detection(score=-1.0)],
    "a score above 1": [detection(score=90)],
    "a box beyond all images": [detection(box=(0, 0, 1e9, 1))],
    "nested brackets": "[" * 100_000,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_detections_is_refused_with_the_expected_form(file_boxes, content):
    with pytest.raises(DataError, match=r'found\.json: expected COCO results.*"bbox"'):
        file_boxes(content)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused_and_shown(file_boxes, bad):
    for entry in (detection(score=bad), detection(box=(1, 2, bad, 4))):
        with pytest.raises(DataError, match=r"found\.json.*not finite in") as error:
            file_boxes([detection(), entry])
        assert re.search(rf'"image_id": 139, .* {json.dumps(bad)}\.', str(error.value))


def test_what_is_wrong_is_shown_with_its_place(file_boxes):
    rows = [detection(), detection(category=3), detection(139.5)]
    with pytest.raises(DataError, match=r'detections\[2\] is \{"image_id": 139\.5.*whole number'):
        file_boxes(rows)


# --- files of another form ----------------------------------------------------------------------

PEOPLE = [(400, 100, 60, 200), (300, 50, 100, 300), (20, 30, 70, 300), (500, 300, 90, 150)]
PEOPLE = [*PEOPLE, (350, 200, 80, 200), (450, 10, 120, 400)]


def test_whole_ids_and_rounded_scores_are_read(file_boxes):
    found = file_boxes([detection(139.0, score=1.0000001)]).of(frame(139))
    assert found.scores.tolist() == [1.0000001]


def test_two_corners_are_refused(file_boxes):
    corners = [(x, y, x + w, y + h) for x, y, w, h in PEOPLE]
    with pytest.raises(DataError, match=r"expected boxes as x, y, width, height.*x, y, x, y"):
        file_boxes([detection(box=box) for box in corners])
    assert file_boxes([detection(box=box) for box in PEOPLE]).notes == ()


def test_shares_of_the_image_are_refused(file_boxes):
    shares = [(x / 640, y / 480, w / 640, h / 480) for x, y, w, h in PEOPLE]
    with pytest.raises(DataError, match=r"expected boxes as x, y.*shares of the image"):
        file_boxes([detection(box=box) for box in shares])


def test_boxes_that_mostly_overshoot_are_noted(file_boxes):
    wide = [(100, 100, 700, 50)] * 4 + PEOPLE[:1]
    (note,) = file_boxes([detection(box=box) for box in wide]).notes
    assert note == "4 of 5 boxes beyond the edge of the image by more than 5% of its side"


def test_what_is_left_out_is_noted(file_boxes):
    rows = [detection(), detection(category=3), detection(9), detection(9), detection(8)]
    source = file_boxes([*rows, detection(box=(640, 0, 5, 5))])
    assert source.notes == (
        "1 box of another category than person in found.json: left out",
        "3 boxes of 2 images that the data set does not list: left out",
        "1 box without size or outside the image: left out",
    )
    assert file_boxes(rows, min_score=0.5).notes == source.notes[:2]


@pytest.mark.timeout(40)
def test_boxes_of_many_images_come_at_once(file_boxes):
    """200,000 boxes of as many images took over a minute when each image was searched for."""
    rows = [detection(139), *(detection(10**6 + i) for i in range(200_000))]
    source = file_boxes(rows)
    assert len(source.of(frame(139))) == 1


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.json: cannot read the detections \(No such"):
        open_boxes(f"file:{tmp_path}/absent.json", HRNET, 0.0, "coco", [frame()])
    with pytest.raises(DataError, match="cannot read the detections"):
        open_boxes(f"file:{tmp_path}", HRNET, 0.0, "coco", [frame()])


# --- the other sources --------------------------------------------------------------------------


def test_simulated_boxes_are_for_the_sample_scenes():
    one = frame(boxes_xywh=[[100, 100, 80, 200]])
    found = open_boxes("simulated", HRNET, 0.0, "sample", [one]).of(one)
    np.testing.assert_array_equal(found.boxes_xywh, simulated_boxes(one).boxes_xywh)
    sure = open_boxes("simulated", HRNET, 0.3, "sample", [one]).of(one)
    assert 0 < len(sure) < len(found)
    assert (sure.scores >= 0.3).all()


def test_simulated_boxes_are_refused_on_real_images():
    with pytest.raises(UsageError, match=r"simulated exists for --data sample only.*file:"):
        open_boxes("simulated", HRNET, 0.0, "coco", [])


@pytest.mark.parametrize("text", ["", "file", "file:", "GT", "detected", "found.json", "gt:x"])
def test_an_unknown_source_is_refused_with_the_choices(text):
    with pytest.raises(UsageError, match="no box source. Expected gt, simulated .* or file:F"):
        open_boxes(text, HRNET, 0.0, "sample", [])
