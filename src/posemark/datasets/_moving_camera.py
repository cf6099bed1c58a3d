"""A smooth camera that moves over a still image, and the annotations that it carries along.

Pan, zoom and roll are sines of random period and phase, drawn from a text as seed. The view never
leaves the image, because its centre stays as far from the edges as the widest roll needs. It is
always enlarged: an image that is never made smaller cannot alias, so that no shimmer of the
sampling is mistaken for a tremble of the model.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from posemark.core.frame import Floats, Ids, Truth
from posemark.datasets._seeded import between, generator
from posemark.geometry import affine

_ROLL = math.radians(5)
"""Largest roll. The box around a turned box is larger than the person; a few degrees add little."""

_ZOOM = (1.1, 1.5)
"""Range of the zoom beyond what the largest roll needs; the view can pan over the rest."""

_PERIOD_S = (2.0, 5.0)
"""Seconds of a full swing: at most about 10 pixels per frame in an image of 640."""

_DIGITS = 9
"""Decimals of the affines. Sines differ in the last bit between mathematics libraries; what
follows from the rounded affines is equal everywhere."""

_TRUTH_DIGITS = 3
"""Decimals of positions, in pixels."""

_SMALLEST = 1.0
"""Pixels of a box that is still in view."""


def camera_path(seed: str, size_wh: tuple[int, int], times_s: Floats) -> Floats:
    """Return where a random camera looks at each of N times.

    Args:
        seed: names the path.
        size_wh: width and height of the still image and of the frames, in pixels.
        times_s: (N,) times in seconds.

    Returns:
        (N, 2, 3) affines from the pixels of the image to those of the frames.
    """
    rng = generator(seed)
    swings = [_swing(between(rng, _PERIOD_S), rng.random(), times_s) for _ in range(4)]
    pan_x, pan_y, zooming, rolling = swings
    reach = [between(rng, (0.3, 1.0)) for _ in range(4)]
    last = np.maximum(np.array(size_wh, np.float64) - 1, 1)
    covering = 1 + math.sin(_ROLL) * max(last[0] / last[1], last[1] / last[0])
    low, high = _ZOOM
    zoom = covering * ((low + high) / 2 + (high - low) / 2 * reach[2] * zooming)
    seen = (last + math.sin(_ROLL) * last[::-1]) / zoom[:, None]  # the most at any roll
    pan = np.stack([reach[0] * pan_x, reach[1] * pan_y], 1)
    centre = last / 2 + pan * np.maximum(last - seen, 0) / 2
    return _affines(centre, zoom, _ROLL * reach[3] * rolling, last / 2)


def _swing(period_s: float, phase: float, times_s: Floats) -> Floats:
    return np.sin(2 * math.pi * (times_s / period_s + phase))


def _affines(centre: Floats, zoom: Floats, roll: Floats, middle: Floats) -> Floats:
    """Return (N, 2, 3) affines that turn and enlarge around a centre and bring it to the middle."""
    cos, sin = zoom * np.cos(roll), zoom * np.sin(roll)
    turned = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    shift = middle - (turned @ centre[..., None])[..., 0]
    return np.round(np.concatenate([turned, shift[..., None]], -1), _DIGITS)


@dataclass(frozen=True)
class _Carried:
    """The people of a still image in each of N frames; arrays begin with (N, P)."""

    keypoints_xyv: Floats
    boxes_xywh: Floats
    areas: Floats

    def truth(self, index: int, still: Truth, ids: Ids) -> Truth:
        """Return the people who are in view in one frame."""
        here = (self.boxes_xywh[index, :, 2:] >= _SMALLEST).all(1)
        return Truth(
            np.round(self.keypoints_xyv[index, here], _TRUTH_DIGITS),
            np.round(self.boxes_xywh[index, here], _TRUTH_DIGITS),
            np.round(self.areas[index, here], _TRUTH_DIGITS),
            still.is_crowd[here],
            still.skeleton,
            ids[here],
        )


def carried_truths(still: Truth, affines: Floats, size_wh: tuple[int, int]) -> Iterator[Truth]:
    """Yield the annotations of each frame of a clip.

    Key points out of view become unlabelled. A box becomes the upright box around its turned
    corners, clipped to the frame. An area grows with the square of the zoom, and shrinks by the
    share of the box that is clipped. People whose boxes are out of view are dropped.

    Args:
        still: the annotations of the still image.
        affines: (N, 2, 3) from the pixels of the image to those of the frames.
        size_wh: width and height of the frames.

    Yields:
        One truth for each of N frames; ids count the people of the still image from 1.
    """
    boxes, shares = _boxes(still.boxes_xywh, affines, size_wh)
    grown = np.abs(np.linalg.det(affines[:, :, :2]))
    areas = still.areas * grown[:, None] * shares
    carried = _Carried(_keypoints(still.keypoints_xyv, affines, size_wh), boxes, areas)
    ids = np.arange(1, len(still) + 1)
    return (carried.truth(index, still, ids) for index in range(len(affines)))


def _moved(points_xy: Floats, affines: Floats) -> Floats:
    """Return points (P, K, 2) as (N, P, K, 2) in each of N frames."""
    flat = affine.apply(affines, points_xy.reshape(1, -1, 2))
    return flat.reshape(len(affines), *points_xy.shape)


def _keypoints(keypoints_xyv: Floats, affines: Floats, size_wh: tuple[int, int]) -> Floats:
    moved = _moved(keypoints_xyv[..., :2], affines)
    # A pixel reaches half a pixel around its centre.
    inside = ((moved >= -0.5) & (moved < np.array(size_wh) - 0.5)).all(-1)
    seen = inside & (keypoints_xyv[..., 2] > 0)
    joined = np.concatenate(
        [moved, np.broadcast_to(keypoints_xyv[..., 2:], (*moved.shape[:-1], 1))], -1
    )
    return np.where(seen[..., None], joined, 0.0)


def _boxes(boxes_xywh: Floats, affines: Floats, size_wh: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return (N, P, 4) boxes clipped to the frame, and (N, P) the shares that are left of them."""
    first, sizes = boxes_xywh[:, None, :2], boxes_xywh[:, None, 2:]
    corners = first + sizes * np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float64)
    moved = _moved(corners, affines)
    low, high = moved.min(2), moved.max(2)
    clipped_low = np.clip(low, 0, size_wh)
    clipped = np.clip(high, 0, size_wh) - clipped_low
    whole = np.maximum(np.prod(high - low, -1), np.finfo(np.float64).tiny)
    return np.concatenate([clipped_low, clipped], -1), np.prod(clipped, -1) / whole
