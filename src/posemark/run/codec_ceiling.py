"""Perfect outputs of a job, decoded bit by bit outside the clock: the codec ceiling's poses."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice

from posemark.core.errors import FrameError
from posemark.core.frame import Boxes, Frame, Poses
from posemark.measure.clock import Budget, now_ns
from posemark.records.schema import PerfectLine
from posemark.run.record_lines import people

CEILING_IMAGES = 200
"""Annotated images that the codec ceiling is made of; the same for every entry of a data set."""


class Perfect:
    """Decodes perfect outputs for the people of the first CEILING_IMAGES annotated frames.

    Its lines are held back until the last one is there, whatever the time: a ceiling over other
    images could not be compared.

    frames: with their annotated boxes. have: images whose lines the record holds already.
    """

    def __init__(
        self,
        frames: Iterable[tuple[Frame, Boxes]],
        have: set[int],
        decode: Callable[[Frame, Boxes], Poses],
    ) -> None:
        posed = islice((pair for pair in frames if len(pair[1])), CEILING_IMAGES)
        self._left = [pair for pair in posed if pair[0].image_id not in have]
        self._decode, self._taken_ns, self._tried = decode, 0, 0
        self._lines: list[PerfectLine] = []

    def go_on(self, seconds: float | None) -> list[PerfectLine]:
        """Decode for so long, one image at least; None: to the end.

        Returns:
            All lines once the last one is there, before that none.
        """
        budget, began = Budget(seconds), now_ns()
        while self._left:
            frame, boxes = self._left.pop(0)
            with suppress(FrameError):  # the frame is reported when its turn to be measured comes
                self._lines.append(PerfectLine(frame.image_id, people(self._decode(frame, boxes))))
            self._tried += 1
            if budget.used_up():
                break
        self._taken_ns += now_ns() - began
        return [] if self._left else self._lines

    @property
    def seconds_left(self) -> float:
        """That the rest is expected to take; 0.0 when all are decoded, or before the first."""
        return len(self._left) * self._taken_ns / 1e9 / max(1, self._tried)
