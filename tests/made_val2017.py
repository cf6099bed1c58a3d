"""Makes a val2017 of three images without people, in the publisher's archives, and one box."""

import io
import json
import zipfile

import cv2
import numpy as np

NAMES = [f"{number:012d}.jpg" for number in (139, 285, 632)]
IMAGE = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()


def zipped(files, method=zipfile.ZIP_STORED):
    """Return an archive of these contents by name."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, inside in files.items():
            archive.writestr(name, inside)
    return content.getvalue()


def _annotations():
    images = [
        {"id": int(name[:-4]), "file_name": name, "width": 64, "height": 48} for name in NAMES
    ]
    return json.dumps({"images": images, "annotations": []}).encode()


# Made once, because archives contain the time at which they were made.
IMAGES = zipped({"val2017/": b"", **{f"val2017/{name}": IMAGE for name in NAMES}})
ANNOTATIONS = zipped(
    {
        "annotations/captions_val2017.json": b"{}",
        "annotations/person_keypoints_train2017.json": b"{}" * 1000,
        "annotations/person_keypoints_val2017.json": _annotations(),
    }
)
BOXES = json.dumps(
    [{"image_id": 139, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.9}]
).encode()
