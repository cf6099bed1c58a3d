"""One heatmap a key point, as in HRNet, DarkPose, FPD, TransPose and Lite-HRNet.

Coordinates are map cells, (x, y), (0, 0) the centre of the first cell.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from posemark.core.errors import UsageError
from posemark.core.frame import Floats

Maps = NDArray[np.float32]

# Below this a Gaussian is cut to zero: products of two stay normal numbers, and denormals,
# which slow arithmetic down many times, never reach a decoder under the clock.
_CUT = 1e-8

# What the official DARK code raises blurred values to before their logarithm.
_FLOOR = 1e-10


@dataclass(frozen=True)
class Heatmap:
    """Gaussian maps, read back at their maximum with a chosen refinement.

    refine: "argmax" leaves whole cells. "quarter" moves a quarter cell towards the higher
        neighbour (Hourglass, HRNet). "dark" fits a Gaussian by one Newton step on the log
        of the blurred map (DarkPose, arXiv 1910.06278).
    sigma: of the encoded Gaussian, in cells; 2 for 64x48 maps and 3 for 96x72 in training.
    kernel: DARK's blur size in cells, odd; 11 officially, 3 for 32x24 maps.
    """

    refine: Literal["argmax", "quarter", "dark"] = "quarter"
    sigma: float = 2.0
    kernel: int = 11

    @property
    def name(self) -> str:
        """What --codec calls it."""
        return f"dark:{self.kernel}" if self.refine == "dark" else self.refine

    def encode(
        self, keypoints_xy: Floats, visible: NDArray[np.bool_], size_wh: tuple[int, int]
    ) -> Maps:
        """The output of a perfect network: (N, K, H, W), peak 1 at each true position.

        keypoints_xy: (N, K, 2) cells, not rounded. visible: (N, K); the others, and those
        outside the map, get a map of zeros.
        """
        width, height = size_wh
        inside = ((keypoints_xy >= 0) & (keypoints_xy <= (width - 1, height - 1))).all(-1)
        along_x = self._gaussian(keypoints_xy[..., 0], width)
        along_y = self._gaussian(keypoints_xy[..., 1], height) * (visible & inside)[..., None]
        return along_y[..., :, None] * along_x[..., None, :]

    def _gaussian(self, centres: Floats, cells: int) -> Maps:
        values = np.exp(-((np.arange(cells) - centres[..., None]) ** 2) / (2 * self.sigma**2))
        return np.where(values < _CUT, 0, values).astype(np.float32)

    def decode(self, heatmaps: Maps, missing_xy: float) -> tuple[Floats, Floats]:
        """Coordinates (N, K, 2) and scores (N, K) from maps (N, K, H, W).

        The score is the map's maximum, of the first cell that reaches it. A key point whose
        maximum is not positive lies at (missing_xy, missing_xy).
        """
        n, joints, height, width = heatmaps.shape
        flat = np.ascontiguousarray(heatmaps).reshape(n * joints, height * width)
        peaks = flat.argmax(1)
        scores = flat[np.arange(len(flat)), peaks]
        ys, xs = np.divmod(peaks, width)
        cells = np.stack([xs, ys], 1).astype(np.float64)
        if self.refine == "quarter":
            _add_quarter_offsets(cells, flat, peaks, (width, height))
        elif self.refine == "dark":
            _add_newton_steps(cells, flat.reshape(-1, height, width), scores, self.kernel)
        cells[scores <= 0] = missing_xy
        return cells.reshape(n, joints, 2), scores.reshape(n, joints)


def _interior(cells: Floats, size_wh: tuple[int, int], margin: int) -> NDArray[np.intp]:
    """Rows whose peak is more than one cell from the near and `margin` from the far border."""
    far = np.subtract(size_wh, margin)
    return np.flatnonzero(((cells > 1) & (cells < far)).all(1))


def _add_quarter_offsets(
    cells: Floats, flat: Maps, peaks: NDArray[np.intp], size_wh: tuple[int, int]
) -> None:
    rows = _interior(cells, size_wh, 1)
    at, step = peaks[rows], size_wh[0]
    cells[rows, 0] += 0.25 * np.sign(flat[rows, at + 1] - flat[rows, at - 1])
    cells[rows, 1] += 0.25 * np.sign(flat[rows, at + step] - flat[rows, at - step])


def _add_newton_steps(cells: Floats, maps: Maps, scores: Floats, kernel: int) -> None:
    """Move peaks to the maximum of the parabola through the log of the blurred map.

    The official code blurs whole maps and rescales each to its former maximum; only 5x5
    cells around the peak are ever read, so only these are computed. The scale drops out of
    the derivatives of a logarithm, except where the floor of 1e-10 acts: there, and only
    there, the whole map is blurred to know it. (It may be negative: weak joints of real
    networks have maps that are below zero all over once blurred.)
    """
    rows = _interior(cells, (maps.shape[2], maps.shape[1]), 2)
    rows = rows[scores[rows] > 0]
    if len(rows) == 0:
        return
    around = _blurred_5x5(maps, rows, cells[rows].astype(np.intp), kernel)
    floored = np.flatnonzero(around.min((1, 2)) < _FLOOR)
    if len(floored):
        weak = rows[floored]
        around[floored] *= (scores[weak] / _blurred_maximum(maps[weak], kernel))[:, None, None]
    cells[rows] += _newton_step(np.log(np.maximum(around, _FLOOR)))


def _blurred_maximum(maps: Maps, kernel: int) -> NDArray[np.float64]:
    """(M,) maxima of the blurred maps (M, H, W); 1 where that is zero."""
    height, width = maps.shape[1:]
    rows, columns = _blur_matrix(height, kernel), _blur_matrix(width, kernel)
    highest = (rows @ np.pad(maps, _margin(kernel)).astype(np.float64) @ columns.T).max((1, 2))
    return np.where(highest != 0, highest, 1)


def _margin(kernel: int) -> tuple[tuple[int, int], ...]:
    return (0, 0), (kernel // 2, kernel // 2), (kernel // 2, kernel // 2)


def _blurred_5x5(
    maps: Maps, rows: NDArray[np.intp], peaks_xy: NDArray[np.intp], kernel: int
) -> NDArray[np.float64]:
    """(M, 5, 5) values of the zero-padded, Gaussian-blurred maps around each peak."""
    reach = 2 + kernel // 2
    span = np.arange(-reach, reach + 1)
    xs, ys = peaks_xy[:, :1] + span, peaks_xy[:, 1:] + span
    inside_x, inside_y = _inside(xs, maps.shape[2]), _inside(ys, maps.shape[1])
    patches = maps[rows[:, None, None], (ys * inside_y)[:, :, None], (xs * inside_x)[:, None, :]]
    patches = patches * (inside_y[:, :, None] & inside_x[:, None, :])
    blur = _blur_matrix(5, kernel)
    return blur @ patches.astype(np.float64) @ blur.T


def _inside(index: NDArray[np.intp], size: int) -> NDArray[np.bool_]:
    return (index >= 0) & (index < size)


def _newton_step(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, 2) steps to the extremum, from (M, 5, 5) logarithms; zero where it is singular."""
    dx = (logs[:, 2, 3] - logs[:, 2, 1]) / 2
    dy = (logs[:, 3, 2] - logs[:, 1, 2]) / 2
    dxx = (logs[:, 2, 4] - 2 * logs[:, 2, 2] + logs[:, 2, 0]) / 4
    dyy = (logs[:, 4, 2] - 2 * logs[:, 2, 2] + logs[:, 0, 2]) / 4
    dxy = (logs[:, 3, 3] - logs[:, 1, 3] - logs[:, 3, 1] + logs[:, 1, 1]) / 4
    determinant = dxx * dyy - dxy**2
    regular = determinant != 0
    safe = np.where(regular, determinant, 1)
    step = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], 1) / safe[:, None]
    return np.where(regular[:, None], step, 0)


