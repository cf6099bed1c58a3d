"""Decides which piece of work is tried next, and when one is given up."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

WorkT = TypeVar("WorkT")

ATTEMPTS = 4
"""How often a piece of work is tried: machines may be lost while they have it, but a piece that
ends every worker must not do so for ever."""


class Dispatch(Generic[WorkT]):
    """Pieces of work that are not finished yet.

    Each piece is taken, and is then reported as finished or as failed. Pieces are read from their
    source only when they are needed.

    Args:
        source: the pieces.
        attempts: how often each is tried.

    Attributes:
        attempts: how often each piece is tried.
        given_up: the pieces that failed too often, each with the reason of the last time.
        failures: the number of attempts that failed.
    """

    def __init__(self, source: Iterable[WorkT], attempts: int = ATTEMPTS) -> None:
        self._source: Iterator[WorkT] = iter(source)
        self._again: deque[tuple[WorkT, int]] = deque()
        self._running: dict[int, tuple[WorkT, int]] = {}
        self.attempts, self._tickets, self._exhausted = attempts, 0, False
        self._again_is_due = False
        self.given_up: list[tuple[WorkT, str]] = []
        self.failures = 0

    def take(self) -> tuple[int, WorkT] | None:
        """Return the next piece with a ticket for it; None if there is none at the moment."""
        waiting = self._next()
        if waiting is None:
            return None
        self._tickets += 1
        self._running[self._tickets] = waiting
        return self._tickets, waiting[0]

    def _next(self) -> tuple[WorkT, int] | None:
        """Return a piece that failed and a new one in turns.

        So a piece that always fails does not hide that others succeed, and all pieces are not read
        before it is noticed that each fails.
        """
        self._again_is_due = not self._again_is_due
        if self._again and self._again_is_due:
            return self._again.popleft()
        return self._fresh() or (self._again.popleft() if self._again else None)

    def _fresh(self) -> tuple[WorkT, int] | None:
        if self._exhausted:
            return None
        for piece in self._source:
            return piece, 0
        self._exhausted = True
        return None

    def finished(self, ticket: int) -> WorkT:
        """Return the piece of this ticket, which is finished."""
        return self._running.pop(ticket)[0]

    def failed(self, ticket: int, why: str) -> bool:
        """Report that a piece failed, and return whether it will be tried again."""
        piece, before = self._running.pop(ticket)
        self.failures += 1
        if before + 1 >= self.attempts:
            self.given_up.append((piece, why))
            return False
        self._again.append((piece, before + 1))
        return True

    @property
    def over(self) -> bool:
        """Return whether every piece was finished or given up; it is known after take()."""
        return self._exhausted and not self._again and not self._running
