"""Estimates by a bootstrap how much AP depends on the choice of images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats
from posemark.score.coco import Judged

FEWEST_IMAGES = 10
"""Least number of images or clips with people; fewer do not represent others."""

_SEED = 0

_NUMBERS = 2**18
"""Most numbers in an array over several resamples: 2 MB, which fits a processor's cache."""


def resampled_aps(
    judged: Judged, clips: Sequence[int] | None = None, resamples: int = 200
) -> tuple[float, ...]:
    """Compute AP over sets of images, or of whole clips, that are drawn with replacement.

    The frames of a clip resemble each other: drawn one by one, they would pass for more evidence
    than they are.

    Each image comes with all of its people and detections. The draws depend only on the images
    and their people, so the results of two evaluations of the same images are paired.

    Args:
        judged: the evaluation.
        clips: the clip of each image, by ascending image id; None if each image stands alone.
        resamples: the number of sets to draw.

    Returns:
        AP (0..1) of each set that has people; empty with fewer than FEWEST_IMAGES images or clips
        with people.
    """
    counted = judged.matches.counted
    drawn = np.arange(len(counted)) if clips is None else np.unique(clips, return_inverse=True)[1]
    if len(np.unique(drawn[counted > 0])) < FEWEST_IMAGES:
        return ()
    curve = Curve.of(judged)
    times = _draws(int(drawn.max()) + 1, resamples)[:, drawn]
    return tuple(curve.aps(times[times @ curve.people > 0]).tolist())


@lru_cache(maxsize=1)
def _draws(images: int, resamples: int) -> NDArray[np.intp]:
    """Return (S, I) how often each image is drawn; cached, as all rows of a report share it."""
    generator = np.random.default_rng(_SEED)
    return generator.multinomial(images, np.full(images, 1 / images), resamples)


