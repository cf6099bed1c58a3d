"""Decodes perfect network outputs in slices, outside the clock, for the codec ceiling."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice

from posemark.core.errors import FrameError
from posemark.core.frame import Boxes, Frame, Poses
from posemark.measure.clock import Budget, now_ns
from posemark.records.schema import PerfectLine
from posemark.run.record_lines import people

CEILING_IMAGES = 200
"""Number of annotated images for the codec ceiling; all entries of a data set use the same."""


def of_ceiling(frames: Iterable[tuple[Frame, Boxes]]) -> Iterator[tuple[Frame, Boxes]]:
    """Return those of the frames, each with its annotated boxes, that the codec ceiling uses."""
    return islice((pair for pair in frames if len(pair[1])), CEILING_IMAGES)


class Perfect:
    """Decodes perfect outputs for the people of the first CEILING_IMAGES annotated frames.

    No line is returned before the last frame is decoded, because ceilings over different images
    cannot be compared.

    Args:
        frames: the frames of the run with their annotated boxes.
        have: ids of the images whose lines are in the record already.
        decode: returns the poses decoded from perfect outputs for the boxes of a frame.
    """

    def __init__(
        self,
        frames: Iterable[tuple[Frame, Boxes]],
        have: set[int],
        decode: Callable[[Frame, Boxes], Poses],
    ) -> None:
        self._left = [pair for pair in of_ceiling(frames) if pair[0].image_id not in have]
        self._decode, self._taken_ns, self._tried = decode, 0, 0
        self._lines: list[PerfectLine] = []

    def go_on(self, seconds: float | None) -> list[PerfectLine]:
        """Decode until the time is used up, but at least one image.

        Args:
            seconds: the time; None for no limit.

        Returns:
            The lines of all images when the last one is decoded, and an empty list before.
        """
        budget, began = Budget(seconds), now_ns()
        while self._left:
            frame, boxes = self._left.pop(0)
            with suppress(FrameError):  # the measurement of the frame reports the error
                self._lines.append(PerfectLine(frame.image_id, people(self._decode(frame, boxes))))
            self._tried += 1
            if budget.used_up():
                break
        self._taken_ns += now_ns() - began
        return [] if self._left else self._lines

    @property
    def seconds_left(self) -> float:
        """Return the expected time for the remaining images.

        It is 0.0 after the last image, and also before the first, when nothing is known yet.
        """
        return len(self._left) * self._taken_ns / 1e9 / max(1, self._tried)
