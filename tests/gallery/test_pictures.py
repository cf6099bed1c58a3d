"""Pictures of frames: the part that is shown, and that it is drawn where the people are."""

import base64

import cv2
import numpy as np
import pytest

import made_gallery
from made_gallery import exact, moved, scenes, without
from posemark import drawing
from posemark.gallery import pictures
from posemark.geometry.crop import image_of

SEVERAL = max(scenes(), key=lambda frame: len(exact(frame)))


@pytest.fixture
def judged(tmp_path):
    made = made_gallery.made(tmp_path)

    def judge(change=lambda poses: poses):
        path = made.record("one@gt", lambda f, poses: change(poses) if f is SEVERAL else poses)
        return made_gallery.judged(path).frames[SEVERAL.image_id]

    return judge


def inside(part, points_xy):
    low, high = np.array(part.corner_xy), np.add(part.corner_xy, part.part_wh)
    return bool(((points_xy >= low) & (points_xy < high)).all())


def box_of(frame, person):
    x, y, w, h = frame.truth.boxes_xywh[person]
    corners = np.array([(x, y), (x + w - 1, y + h - 1)])
    return np.clip(corners, 0, np.subtract(frame.source.size_wh, 1))


def test_a_picture_is_closed_up_on_the_person_that_is_missed(judged):
    frame = judged(lambda poses: without(poses, 0))
    part = pictures.close_up([frame], frame.source.size_wh)
    assert inside(part, box_of(frame, 0))
    assert np.prod(part.part_wh) < 0.6 * np.prod(frame.source.size_wh)


def test_a_picture_shows_everybody_if_nothing_went_wrong(judged):
    frame = judged()
    part = pictures.close_up([frame], frame.source.size_wh)
    assert all(inside(part, box_of(frame, person)) for person in range(len(frame.truth)))


def test_two_entries_share_a_part_with_what_went_wrong_for_either(judged):
    frames = [judged(lambda poses: without(poses, 0)), judged(lambda poses: without(poses, 1))]
    part = pictures.close_up(frames, SEVERAL.size_wh)
    assert inside(part, box_of(frames[0], 0))
    assert inside(part, box_of(frames[0], 1))


@pytest.mark.parametrize("change", [lambda p: p, lambda p: moved(p, -1e8), lambda p: moved(p, 1e8)])
@pytest.mark.parametrize("size_wh", [(640, 480), (40, 30), (3000, 20), (20, 3000)])
def test_a_part_is_within_the_image_and_its_picture_within_its_bounds(judged, change, size_wh):
    part = pictures.close_up([judged(change)], size_wh)
    assert min(part.corner_xy) >= 0
    assert (np.add(part.corner_xy, part.part_wh) <= size_wh).all()
    assert 1 <= part.size_wh[0] <= pictures.WIDTH
    assert 1 <= part.size_wh[1] <= pictures.HEIGHT
    image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    assert part.picture(image).shape == (*part.size_wh[::-1], 3)


def test_points_move_with_the_pixels_of_the_image():
    image = np.zeros((300, 400, 3), np.uint8)
    image[150:152, 200:202] = 255
    part = pictures.CloseUp((180, 140), (56, 42), (560, 420))
    bright = np.argwhere(part.picture(image)[..., 0] > 127)[:, ::-1]
    assert bright.mean(0) == pytest.approx(part.moved(np.array([200.5, 150.5])), abs=0.01)
    assert part.moved_boxes(np.array([[180.0, 140.0, 56.0, 42.0]]))[0, 2:].tolist() == [560, 420]


def test_the_truth_the_poses_and_what_went_wrong_are_drawn(judged):
    frame = judged(lambda poses: without(poses, 0))
    image = image_of(frame.source)
    part = pictures.close_up([frame], frame.source.size_wh)
    picture, bare = pictures.drawn(frame, image, part), part.picture(image)
    changed = (picture != bare).any(-1)
    for colour in (pictures.MARK, drawing.TRUTH):
        assert ((picture[..., ::-1] == colour).all(-1) & changed).sum() > 50, colour
    assert image_of(frame.source).tobytes() == image.tobytes(), "the image itself is not drawn on"


def test_a_picture_becomes_part_of_the_page():
    picture = np.full((42, 56, 3), 200, np.uint8)
    kind, _, content = pictures.data_uri(picture).partition(",")
    assert kind == "data:image/jpeg;base64"
    encoded = np.frombuffer(base64.b64decode(content), np.uint8)
    assert cv2.imdecode(encoded, cv2.IMREAD_COLOR).shape == picture.shape