# OpenCV's fixed kernels for these sizes when no sigma is given (getGaussianKernel).
_SMALL_KERNELS = {
    1: (1.0,),
    3: (0.25, 0.5, 0.25),
    5: (0.0625, 0.25, 0.375, 0.25, 0.0625),
    7: (0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125),
    9: tuple(n / 256 for n in (4, 13, 30, 51, 60, 51, 30, 13, 4)),
}


def gaussian_kernel(size: int) -> NDArray[np.float64]:
    """(size,) weights that cv2.GaussianBlur uses when sigma is left to it."""
    if size in _SMALL_KERNELS:
        return np.array(_SMALL_KERNELS[size])
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    offsets = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    return weights / weights.sum()


@cache
def _blur_matrix(cells: int, kernel: int) -> NDArray[np.float64]:
    """(cells, cells + kernel - 1): each row is the blur kernel moved one cell on."""
    matrix = np.zeros((cells, cells + kernel - 1))
    for row in range(cells):
        matrix[row, row : row + kernel] = gaussian_kernel(kernel)
    return matrix


def parse(text: str, own: Heatmap) -> Heatmap:
    """The codec that --codec names, with the model's own sigma.

    Raises:
        UsageError: for anything but argmax, quarter, dark or dark:K with K odd, 1 to 31.
    """
    if text in ("argmax", "quarter"):
        return Heatmap(text, own.sigma, own.kernel)
    name, _, size = ("dark:11" if text == "dark" else text).partition(":")
    if name == "dark" and size.isdecimal() and int(size) in range(1, 32, 2):
        return Heatmap("dark", own.sigma, int(size))
    raise UsageError(
        f"--codec {text!r} is not a decoder for heatmaps. Expected argmax, quarter, or dark:K "
        "where K is DARK's blur size, an odd number from 1 to 31 (dark alone means dark:11)."
    )
