"""OpenCV's people detector, which OpenCV 5 does not have in its main modules."""

from types import SimpleNamespace
from unittest import mock

import cv2
import numpy as np
import pytest

from posemark.core.errors import UsageError
from posemark.datasets.sample import Sample
from posemark.detectors import hog
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job


@pytest.fixture
def there(monkeypatch):
    """A test double of OpenCV's class, which returns two windows for every image."""
    double = mock.MagicMock()
    windows, distances = [[0, 0, 64, 128], [100, 40, 128, 256]], [[0.5], [2.0]]
    double.return_value.detectMultiScale.return_value = np.array(windows), np.array(distances)
    monkeypatch.setattr(cv2, "HOGDescriptor", double, raising=False)
    return double.return_value.detectMultiScale


def test_boxes_are_the_people_within_the_windows_the_best_first(there):
    found = hog.HogDetector(640).detect(np.zeros((480, 640, 3), np.uint8))
    np.testing.assert_allclose(found.scores, 1 - np.exp([-2, -0.5]))
    np.testing.assert_allclose(
        found.boxes_xywh, [[112.8, 57.92, 102.4, 204.8], [6.4, 8.96, 51.2, 102.4]]
    )


def test_large_images_are_reduced_and_their_boxes_enlarged(there):
    found = hog.HogDetector(640).detect(np.zeros((960, 1280, 3), np.uint8))
    assert there.call_args.args[0].shape == (480, 640, 3)
    np.testing.assert_allclose(found.boxes_xywh[0], [225.6, 115.84, 204.8, 409.6])


def test_an_image_smaller_than_a_window_has_nobody(there):
    assert len(hog.HogDetector(640).detect(np.zeros((100, 640, 3), np.uint8))) == 0
    there.assert_not_called()


def test_the_facts_of_a_run_name_the_library(there):
    (job,) = plan(["naive-litehrnet-18-256x192"], Options("sample", 1, boxes="detector:hog"))
    prepared = prepare_job(job, Sample(1), Sample(1).frames())
    facts = prepared.detector.facts
    assert (facts.name, facts.sha256, facts.size) == ("hog", f"opencv {cv2.__version__}", 640)
    assert job.key(None).endswith("@detected+hog")


def test_an_opencv_without_it_is_said_before_anything_runs(monkeypatch):
    monkeypatch.setattr(hog, "cv2", SimpleNamespace(__version__="5.0.0"))
    (job,) = plan(["naive-litehrnet-18-256x192"], Options("sample", 1, boxes="detector:hog"))
    with pytest.raises(UsageError, match=r"detector:hog: OpenCV 5.0.0 .*opencv-python-headless<5"):
        prepare_job(job, Sample(1), Sample(1).frames())


def test_its_options_are_only_the_size():
    options = Options("sample", 1, boxes="detector:hog", detector_runtime="openvino")
    with pytest.raises(UsageError, match="hog is part of opencv and runs there only"):
        plan(["naive-litehrnet-18-256x192"], options)


@pytest.mark.skipif(not hasattr(cv2, "HOGDescriptor"), reason="OpenCV 5 has no HOG detector")
def test_the_real_one_finds_some_of_the_drawn_people():
    from posemark.geometry.crop import image_of

    detector = hog.HogDetector(640)
    found = [detector.detect(image_of(frame)) for frame in Sample(12).frames()]
    assert sum(map(len, found)) > 0
