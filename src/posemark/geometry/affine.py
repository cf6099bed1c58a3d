"""Affine maps between image pixels and crop pixels, from the centre and scale of a box.

The official code passes three pairs of points to cv2.getAffineTransform. Without rotation, the
result has the closed form used here: one uniform scale, set by the width, and a shift.
"""

import numpy as np
from numpy.typing import NDArray

from posemark.core.convention import Convention
from posemark.core.frame import Floats
from posemark.geometry.boxes import SCALE_UNIT


def crop_affines(
    centres: Floats, scales: Floats, size_wh: tuple[int, int], convention: Convention
) -> NDArray[np.float64]:
    """Compute the affine from image pixels to the pixels of a crop, or cells of a map, per box.

    Only the width sets the zoom.

    Args:
        centres: (N, 2) box centres (x, y) in image pixels.
        scales: (N, 2) box width and height in units of SCALE_UNIT pixels.
        size_wh: width and height of the crop or map.
        convention: decides whether a span of n pixels counts as n or as n - 1.

    Returns:
        (N, 2, 3) affines.
    """
    extent = convention.extent
    zoom = (size_wh[0] - extent) / (scales[:, 0].astype(np.float64) * SCALE_UNIT - extent)
    middle = (np.array(size_wh, np.float64) - extent) / 2
    affines = np.zeros((len(zoom), 2, 3))
    affines[:, 0, 0] = affines[:, 1, 1] = zoom
    affines[:, :, 2] = middle - zoom[:, None] * centres
    return affines


def invert(affines: Floats) -> NDArray[np.float64]:
    """Invert (N, 2, 3) affines that only zoom and shift; other entries are ignored."""
    back = np.zeros(affines.shape)
    back[:, 0, 0] = 1 / affines[:, 0, 0]
    back[:, 1, 1] = 1 / affines[:, 1, 1]
    back[:, 0, 2] = -affines[:, 0, 2] * back[:, 0, 0]
    back[:, 1, 2] = -affines[:, 1, 2] * back[:, 1, 1]
    return back


def apply(affines: Floats, points_xy: Floats) -> NDArray[np.float64]:
    """Map points (N, K, 2) by affines (N, 2, 3), in float64."""
    scaled = np.asarray(points_xy, np.float64) @ affines[:, :, :2].transpose(0, 2, 1)
    return scaled + affines[:, None, :, 2]
