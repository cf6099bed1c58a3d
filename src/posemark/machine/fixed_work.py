"""A fixed amount of work that can be repeated, to measure how fast a machine does it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """A fixed amount of work.

    Attributes:
        what: Description for people, such as "product, 512x512".
        amount: Multiply-accumulates that one call of `do` computes, or bytes that it moves.
        do: Does the work once.
    """

    what: str
    amount: float
    do: Callable[[], object]
