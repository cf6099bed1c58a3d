"""Chance that is the same everywhere: seeds from text, and evenly spread sequences."""

import math
from zlib import crc32

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import ArrayLike

# Steps of independent Kronecker sequences: irrational, and badly approximable by fractions.
GOLDEN = (math.sqrt(5) - 1) / 2
SILVER = math.sqrt(2) - 1
BRONZE = math.sqrt(3) - 1


def generator(text: str) -> Generator:
    """The generator that belongs to a text; the same on every machine.

    What must be bit-identical uses `random()` only: the other distributions of numpy may
    change between its versions.
    """
    return Generator(PCG64(crc32(text.encode())))


def kronecker(index: int, step: float, offset: float) -> float:
    """Element `index` of a low-discrepancy sequence in 0..1.

    Any n elements in a row are spread nearly evenly, where n random numbers leave gaps of
    order 1 / sqrt(n): the mean over a short prefix is close to the mean of the whole.
    Reference: Kuipers, Niederreiter: Uniform Distribution of Sequences, 1974, chapter 2.3.
    """
    return (offset + index * step) % 1.0


def between(rng: Generator, bounds: tuple[float, float]) -> float:
    """A uniform number within (low, high)."""
    low, high = bounds
    return low + (high - low) * float(rng.random())


def pick(quantile: float, weights: ArrayLike) -> int:
    """The index at which the running share of the weights passes the quantile (0..1)."""
    shares = np.cumsum(np.asarray(weights, np.float64))
    return int(np.searchsorted(shares, quantile * shares[-1], side="right"))
