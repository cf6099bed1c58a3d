"""How much AP owes to the choice of images: a bootstrap over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats
from posemark.score.coco import Judged

FEWEST_IMAGES = 10
"""Images with people. Fewer resampled say more about each other than about other images."""

_SEED = 0

_NUMBERS = 2**18
"""In an array over several resamples: two megabytes, which a processor's cache can hold."""


def resampled_aps(judged: Judged, resamples: int = 200) -> tuple[float, ...]:
    """AP (0..1) over sets of images drawn with replacement, each with all people and detections.

    Nothing below FEWEST_IMAGES images with people. The draws depend on the images and their
    truth alone: evaluations of the same images are paired, number by number.
    """
    if np.count_nonzero(judged.matches.counted) < FEWEST_IMAGES:
        return ()
    curve = Curve.of(judged)
    times = _draws(len(curve.people), resamples)
    return tuple(curve.aps(times[times @ curve.people > 0]).tolist())


@lru_cache(maxsize=1)
def _draws(images: int, resamples: int) -> NDArray[np.intp]:
    """(S, I) how often each image is drawn: the same for all rows of a report, so made once."""
    generator = np.random.default_rng(_SEED)
    return generator.multinomial(images, np.full(images, 1 / images), resamples)


def ap_interval(aps: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Where AP (0..1) of as many images of this kind would lie: a percentile interval.

    Args:
        aps: resampled ones.
        level: share of them between the ends.

    Returns:
        Both ends; None where there are no resampled APs.
    """
    if not aps:
        return None
    low, high = np.quantile(aps, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def difference_interval(one: Sequence[float], other: Sequence[float]) -> tuple[float, float] | None:
    """The same for the AP of one less that of another, paired over the images.

    Args:
        one: resampled APs.
        other: those of the very same images.

    Returns:
        Both ends; None where either has no resampled APs, or they are not of the same draws.
    """
    if len(one) != len(other):
        return None
    return ap_interval([a - b for a, b in zip(one, other, strict=True)])


@dataclass(frozen=True)
class Curve:
    """The detections of all images, best score first, ready to be counted many times.

    image: (D,) index. people: (I,) to be found. recalls: (R,) the levels at which precision is
    averaged. passes: one a threshold of similarity.
    """

    image: NDArray[np.intp]
    people: NDArray[np.intp]
    recalls: Floats
    passes: "list[Pass]"

    @classmethod
    def of(cls, judged: Judged) -> "Curve":
        """From the matches of an evaluation."""
        matches = judged.matches
        order = np.argsort(-matches.detections.scores, kind="stable")
        ignored = matches.ignored[:, order]
        right = (matches.person >= 0)[:, order] & ~ignored
        return cls(
            image=matches.detections.image[order],
            people=matches.counted,
            recalls=judged.params.recThrs,
            passes=[Pass.of(*rows) for rows in zip(right, ignored, strict=True)],
        )

    def aps(self, times: NDArray[np.intp]) -> Floats:
        """(S,) AP if each image i occurred times[s, i] times, by COCO's rule of accumulation.

        times: (S, I); somebody is to be found in each of the S sets of images.
        """
        most = (times @ np.bincount(self.image, minlength=times.shape[1])).max(initial=0)
        lanes = Lanes(np.uint16 if most < 2**16 else np.uint32)
        together = lanes.number * max(1, _NUMBERS // max(1, len(self.image)))
        blocks = [times[at : at + together] for at in range(0, len(times), together)]
        return np.concatenate([self._aps(block, lanes) for block in blocks] or [np.zeros(0)])

    def _aps(self, times: NDArray[np.intp], lanes: "Lanes") -> Floats:
        shown = lanes.packed(times)[:, self.image]
        so_far = np.cumsum(shown, axis=1)
        people = times @ self.people
        precisions: list[Floats] = []
        for each in self.passes:
            counts = each.counts(shown, so_far)
            right, everything = (lanes.unpacked(packed, len(times)) for packed in counts)
            precisions.append(_precisions(right, everything, people, self.recalls))
        return np.stack(precisions, axis=1).reshape(len(times), -1).mean(axis=1)


@dataclass(frozen=True)
class Lanes:
    """Several counts side by side in one integer of 64 bits, so that one addition adds them all.

    kind: unsigned, wide enough for every sum.
    """

    kind: type[np.unsignedinteger[Any]]

    @property
    def number(self) -> int:
        """Counts in one integer."""
        return 8 // np.dtype(self.kind).itemsize

    def packed(self, counts: NDArray[np.intp]) -> NDArray[np.uint64]:
        """(S, N) -> (S / number, N); the last row is filled up with zeros."""
        rows = -(-len(counts) // self.number)
        filled = np.zeros((rows, self.number, counts.shape[1]), self.kind)
        filled.reshape(-1, counts.shape[1])[: len(counts)] = counts
        return np.ascontiguousarray(filled.swapaxes(1, 2)).view(np.uint64)[..., 0]

    def unpacked(self, packed: NDArray[np.uint64], rows: int) -> NDArray[Any]:
        """The way back: (S / number, N) -> (S, N), S being the number of rows."""
        several = np.ascontiguousarray(packed)[..., None].view(self.kind)
        return several.swapaxes(1, 2).reshape(len(packed) * self.number, packed.shape[1])[:rows]


@dataclass(frozen=True)
class Pass:
    """The detections under one threshold of similarity, by their places in the order of scores.

    hits: (H,) those taken for a person that counts. ignored: (N,) those neither right nor wrong.
    tops: (P,) the hits, as indices into hits, behind which the next detection that counts is
    wrong or there is none. ignored_so_far: (P,) how many of ignored stand before each top.

    Precision rises from hit to hit and falls with every wrong detection, so it is nowhere higher
    than at the tops.
    """

    hits: NDArray[np.intp]
    ignored: NDArray[np.intp]
    tops: NDArray[np.intp]
    ignored_so_far: NDArray[np.intp]

    @classmethod
    def of(cls, right: NDArray[np.bool_], ignored: NDArray[np.bool_]) -> "Pass":
        """From what each of the D detections is."""
        hits, neither = np.flatnonzero(right), np.flatnonzero(ignored)
        wrong_so_far = np.cumsum(~(right | ignored))[hits]
        tops = np.flatnonzero(np.diff(wrong_so_far, append=len(right) + 1))
        return cls(hits, neither, tops, np.searchsorted(neither, hits[tops]))

    def counts(
        self, shown: NDArray[np.uint64], so_far: NDArray[np.uint64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """(S, P) each: the detections up to each top that are right, and that are right or wrong.

        shown: (S, D) how often each detection occurs. so_far: (S, D) the sums of these up to and
        with each.
        """
        right = np.cumsum(shown[:, self.hits], axis=1)[:, self.tops]
        return right, so_far[:, self.hits[self.tops]] - self._ignored(shown)

    def _ignored(self, shown: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """(S, P) how many of the detections up to each top are ignored."""
        counts = np.zeros((len(shown), len(self.ignored) + 1), shown.dtype)
        np.cumsum(shown[:, self.ignored], axis=1, out=counts[:, 1:])
        return counts[:, self.ignored_so_far]


def _precisions(
    right: NDArray[Any], everything: NDArray[Any], people: NDArray[np.intp], recalls: Floats
) -> Floats:
    """(S, R) the best precision at or beyond each recall level; zero beyond the last hit.

    right, everything: (S, P) as Pass.counts gives them. people: (S,) to be found.
    """
    precision = right / (everything + np.spacing(1))
    best = np.zeros((len(right), right.shape[1] + 1))
    best[:, -2::-1] = np.maximum.accumulate(precision[:, ::-1], axis=1)
    recall = right / people[:, None]
    first = np.stack([np.searchsorted(reached, recalls) for reached in recall])
    return np.take_along_axis(best, first, axis=1)
