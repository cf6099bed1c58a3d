"""The codec of one heatmap per key point (HRNet, DarkPose, FPD, TransPose, Lite-HRNet).

Coordinates are map cells in (x, y) order, with (0, 0) at the centre of the first cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from posemark.core.codec import Output
from posemark.core.convention import Convention
from posemark.core.errors import UsageError
from posemark.core.frame import Floats
from posemark.core.skeleton import Skeleton
from posemark.core.whole_image import Maps, Outputs

OUTPUT = "heatmaps"

Indices = NDArray[np.intp]

# Smaller values of a Gaussian are set to zero. Products of two values are then normal numbers:
# denormals would slow down the timed decoder many times.
_CUT = 1e-8

# The official DARK code raises smaller blurred values to this before taking the logarithm.
_FLOOR = 1e-10


@dataclass(frozen=True)
class Heatmap:
    """Gaussian maps, which are decoded at their maximum with a refinement.

    Attributes:
        refine: "argmax" keeps whole cells. "quarter" moves a quarter cell towards the higher
            neighbour (Hourglass, HRNet). "dark" fits a Gaussian by one Newton step on the
            logarithm of the blurred map (DarkPose, arXiv 1910.06278).
        sigma: standard deviation of encoded Gaussians in cells; training uses 2 for 64x48 maps
            and 3 for 96x72 maps.
        kernel: DARK's blur size in cells, odd. The official value is 11, and 3 for 32x24 maps.
        stride: input pixels per cell.
    """

    refine: Literal["argmax", "quarter", "dark"] = "quarter"
    sigma: float = 2.0
    kernel: int = 11
    stride: int = 4

    @property
    def variants(self) -> tuple[str, ...]:
        """The values of `--codec`: the refinements."""
        return "argmax", "quarter", "dark:K"

    @property
    def no_flip(self) -> str:
        """Always empty: the flip test averages maps."""
        return ""

    @property
    def cheaper(self) -> tuple[str, ...]:
        """The refinements that need less work than this one."""
        return {"dark": ("quarter", "argmax"), "quarter": ("argmax",)}.get(self.refine, ())

    def outputs(self, skeleton: Skeleton) -> tuple[Output, ...]:
        """Describe the output, one heatmap per keypoint."""
        count = len(skeleton.keypoints)
        return (Output(OUTPUT, count, self.stride, f"the key points {skeleton.name}", count),)

    def variant(self, text: str) -> Self:
        """Return a codec with the refinement that `--codec` names, and this sigma and stride.

        Args:
            text: argmax, quarter, dark or dark:K, where K is odd and from 1 to 31.

        Raises:
            UsageError: if the text is anything else.
        """
        if text in ("argmax", "quarter"):
            return replace(self, refine=text)
        name, _, size = ("dark:11" if text == "dark" else text).partition(":")
        if name == "dark" and size in map(str, range(1, 32, 2)):
            return replace(self, refine="dark", kernel=int(size))
        raise UsageError(
            f"--codec {text!r} is not a decoder for heatmaps. Expected argmax, quarter, or dark:K "
            "where K is DARK's blur size, an odd number from 1 to 31 (dark alone means dark:11)."
        )

    @property
    def name(self) -> str:
        """The name of the codec in records and for `--codec`."""
        return f"dark:{self.kernel}" if self.refine == "dark" else self.refine

    def encode(
        self, keypoints_xy: Floats, visible: NDArray[np.bool_], size_wh: tuple[int, int]
    ) -> dict[str, Maps]:
        """Compute the output that a perfect network would give (see `gaussians`)."""
        return {OUTPUT: self.gaussians(keypoints_xy, visible, size_wh)}

    def gaussians(
        self, keypoints_xy: Floats, visible: NDArray[np.bool_], size_wh: tuple[int, int]
    ) -> Maps:
        """Draw a Gaussian with a peak of 1 at every key point.

        Args:
            keypoints_xy: (N, K, 2) positions in cells, not rounded.
            visible: (N, K) mask; other key points, and those outside the map, get a map of zeros.
            size_wh: width and height of the maps in cells.

        Returns:
            Heatmaps (N, K, H, W).
        """
        width, height = size_wh
        inside = ((keypoints_xy >= 0) & (keypoints_xy <= (width - 1, height - 1))).all(-1)
        along_x = self._gaussian(keypoints_xy[..., 0], width)
        along_y = self._gaussian(keypoints_xy[..., 1], height) * (visible & inside)[..., None]
        return along_y[..., :, None] * along_x[..., None, :]

    def _gaussian(self, centres: Floats, cells: int) -> Maps:
        values = np.exp(-((np.arange(cells) - centres[..., None]) ** 2) / (2 * self.sigma**2))
        return np.where(values < _CUT, 0, values).astype(np.float32)

    def decode(
        self,
        outputs: Outputs,
        mirrored: Outputs | None,
        convention: Convention,
        skeleton: Skeleton,
    ) -> tuple[Floats, Floats]:
        """Decode cells (N, K, 2) and scores (N, K); the flip test averages both heatmaps."""
        maps = outputs[OUTPUT]
        if mirrored is not None:
            back = flip_back(mirrored[OUTPUT], skeleton.mirrored(), convention.flip_shift)
            maps = (maps + back) * np.float32(0.5)
        return self.peaks(maps, convention.missing_xy)

    def peaks(self, heatmaps: Maps, missing_xy: float) -> tuple[Floats, Floats]:
        """Find the refined maximum of every map.

        Args:
            heatmaps: (N, K, H, W) heatmaps.
            missing_xy: x and y, in cells, of a key point whose maximum is not positive.

        Returns:
            Coordinates (N, K, 2) in cells, and scores (N, K): the maxima of the maps. If several
            cells have the maximum, the first one counts.
        """
        n, joints, height, width = heatmaps.shape
        flat = np.ascontiguousarray(heatmaps).reshape(n * joints, height * width)
        peaks: Indices = flat.argmax(1)
        at = peaks + _first_cells(*flat.shape)
        scores: Maps = flat.reshape(-1).take(at)
        cells: NDArray[np.float64] = _cells(width, height).take(peaks, 0)
        if self.refine == "quarter":
            _add_quarter_offsets(cells, flat.reshape(-1), at, peaks, (width, height))
        elif self.refine == "dark":
            _add_newton_steps(cells, flat.reshape(-1, height, width), at, peaks, self.kernel)
        np.copyto(cells, missing_xy, where=(scores <= 0)[:, None])
        return cells.reshape(n, joints, 2), scores.reshape(n, joints)


def flip_back(heatmaps: Maps, mirrored: Sequence[int], shift: int) -> Maps:
    """Mirror the heatmaps of a mirrored image back.

    Args:
        heatmaps: (N, K, H, W) heatmaps of the mirrored image.
        mirrored: for every key point the index of its left or right counterpart.
        shift: 1 moves the result one column to the right (column 0 keeps its value), which
            compensates for input and output grids that are mirrored about different centres;
            0 does not move it.

    Returns:
        (N, K, H, W) heatmaps.
    """
    back = heatmaps[:, list(mirrored), :, ::-1]
    if shift:
        back = np.concatenate([back[..., :1], back[..., :-1]], axis=-1)
    return back


# These tables depend only on the shape of the maps. They are cached, because the decoder runs for
# every person.


@cache
def _first_cells(maps: int, cells: int) -> Indices:
    """Return the flat index (maps,) of the first cell of every map."""
    return np.arange(maps) * cells


@cache
def _cells(width: int, height: int) -> NDArray[np.float64]:
    """Return x, y of all cells, (H * W, 2)."""
    return np.indices((height, width))[::-1].reshape(2, -1).T.astype(np.float64)


@cache
def _interior(width: int, height: int, margin: int) -> NDArray[np.bool_]:
    """Return a mask (H * W,) of cells with x and y above 1 and below the size minus the margin."""
    cells = _cells(width, height)
    inside = (cells > 1) & (cells < (width - margin, height - margin))
    return inside[:, 0] & inside[:, 1]


def _add_quarter_offsets(
    cells: Floats, values: Maps, at: Indices, peaks: Indices, size_wh: tuple[int, int]
) -> None:
    """Move peaks, given by flat indices `at` into all values and `peaks` into their maps."""
    steps = np.array([[1], [size_wh[0]]])
    # Indices beyond the array are clipped; peaks so close to the border are not moved.
    slopes = values.take(at + steps, mode="clip") - values.take(at - steps, mode="clip")
    slopes = np.sign(slopes) * np.float32(0.25)
    cells += (slopes * _interior(*size_wh, 1).take(peaks)).T


def _add_newton_steps(cells: Floats, maps: Maps, at: Indices, peaks: Indices, kernel: int) -> None:
    """Move peaks to the maximum of the parabola through the logarithm of the blurred map.

    The official code blurs whole maps and rescales each to its former maximum. It reads only 13
    cells around the peak, so only these are computed here. The scale has no influence on the
    derivatives of a logarithm, except if a value is below the floor of 1e-10. Only for such maps
    the whole map is blurred to find the scale, which may be negative: for weak joints of real
    networks, the whole blurred map can be below zero.
    """
    _, height, width = maps.shape
    scores = maps.reshape(-1).take(at)
    rows = np.flatnonzero(_interior(width, height, 2).take(peaks) & (scores > 0))
    if len(rows) == 0:
        return
    around = _blurred_around(maps, at[rows], peaks[rows], kernel)
    floored = np.flatnonzero(around.min(0) < _FLOOR)
    if len(floored):
        weak = rows[floored]
        around[:, floored] *= scores[weak] / _blurred_maximum(maps[weak], kernel)
    cells[rows] += _newton_step(np.log(np.maximum(around, _FLOOR)))


def _blurred_maximum(maps: Maps, kernel: int) -> NDArray[np.float64]:
    """Compute the maxima (M,) of the blurred maps (M, H, W), with 1 in place of 0."""
    height, width = maps.shape[1:]
    rows, columns = _blur_matrix(height, kernel), _blur_matrix(width, kernel)
    highest = (rows @ _padded(maps, kernel).astype(np.float64) @ columns.T).max((1, 2))
    return np.where(highest != 0, highest, 1)


def _padded(maps: Maps, kernel: int) -> Maps:
    """Surround the maps (M, H, W) with half a kernel of zeros."""
    margin = kernel // 2, kernel // 2
    return np.pad(maps, ((0, 0), margin, margin), "constant")


# The offsets (x, y) from the peak at which DARK reads the blurred map: the peak, one and two cells
# along both axes, and the diagonals.
_PLACES = (
    *((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)),
    *((2, 0), (0, 2), (-2, 0), (0, -2), (1, 1), (1, -1), (-1, 1), (-1, -1)),
)


def _blurred_around(maps: Maps, at: Indices, peaks: Indices, kernel: int) -> NDArray[np.float64]:
    """Compute the zero-padded, blurred maps at _PLACES around each peak: (13, M)."""
    _, height, width = maps.shape
    side = kernel + 4
    steps, blur = _patch(width, kernel)
    y, x = np.divmod(peaks, width)
    values = maps.reshape(-1).take(at[:, None] + steps, mode="clip").reshape(-1, side, side)
    values = values * _on_map(height, side).take(y, 0)[:, :, None]
    values *= _on_map(width, side).take(x, 0)[:, None]
    return (values.reshape(-1, side**2) @ blur).T


@cache
def _patch(width: int, kernel: int) -> tuple[Indices, NDArray[np.float64]]:
    """Return flat offsets (n,) of the cells around a peak, and their blur weights (n, 13)."""
    reach = 2 + kernel // 2
    span = np.arange(-reach, reach + 1)
    along = _blur_matrix(5, kernel)
    weights = [np.outer(along[y + 2], along[x + 2]).ravel() for x, y in _PLACES]
    return (span[:, None] * width + span).ravel(), np.stack(weights, 1)


@cache
def _on_map(size: int, side: int) -> Maps:
    """Return (size, side): 1 if the neighbour of a cell along one axis is on the map, or else 0."""
    around = np.arange(size)[:, None] + np.arange(side) - side // 2
    return ((around >= 0) & (around < size)).astype(np.float32)


def _newton_step(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute steps (M, 2) to the extremum from (13, M) logarithms; zero if it is singular."""
    first = (logs[1:3] - logs[3:5]) / 2
    second = (logs[5:7] - 2 * logs[0] + logs[7:9]) / 4
    mixed = (logs[9] - logs[10] - logs[11] + logs[12]) / 4
    determinant = second[0] * second[1] - mixed * mixed
    step = mixed * first[::-1] - second[::-1] * first
    regular = determinant != 0
    return np.divide(step, determinant, out=np.zeros_like(step), where=regular).T


# OpenCV uses these fixed kernels if no sigma is given (getGaussianKernel).
_SMALL_KERNELS = {
    1: (1.0,),
    3: (0.25, 0.5, 0.25),
    5: (0.0625, 0.25, 0.375, 0.25, 0.0625),
    7: (0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125),
    9: tuple(n / 256 for n in (4, 13, 30, 51, 60, 51, 30, 13, 4)),
}


def gaussian_kernel(size: int) -> NDArray[np.float64]:
    """Return the weights (size,) that cv2.GaussianBlur uses if no sigma is given."""
    if size in _SMALL_KERNELS:
        return np.array(_SMALL_KERNELS[size])
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    offsets = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    return weights / weights.sum()


@cache
def _blur_matrix(cells: int, kernel: int) -> NDArray[np.float64]:
    """Return a matrix (cells, cells + kernel - 1) that blurs along one axis."""
    matrix = np.zeros((cells, cells + kernel - 1))
    for row in range(cells):
        matrix[row, row : row + kernel] = gaussian_kernel(kernel)
    return matrix
