"""Perfect outputs: the outputs that a perfect network would give for the crops of a frame.

They are computed from the annotated key points, outside the timed region. Without trained weights
the decoder reads them instead of the outputs of the network, so that post-processing does
realistic work. The accuracy of their decoded poses is the upper bound of the codec.
"""

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Boxes, Floats, Truth
from posemark.core.spec import ModelSpec, TopDown
from posemark.core.whole_image import Maps
from posemark.geometry.affine import apply
from posemark.geometry.boxes import iou

MATCH_IOU = 0.3
"""The smallest IoU at which a box counts as the box of the person that it overlaps most."""

BACKGROUND = 0.1
"""Amplitude of the noise in outputs for boxes without a person: half of topdown.JOINT_THRESHOLD."""


def matched_people(truth: Truth, boxes: Boxes) -> NDArray[np.intp]:
    """Match boxes to annotated people.

    Returns:
        (N,) index of the person in each box; -1 if there is no person. Crowd regions do not count.
    """
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
    """Compute the outputs of a perfect network for crops.

    Args:
        truth: the annotated people of the frame.
        people: (N,) indices into truth of the person in each crop, or -1.
        map_affines: (N, 2, 3) affines from image pixels to map cells.
        spec: the model; its input size and its skeleton are used.
        method: its method, whose codec encodes the keypoints.
        mirrored: whether the crops are mirrored horizontally, which exchanges left and right
            keypoints.

    Returns:
        The outputs by name; their first axis is the crop.
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
    """Combine the outputs of crops with a person with weak noise for all other crops."""
    maps = np.empty((len(somebody), *encoded.shape[1:]), np.float32)
    maps[somebody], maps[~somebody] = encoded, _background(encoded.shape[1:])
    return maps


def _mirrored_cells(cells: Floats, input_w: int, output_w: int, method: TopDown) -> Floats:
    """Compute the cells of points after mirroring the *input* pixels, under the convention."""
    extent = method.convention.extent
    cells_per_pixel = (output_w - extent) / (input_w - extent)
    return np.stack([(input_w - 1) * cells_per_pixel - cells[..., 0], cells[..., 1]], -1)


def _background(shape: tuple[int, ...]) -> Maps:
    """Compute noise from 0 to BACKGROUND, which depends on the place in the maps only.

    It is a hash of the place, so that it is the same with every version of numpy. The constants are
    those of "lowbias32" by Chris Wellons, which spreads all bits.
    """
    bits = np.arange(1, 1 + np.prod(shape), dtype=np.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits ^= bits >> np.uint32(shift)
        bits *= np.uint32(factor)
    bits ^= bits >> np.uint32(16)
    # A float32 holds the upper 24 bits exactly.
    shares = (bits >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)
    return shares.reshape(shape) * np.float32(BACKGROUND)
