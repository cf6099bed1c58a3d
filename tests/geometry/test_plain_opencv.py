"""The functions that replace OpenCV on small devices give OpenCV's own bytes."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemark.core.errors import PoseMarkError
from posemark.core.spec import Pixels
from posemark.geometry import crop, letterbox, plain_opencv
from posemark.geometry.affine import crop_affines
from posemark.geometry.boxes import centre_scale
from posemark.geometry.conventions import DARK, HRNET, MMPOSE0
from posemark.geometry.plain_png import plain_png

IMAGE_SIDES = st.tuples(st.integers(1, 200), st.integers(1, 200))
CROP_SIDES = st.tuples(st.integers(1, 100), st.integers(1, 100))
SEEDS = st.integers(0, 2**32 - 1)
BYTES = st.integers(0, 255)
FLAGS = st.sampled_from([cv2.INTER_LINEAR, cv2.INTER_CUBIC])
AVX2, FMA3 = 11, 12  # numbers of cv::CpuFeatures, which Python has no names for

fused = pytest.mark.skipif(
    not (cv2.checkHardwareSupport(AVX2) and cv2.checkHardwareSupport(FMA3)),
    reason="OpenCV rounds differently on this processor",
)


def noise(size_wh, seed):
    return np.random.default_rng(seed).integers(0, 256, (*size_wh[::-1], 3), np.uint8)


@pytest.fixture
def without_opencv(monkeypatch):
    """Let crops and letterboxes use the replacement."""
    monkeypatch.setattr(crop, "cv2", plain_opencv)
    monkeypatch.setattr(letterbox, "cv2", plain_opencv)


@fused
@given(
    image_wh=IMAGE_SIDES,
    crop_wh=CROP_SIDES,
    matrix=st.lists(st.floats(-3, 3, allow_subnormal=False), min_size=4, max_size=4),
    centre=st.tuples(st.floats(-0.3, 1.3), st.floats(-0.3, 1.3)),
    flags=FLAGS,
    border=st.tuples(BYTES, BYTES, BYTES),
    seed=SEEDS,
)
def test_any_affine_samples_what_opencv_samples(
    image_wh, crop_wh, matrix, centre, flags, border, seed
):
    image, turn = noise(image_wh, seed), np.reshape(matrix, (2, 2))
    shift = np.array(crop_wh) / 2 - turn @ (np.array(centre) * image_wh)
    affine = np.column_stack([turn, shift])
    if abs(np.linalg.det(turn)) < 1e-3:  # coordinates beyond the integers of OpenCV
        affine = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    wanted = cv2.warpAffine(image, affine, crop_wh, flags=flags, borderValue=border)
    found = plain_opencv.warpAffine(image, affine, crop_wh, flags=flags, borderValue=border)
    np.testing.assert_array_equal(found, wanted)


@fused
@settings(max_examples=20)
@pytest.mark.parametrize("convention", [HRNET, DARK, MMPOSE0], ids=lambda found: found.name)
@pytest.mark.parametrize("cubic", ["never", "always", "enlarging"])
@given(
    box=st.tuples(*[st.floats(-50, 250)] * 2, *[st.floats(1, 300)] * 2),
    input_wh=st.sampled_from([(192, 256), (48, 64), (61, 47)]),
    fill=BYTES,
    seed=SEEDS,
)
def test_crops_of_boxes_are_equal(convention, cubic, box, input_wh, fill, seed):
    image = noise((210, 170), seed)
    centres, scales = centre_scale(np.array([box]), input_wh, convention)
    affines = crop_affines(centres, scales, input_wh, convention)
    pixels = Pixels("rgb", 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), cubic, fill)
    wanted = crop.crop_batch(image, affines, input_wh, pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crop, "cv2", plain_opencv)
        found = crop.crop_batch(image, affines, input_wh, pixels)
    np.testing.assert_array_equal(found, wanted)


def test_a_singular_affine_gives_what_opencv_gives():
    image, affine = noise((9, 7), 1), np.array([[2.0, 1.0, 3.0], [4.0, 2.0, 5.0]])
    wanted = cv2.warpAffine(image, affine, (20, 5))
    np.testing.assert_array_equal(plain_opencv.warpAffine(image, affine, (20, 5)), wanted)


@given(image_wh=IMAGE_SIDES, size_wh=IMAGE_SIDES, seed=SEEDS)
def test_resized_images_are_equal(image_wh, size_wh, seed):
    image = noise(image_wh, seed)
    np.testing.assert_array_equal(plain_opencv.resize(image, size_wh), cv2.resize(image, size_wh))


@pytest.mark.parametrize("factor_wh", [(2, 2), (2, 1), (1, 2), (1, 1), (3, 3), (4, 4), (4, 2)])
def test_images_reduced_by_whole_factors_are_equal(factor_wh):
    image = noise((31 * factor_wh[0], 17 * factor_wh[1]), 3)
    np.testing.assert_array_equal(plain_opencv.resize(image, (31, 17)), cv2.resize(image, (31, 17)))


@pytest.mark.parametrize("image_wh", [(640, 427), (33, 500), (12, 9)])
def test_letterboxes_are_equal(image_wh, request):
    box = letterbox.Letterbox((320, 320), "nearest", Pixels("bgr", 1, (1, 2, 3), (4, 5, 6), fill=9))
    wanted = box.network_input(noise(image_wh, 0))
    request.getfixturevalue("without_opencv")
    np.testing.assert_array_equal(box.network_input(noise(image_wh, 0)), wanted)


@given(size_wh=IMAGE_SIDES, seed=SEEDS)
def test_both_decoders_read_a_plain_png(size_wh, seed):
    image = noise(size_wh, seed)
    encoded = np.frombuffer(plain_png(image), np.uint8)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    np.testing.assert_array_equal(cv2.imdecode(encoded, flags), image)
    np.testing.assert_array_equal(plain_opencv.imdecode(encoded, flags), image)


def test_the_flags_are_those_of_opencv():
    for name in ("INTER_LINEAR", "INTER_CUBIC", "IMREAD_COLOR", "IMREAD_IGNORE_ORIENTATION"):
        assert getattr(plain_opencv, name) == getattr(cv2, name)


def chunk(kind, content, damage=0):
    checksum = zlib.crc32(kind + content) ^ damage
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(raw, bits=8, colours=2, interlaced=0, data=None, damage=0):
    """Write a PNG of 2x1 pixels by hand."""
    header = struct.pack(">IIBBBBB", 2, 1, bits, colours, 0, 0, interlaced)
    data = zlib.compress(raw) if data is None else data
    parts = chunk(b"IHDR", header), chunk(b"IDAT", data, damage), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


ROW = bytes(7)


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (b"", "only plain PNG"),
        (cv2.imencode(".jpg", np.zeros((4, 4, 3), np.uint8))[1].tobytes(), "or install OpenCV"),
        (png(b"\x02" + ROW[1:]), "filter type 0 in every row, got type 2 in row 0"),
        (png(ROW, bits=16), "got 16 bits, colour type 2"),
        (png(ROW, colours=6), "colour type 6"),
        (png(ROW, interlaced=1), "interlacing 1"),
        (png(ROW[:-1]), "expected 7 bytes of pixels, got 6"),
        (png(bytes(10**6)), "expected 7 bytes of pixels, got more"),
        (png(ROW, data=b"no zlib"), "it is damaged"),
        (png(ROW, damage=1), "it is damaged"),
        (png(ROW)[:50], "it is damaged"),
        (png(ROW)[:-12], "its last chunk is missing"),
        (png(ROW)[:40], "it is cut off"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "its header is damaged"),
    ],
)
def test_other_images_are_refused_with_the_reason(encoded, reason):
    with pytest.raises(plain_opencv.error, match=reason) as raised:
        plain_opencv.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert isinstance(raised.value, PoseMarkError)
    assert reason in raised.value.err


def test_a_frame_that_is_no_plain_png_is_named(without_opencv):
    jpeg = cv2.imencode(".jpg", np.zeros((4, 6, 3), np.uint8))[1].tobytes()
    with pytest.raises(PoseMarkError, match=r"street\.jpg: .*only plain PNG.*install OpenCV"):
        crop.decode_bgr(jpeg, (6, 4), "street.jpg")


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda cv: cv.warpAffine(noise((4, 4), 0), np.eye(3)[:2], (0, 4)), "got 0x4"),
        (lambda cv: cv.warpAffine(noise((4, 4), 0), np.eye(3)[:2], (4, 4), flags=4), "got 4"),
        (lambda cv: cv.resize(np.zeros((0, 4, 3), np.uint8), (4, 4)), r"\(0, 4, 3\)"),
        (lambda cv: cv.resize(np.zeros((4, 4), np.uint8), (4, 4)), r"\(4, 4\)"),
        (lambda cv: cv.resize(np.zeros((4, 4, 3), np.float32), (4, 4)), "float32"),
        (lambda cv: cv.imdecode(np.zeros(4, np.uint8), 0), "got flags 0"),
    ],
)
def test_what_is_not_implemented_is_refused(call, reason):
    with pytest.raises(plain_opencv.error, match=reason):
        call(plain_opencv)
