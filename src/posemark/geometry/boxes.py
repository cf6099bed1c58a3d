"""Person boxes: cleaning, overlap, and the centre and scale that a crop is made from."""

import numpy as np
from numpy.typing import NDArray

from posemark.core.convention import Convention
from posemark.core.frame import Floats

SCALE_UNIT = 200.0
"""Pixels in one unit of a box's `scale`, as in the MPII data set."""


def clean_gt_boxes(
    boxes_xywh: Floats, areas: Floats, size_wh: tuple[int, int], convention: Convention
) -> tuple[Floats, NDArray[np.bool_]]:
    """Clip annotated boxes to the image as the official dataset classes do.

    Args:
        boxes_xywh: (N, 4) boxes in pixels, as annotated.
        areas: (N,) areas in px^2, as annotated. The official code leaves out people of area 0.
        size_wh: width and height of the image.
        convention: decides whether one pixel is added to the clipped size, and whether boxes
            that are one pixel thin are kept.

    Returns:
        (N, 4) clipped boxes in float64, and an (N,) mask of the boxes to crop.
    """
    boxes = np.asarray(boxes_xywh, np.float64).reshape(-1, 4)
    first = np.maximum(boxes[:, :2], 0)
    last = np.minimum(np.subtract(size_wh, 1), first + np.maximum(0, boxes[:, 2:] - 1))
    sizes = last - first
    thick = (sizes >= 0) if convention.keep_line_boxes else (sizes > 0)
    usable = np.asarray((thick & (boxes[:, 2:] > 0)).all(1) & (np.asarray(areas) > 0), np.bool_)
    return np.concatenate([first, sizes + convention.extent], 1), usable


def croppable(boxes_xywh: Floats, size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    """Return an (N,) mask of the boxes (N, 4) that have a size and overlap the image."""
    x, y, w, h = np.asarray(boxes_xywh, np.float64).reshape(-1, 4).T
    inside = (x < size_wh[0]) & (y < size_wh[1]) & (x + w > 0) & (y + h > 0)
    return inside & (w > 0) & (h > 0)


def centre_scale(
    boxes_xywh: Floats, input_wh: tuple[int, int], convention: Convention
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the centre and scale of the padded crop of every box.

    The shorter side grows to the aspect ratio of the network input, then both sides grow by the
    padding, except if the centre's x equals the convention's unpadded_x.

    Args:
        boxes_xywh: (N, 4) boxes in pixels.
        input_wh: width and height of the network input.
        convention: gives the extent of a pixel, the padding and unpadded_x.

    Returns:
        Centres (N, 2) in pixels and scales (N, 2) in units of SCALE_UNIT pixels, both in float32
        because the official code stores them in that precision.
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
    """Compute the (N,) areas in px^2 of padded crops, by which the official OKS-NMS divides.

    Args:
        scales: (N, 2) in units of SCALE_UNIT pixels.
    """
    return np.prod(np.asarray(scales, np.float64) * SCALE_UNIT, axis=1)


def iou(a_xywh: Floats, b_xywh: Floats) -> Floats:
    """Compute the (A, B) intersection over union of boxes (A, 4) and boxes (B, 4)."""
    a = np.asarray(a_xywh, np.float64).reshape(-1, 1, 4)
    b = np.asarray(b_xywh, np.float64).reshape(1, -1, 4)
    first = np.maximum(a[..., :2], b[..., :2])
    last = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    common = np.prod(np.maximum(0, last - first), axis=-1)
    union = np.prod(a[..., 2:], axis=-1) + np.prod(b[..., 2:], axis=-1) - common
    return common / np.maximum(union, np.finfo(np.float64).tiny)


def nms(boxes_xywh: Floats, scores: Floats, most_iou: float) -> NDArray[np.intp]:
    """Suppress the boxes that overlap a better one.

    Args:
        boxes_xywh: (N, 4) boxes.
        scores: (N,) scores.
        most_iou: the IoU with a better box that is kept above which a box is dropped.

    Returns:
        The indices of the boxes that are kept, the best first. Of equal scores the first is better.
    """
    order = np.argsort(-scores, kind="stable")
    overlaps = iou(boxes_xywh[order], boxes_xywh[order]) > most_iou
    kept = np.ones(len(order), np.bool_)
    for at in range(len(order)):
        if kept[at]:
            kept[at + 1 :] &= ~overlaps[at, at + 1 :]
    return order[kept]


def clipped_xywh(corners_xyxy: Floats, size_wh: tuple[int, int]) -> Floats:
    """Return boxes (N, 4) x, y, w, h from corners (N, 4), clipped to an image of this size."""
    corners = np.clip(np.asarray(corners_xyxy, np.float64).reshape(-1, 4), 0, (*size_wh, *size_wh))
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)
