"""Box centre and scale <-> crop pixels.

The official code hands three point pairs to cv2.getAffineTransform. Without rotation that
has the closed form used here: one uniform scale set by the width, and a shift.
"""

import numpy as np
from numpy.typing import NDArray

from posemark.core.convention import Convention
from posemark.core.frame import Floats
from posemark.geometry.boxes import SCALE_UNIT


def crop_affines(
    centres: Floats, scales: Floats, size_wh: tuple[int, int], convention: Convention
) -> NDArray[np.float64]:
    """(N, 2, 3) affines from image pixels to pixels of a crop (or map) of size_wh.

    centres (N, 2) px; scales (N, 2) in units of 200 px. Only the width sets the zoom.
    """
    extent = convention.extent
    zoom = (size_wh[0] - extent) / (scales[:, 0].astype(np.float64) * SCALE_UNIT - extent)
    middle = (np.array(size_wh, np.float64) - extent) / 2
    affines = np.zeros((len(zoom), 2, 3))
    affines[:, 0, 0] = affines[:, 1, 1] = zoom
    affines[:, :, 2] = middle - zoom[:, None] * centres
    return affines


def invert(affines: Floats) -> NDArray[np.float64]:
    """(N, 2, 3) inverses of affines that only zoom and shift."""
    back = np.zeros(affines.shape)
    back[:, 0, 0] = 1 / affines[:, 0, 0]
    back[:, 1, 1] = 1 / affines[:, 1, 1]
    back[:, 0, 2] = -affines[:, 0, 2] * back[:, 0, 0]
    back[:, 1, 2] = -affines[:, 1, 2] * back[:, 1, 1]
    return back


def apply(affines: Floats, points_xy: Floats) -> NDArray[np.float64]:
    """Map (N, K, 2) points by (N, 2, 3) affines, in float64."""
    turned = np.asarray(points_xy, np.float64) @ affines[:, :, :2].transpose(0, 2, 1)
    return turned + affines[:, None, :, 2]
