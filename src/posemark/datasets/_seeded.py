"""Provides random numbers that are equal on every machine, and evenly spread sequences."""

import math
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.random import PCG64, Generator

# Steps of independent Kronecker sequences: irrational, and badly approximable by fractions.
GOLDEN = (math.sqrt(5) - 1) / 2
SILVER = math.sqrt(2) - 1
BRONZE = math.sqrt(3) - 1


def generator(text: str) -> Generator:
    """Return the generator whose seed is a hash of a text; it is equal on every machine.

    Values that must be bit-identical use `random()` only, because the other distributions of
    numpy may change between its versions.
    """
    return Generator(PCG64(crc32(text.encode())))


def kronecker(index: int, step: float, offset: float) -> float:
    """Return element `index` of a low-discrepancy sequence in 0..1.

    Any n consecutive elements are spread nearly evenly, so the mean over a short prefix is close
    to the mean of all; with n random numbers it would deviate by the order of 1 / sqrt(n).
    Reference: Kuipers, Niederreiter: Uniform Distribution of Sequences, 1974, chapter 2.3.
    """
    return (offset + index * step) % 1.0


def between(rng: Generator, bounds: tuple[float, float]) -> float:
    """Draw a uniform number between bounds (low, high)."""
    low, high = bounds
    return low + (high - low) * float(rng.random())


def pick(quantile: float, weights: Sequence[float]) -> int:
    """Return the index at which the cumulative share of the weights passes a quantile (0..1)."""
    shares = np.cumsum(np.asarray(weights, np.float64))
    return int(np.searchsorted(shares, quantile * float(shares[-1]), side="right"))
