"""docs/limits.md says the limits that the code has."""

from pathlib import Path

import pytest

from posemark import caffemodel
from posemark.core import toml
from posemark.datasets import _json_lists, coco
from posemark.downloads import archives, notes, wanted, web
from posemark.geometry import image_file, image_header
from posemark.pipelines.whole_image import MOST_INPUT_PIXELS
from posemark.records import lines, truth
from posemark.runtimes import onnx_file
from posemark.weights import pickles, reading, torch_file

PAGE = (Path(__file__).parents[1] / "docs" / "limits.md").read_text(encoding="utf-8")
CELLS = [row.split("|") for row in PAGE.splitlines() if row.startswith("| ")]
ROWS = {cells[1].strip(): cells[2] for cells in CELLS}

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("kind", "said", "value"),
    [
        ("image (JPEG, PNG)", "256 MiB", image_file.MOST_IMAGE_BYTES / MIB),
        ("image (JPEG, PNG)", "67,108,864 pixels", image_header.MOST_PIXELS),
        ("image (JPEG, PNG)", "100 scans", image_header.MOST_SCANS),
        ("image (JPEG, PNG)", "262,144 segments", image_header._MOST_PARTS),
        ("JSON lists (COCO annotations, detections)", "512 MiB", _json_lists.MOST_BYTES / MIB),
        ("JSON lists (COCO annotations, detections)", "6,000,000", _json_lists.MOST_OBJECTS),
        ("JSON lists (COCO annotations, detections)", "4 MiB", _json_lists.MOST_ENTRY_BYTES / MIB),
        ("JSON lists (COCO annotations, detections)", "1,000,000 images", coco.MOST_ENTRIES),
        ("run record", "8 MiB", lines.LONGEST_LINE / MIB),
        ("truth file", "512 MiB", truth.LARGEST / MIB),
        ("card, setting (TOML)", "128 KiB", toml.LONGEST / KIB),
        ("card, setting (TOML)", "100 dots", toml.MOST_DOTS),
        ("PoseMark's own notes", "1 MiB", notes.LONGEST / MIB),
        ("PyTorch checkpoint", "128 MiB", torch_file.LARGEST_PICKLE / MIB),
        ("PyTorch checkpoint", "2,000,000 instructions", pickles.MOST_STEPS),
        ("PyTorch checkpoint", "4 MiB", torch_file.LARGEST_TABLE / MIB),
        ("safetensors", "4 MiB", reading._LARGEST_HEADER / MIB),
        ("Caffe model", "2 GiB", (caffemodel.LARGEST + 1) / GIB),
        ("Caffe model", "65,536 fields", caffemodel._MOST_FIELDS),
        ("ONNX file", "2 GiB", (onnx_file.LARGEST + 1) / GIB),
        ("ONNX file", "1,000,000 nodes", onnx_file._MOST_NODES),
        ("zip archive of a download", "500,000 members", archives._MOST_MEMBERS),
        ("zip archive of a download", "64 MiB", archives._LARGEST_TABLE / MIB),
        ("zip archive of a download", "64 GiB", archives._MOST_BYTES / GIB),
        ("download", "4 GiB", wanted.MOST_BYTES / GIB),
        ("download", "10 redirects", web._MOST_REDIRECTS),
        ("image for a whole-image model", "8,388,608 pixels", MOST_INPUT_PIXELS),
        ("video", "67,108,864 pixels", image_header.MOST_PIXELS),
    ],
)
def test_the_page_says_the_limit_that_the_code_has(kind, said, value):
    assert said in ROWS[kind]
    assert float(said.split()[0].replace(",", "")) == value
