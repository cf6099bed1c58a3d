"""Whether a frame continues the frames before it, or begins another clip."""

from posemark.core.frame import Moment

KEPT_FRAMES = 15
"""Frames for which a lost person is remembered: half a second at 30 frames/s, which is about how
long somebody who walks by hides another. After a longer gap, a clip is another scene."""


def frames_since(last: Moment | None, moment: Moment | None) -> int | None:
    """Return how many frames a moment is after the last one; None if another clip begins.

    The number is more than 1 if frames were dropped. Frames without a moment are one stream, in
    which each follows the one before.
    """
    if moment is None:
        return 1
    if last is None or moment.clip != last.clip:
        return None
    frames = moment.index - last.index
    return frames if 0 < frames <= KEPT_FRAMES else None
