"""Perfect outputs: what a flawless network would say about the crops of a frame.

They are made from the true key points, outside the clock. Without trained weights they are
what the decoder reads, so that post-processing does realistic work; with and without, their
decoded poses give the codec ceiling.
"""

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Boxes, Floats, Truth
from posemark.core.spec import ModelSpec, TopDown
from posemark.core.whole_image import Maps
from posemark.geometry.affine import apply
from posemark.geometry.boxes import iou

MATCH_IOU = 0.3
"""A box shows the person it overlaps most, if by at least this much; else nobody."""

BACKGROUND = 0.1
"""Maps of a box that shows nobody are noise below this: half of what counts as a joint."""


def matched_people(truth: Truth, boxes: Boxes) -> NDArray[np.intp]:
    """For every box the index of the person it shows, or -1. Crowd regions are nobody."""
    if len(truth) == 0 or len(boxes) == 0:
        return np.full(len(boxes), -1, np.intp)
    overlap = np.where(truth.is_crowd, 0, iou(boxes.boxes_xywh, truth.boxes_xywh))
    best = overlap.argmax(1)
    return np.where(overlap.max(1) >= MATCH_IOU, best, -1)


def perfect_crops(
    truth: Truth,
    people: NDArray[np.intp],
    map_affines: Floats,
    spec: ModelSpec,
    method: TopDown,
    mirrored: bool,
) -> dict[str, Maps]:
    """What a flawless network gives for crops, by the name of the output; N first.

    Args:
        truth: of the frame.
        people: (N,) whom the crops show: indices into truth, or -1.
        map_affines: (N, 2, 3) from image pixels to map cells.
        spec: of the model, whose input size and skeleton count.
        method: its way, whose codec encodes the keypoints.
        mirrored: for the horizontally mirrored crops, left and right keypoints exchanged.
    """
    somebody = people >= 0
    keypoints = truth.keypoints_xyv[people[somebody]]
    cells = apply(map_affines[somebody], keypoints[..., :2])
    size_wh = method.output_wh(spec.input_wh)
    if mirrored:
        order = list(spec.skeleton.mirrored())
        cells = _mirrored_cells(cells, spec.input_wh[0], size_wh[0], method)[:, order]
        keypoints = keypoints[:, order]
    encoded = method.codec.encode(cells, keypoints[..., 2] > 0, size_wh)
    return {name: _with_background(maps, somebody) for name, maps in encoded.items()}


def _with_background(encoded: Maps, somebody: NDArray[np.bool_]) -> Maps:
    """(N, ...): the encoded people where there is somebody, weak noise elsewhere."""
    maps = np.empty((len(somebody), *encoded.shape[1:]), np.float32)
    maps[somebody], maps[~somebody] = encoded, _background(encoded.shape[1:])
    return maps


def _mirrored_cells(cells: Floats, input_w: int, output_w: int, method: TopDown) -> Floats:
    """Where a point's cell lies after mirroring the *input* pixels, under the convention."""
    extent = method.convention.extent
    cells_per_pixel = (output_w - extent) / (input_w - extent)
    return np.stack([(input_w - 1) * cells_per_pixel - cells[..., 0], cells[..., 1]], -1)


def _background(shape: tuple[int, ...]) -> Maps:
    rng = np.random.Generator(np.random.PCG64(0))
    return rng.random(shape, np.float32) * np.float32(BACKGROUND)
