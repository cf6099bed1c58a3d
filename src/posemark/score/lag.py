"""Measures by how many frames one movement is behind another."""

from collections.abc import Iterable, Sequence

import numpy as np

from posemark.core.frame import Floats
from posemark.score.sightings import Seen, clips_of, runs, tracks_of

MOST_LEAD, MOST_LAG = 3, 15
"""Frames: the range in which a lag is searched."""

LEAST_SPEED = 0.01
"""Body sizes per frame by which a person must move, over SPAN frames, to show a lag."""

SPAN = 5
"""Frames over which a speed is measured, so that trembling is not taken for movement."""


def smoothing_lag(smoothed: Sequence[Seen], plain: Sequence[Seen]) -> float | None:
    """Return by how many frames smoothed poses are behind the same poses before smoothing.

    Args:
        smoothed: frames with smoothed poses, with ids.
        plain: the same frames with the poses before smoothing.

    Returns:
        The lag in frames; None if nobody moves enough for long enough.
    """
    return lag_of(
        (
            np.array([one.keypoints_xy for one in row])[:, labelled] / size,
            np.array([one.keypoints_xy for one in reference])[:, labelled] / size,
        )
        for clip, plain_clip in zip(clips_of(smoothed), clips_of(plain), strict=True)
        for track, plain_track in zip(tracks_of(clip), tracks_of(plain_clip), strict=True)
        for row, reference in zip(runs(track), runs(plain_track), strict=True)
        for labelled in [np.all([one.labelled for one in row], axis=0)]
        for size in [np.mean([one.size for one in reference])]
    )


def lag_of(rows: Iterable[tuple[Floats, Floats]]) -> float | None:
    """Return by how many frames signals are behind their references.

    The lag minimises the squared distance between the signal and the delayed reference. It is
    computed at whole frames, and a parabola through the least value and its neighbours gives the
    fraction.

    Args:
        rows: signals and references (T, K, 2) in body sizes, frame by frame without a gap.

    Returns:
        The lag in frames; None if no reference moves enough, or if it is out of range.
    """
    costs = np.sum([_costs(*row) for row in rows if _moves(row[1])], axis=0)
    if costs.ndim == 0:
        return None
    best = int(costs.argmin())
    if best in (0, len(costs) - 1):
        return None
    before, least, after = costs[best - 1 : best + 2].tolist()
    return best - MOST_LEAD + (before - after) / (before - 2 * least + after) / 2


def _moves(reference: Floats) -> bool:
    """Return whether a reference (T, K, 2) is long enough and moves enough to show a lag."""
    if len(reference) <= MOST_LEAD + MOST_LAG + SPAN or not reference.shape[1]:
        return False
    moved = np.linalg.norm(reference[SPAN:] - reference[:-SPAN], axis=-1) / SPAN
    return bool(np.sqrt((moved**2).mean()) >= LEAST_SPEED)


def _costs(signal: Floats, reference: Floats) -> Floats:
    """Return the summed squared distances at the lags -MOST_LEAD ... MOST_LAG, of equal frames."""
    frames = np.arange(MOST_LAG, len(signal) - MOST_LEAD)
    lags = range(-MOST_LEAD, MOST_LAG + 1)
    return np.array([((signal[frames] - reference[frames - lag]) ** 2).sum() for lag in lags])
