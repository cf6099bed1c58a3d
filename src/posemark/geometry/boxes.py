"""Person boxes: cleaning, overlap, and the centre and scale that a crop is made from."""

import numpy as np
from numpy.typing import NDArray

from posemark.core.convention import Convention
from posemark.core.frame import Floats

SCALE_UNIT = 200.0
"""Pixels in one unit of `scale`, a habit inherited from MPII."""


def clean_gt_boxes(
    boxes_xywh: Floats, areas: Floats, size_wh: tuple[int, int], convention: Convention
) -> tuple[Floats, NDArray[np.bool_]]:
    """Annotated boxes as the official dataset classes clip them to the image.

    Args:
        boxes_xywh: (N, 4) as annotated.
        areas: (N,) px^2 as annotated; people of area 0 are left out officially.
        size_wh: the image's width and height.
        convention: decides whether a pixel is given back to the size, and thin boxes' fate.

    Returns:
        (N, 4) float64 boxes and an (N,) mask of those that are worth a crop.
    """
    boxes = np.asarray(boxes_xywh, np.float64).reshape(-1, 4)
    first = np.maximum(boxes[:, :2], 0)
    last = np.minimum(np.subtract(size_wh, 1), first + np.maximum(0, boxes[:, 2:] - 1))
    sizes = last - first
    thick = (sizes >= 0) if convention.keep_line_boxes else (sizes > 0)
    usable = np.asarray((thick & (boxes[:, 2:] > 0)).all(1) & (np.asarray(areas) > 0), np.bool_)
    return np.concatenate([first, sizes + convention.extent], 1), usable


def croppable(boxes_xywh: Floats, size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    """(N,) mask of boxes that have a size and touch the image; the rest show nobody."""
    x, y, w, h = np.asarray(boxes_xywh, np.float64).reshape(-1, 4).T
    inside = (x < size_wh[0]) & (y < size_wh[1]) & (x + w > 0) & (y + h > 0)
    return inside & (w > 0) & (h > 0)


def centre_scale(
    boxes_xywh: Floats, input_wh: tuple[int, int], convention: Convention
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centre (N, 2) in pixels and scale (N, 2) in units of 200 px of the padded crop.

    The shorter side grows to the network's aspect ratio, then both grow by the padding,
    but where the convention's rule on the centre says otherwise.
    float32 on purpose: the official code stores both in that precision.
    """
    boxes = np.asarray(boxes_xywh, np.float64).reshape(-1, 4)
    centres = (boxes[:, :2] + (boxes[:, 2:] - convention.extent) / 2).astype(np.float32)
    aspect = input_wh[0] / input_wh[1]
    width = np.maximum(boxes[:, 2], boxes[:, 3] * aspect)
    height = np.maximum(boxes[:, 3], boxes[:, 2] / aspect)
    scales = (np.stack([width, height], 1) / SCALE_UNIT).astype(np.float32)
    grow = np.full(len(boxes), convention.padding, np.float32)
    if convention.unpadded_x is not None:
        grow[centres[:, 0] == convention.unpadded_x] = 1
    return centres, scales * grow[:, None]


def crop_areas(scales: Floats) -> Floats:
    """(N,) area in px^2 of the padded crops: what the official OKS-NMS divides by."""
    return np.prod(np.asarray(scales, np.float64) * SCALE_UNIT, axis=1)


def iou(a_xywh: Floats, b_xywh: Floats) -> Floats:
    """(A, B) intersection over union of two sets of boxes."""
    a = np.asarray(a_xywh, np.float64).reshape(-1, 1, 4)
    b = np.asarray(b_xywh, np.float64).reshape(1, -1, 4)
    first = np.maximum(a[..., :2], b[..., :2])
    last = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    common = np.prod(np.maximum(0, last - first), axis=-1)
    union = np.prod(a[..., 2:], axis=-1) + np.prod(b[..., 2:], axis=-1) - common
    return common / np.maximum(union, np.finfo(np.float64).tiny)
