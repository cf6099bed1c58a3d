"""Something fixed that can be done over and over, to learn how fast a machine does it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """what: in words. amount: multiply-accumulates that `do` computes, or bytes that it moves."""

    what: str
    amount: float
    do: Callable[[], object]