def ap_interval(aps: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Return the percentile interval of AP for another set of as many images of this kind.

    Args:
        aps: resampled APs (0..1).
        level: the share of them between the ends.

    Returns:
        The lower and the upper end; None without resampled APs.
    """
    if not aps:
        return None
    low, high = np.quantile(aps, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def difference_interval(one: Sequence[float], other: Sequence[float]) -> tuple[float, float] | None:
    """Return the percentile interval of the difference of two APs, paired over the images.

    Args:
        one: resampled APs (0..1).
        other: resampled APs of the same images, which are subtracted.

    Returns:
        The lower and the upper end; None if either has no resampled APs, or if their numbers
        differ, so that they are not of the same draws.
    """
    if len(one) != len(other):
        return None
    return ap_interval([a - b for a, b in zip(one, other, strict=True)])


@dataclass(frozen=True)
class Curve:
    """The detections of all I images, best score first, prepared for repeated counting.

    Attributes:
        image: (D,) index of the image of each detection.
        people: (I,) the number of people to be found in each image.
        recalls: (R,) the recall levels at which precision is averaged.
        passes: one Pass per OKS threshold.
    """

    image: NDArray[np.intp]
    people: NDArray[np.intp]
    recalls: Floats
    passes: "list[Pass]"

    @classmethod
    def of(cls, judged: Judged) -> "Curve":
        """Make the curve from the matches of an evaluation."""
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
        """Return (S,) AP of S sets of images, by COCO's rule of accumulation.

        times: (S, I) how often each image occurs in each set; each set must have people.
        """
        most = (times @ np.bincount(self.image, minlength=times.shape[1])).max(initial=0)
        lanes = Lanes(np.uint16 if most < 2**16 else np.uint32)
        together = lanes.number * max(1, _NUMBERS // max(1, len(self.image)))
        blocks = [times[at : at + together] for at in range(0, len(times), together)]
        return np.concatenate([self._aps(block, lanes) for block in blocks] or [np.zeros(0)])

    def _aps(self, times: NDArray[np.intp], lanes: "Lanes") -> Floats:
        occurrences = lanes.packed(times)[:, self.image]
        so_far = np.cumsum(occurrences, axis=1)
        people = times @ self.people
        precisions: list[Floats] = []
        for each in self.passes:
            counts = each.counts(occurrences, so_far)
            right, everything = (lanes.unpacked(packed, len(times)) for packed in counts)
            precisions.append(_precisions(right, everything, people, self.recalls))
        return np.stack(precisions, axis=1).reshape(len(times), -1).mean(axis=1)


@dataclass(frozen=True)
class Lanes:
    """Packs several counts into one 64-bit integer, so that one addition adds all of them.

    Attributes:
        kind: an unsigned type that can hold every sum.
    """

    kind: type[np.unsignedinteger[Any]]

    @property
    def number(self) -> int:
        """Return the number of counts in one integer."""
        return 8 // np.dtype(self.kind).itemsize

    def packed(self, counts: NDArray[np.intp]) -> NDArray[np.uint64]:
        """Pack (S, N) counts into (ceil(S / number), N) integers; missing counts are zero."""
        rows = -(-len(counts) // self.number)
        filled = np.zeros((rows, self.number, counts.shape[1]), self.kind)
        filled.reshape(-1, counts.shape[1])[: len(counts)] = counts
        return np.ascontiguousarray(filled.swapaxes(1, 2)).view(np.uint64)[..., 0]

    def unpacked(self, packed: NDArray[np.uint64], rows: int) -> NDArray[Any]:
        """Unpack (ceil(S / number), N) integers into (S, N) counts; rows is S."""
        several = np.ascontiguousarray(packed)[..., None].view(self.kind)
        return several.swapaxes(1, 2).reshape(len(packed) * self.number, packed.shape[1])[:rows]


@dataclass(frozen=True)
class Pass:
    """The detections at one OKS threshold, as indices into the order of scores.

    Precision rises from hit to hit and falls with every wrong detection, so it is nowhere higher
    than at the tops.

    Attributes:
        hits: (H,) detections that are matched to a person that counts.
        ignored: (N,) detections that are neither right nor wrong.
        tops: (P,) indices into hits: the last hits before a wrong detection or before the end.
        ignored_so_far: (P,) the number of ignored detections before each top.
    """

    hits: NDArray[np.intp]
    ignored: NDArray[np.intp]
    tops: NDArray[np.intp]
    ignored_so_far: NDArray[np.intp]

    @classmethod
    def of(cls, right: NDArray[np.bool_], ignored: NDArray[np.bool_]) -> "Pass":
        """Make a pass from (D,) flags: which detections are right, and which are ignored."""
        hits, neither = np.flatnonzero(right), np.flatnonzero(ignored)
        wrong_so_far = np.cumsum(~(right | ignored))[hits]
        tops = np.flatnonzero(np.diff(wrong_so_far, append=len(right) + 1))
        return cls(hits, neither, tops, np.searchsorted(neither, hits[tops]))

    def counts(
        self, occurrences: NDArray[np.uint64], so_far: NDArray[np.uint64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Count the detections up to each top.

        Args:
            occurrences: (S, D) how often each detection occurs in each set.
            so_far: (S, D) the cumulative sums of occurrences, inclusive.

        Returns:
            (S, P) the number of right detections, and (S, P) that of right or wrong ones.
        """
        right = np.cumsum(occurrences[:, self.hits], axis=1)[:, self.tops]
        return right, so_far[:, self.hits[self.tops]] - self._ignored(occurrences)

    def _ignored(self, occurrences: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return (S, P) the number of ignored detections up to each top."""
        counts = np.zeros((len(occurrences), len(self.ignored) + 1), occurrences.dtype)
        np.cumsum(occurrences[:, self.ignored], axis=1, out=counts[:, 1:])
        return counts[:, self.ignored_so_far]


def _precisions(
    right: NDArray[Any], everything: NDArray[Any], people: NDArray[np.intp], recalls: Floats
) -> Floats:
    """Return (S, R) the best precision at or beyond each recall level; zero beyond the last hit.

    right, everything: (S, P) the results of Pass.counts. people: (S,) to be found.
    """
    precision = right / (everything + np.spacing(1))
    best = np.zeros((len(right), right.shape[1] + 1))
    best[:, -2::-1] = np.maximum.accumulate(precision[:, ::-1], axis=1)
    recall = right / people[:, None]
    first = np.stack([np.searchsorted(reached, recalls) for reached in recall])
    return np.take_along_axis(best, first, axis=1)
