"""How much AP owes to the choice of images: a bootstrap over them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats
from posemark.score.coco import Judged

FEWEST_IMAGES = 10
"""Images with people. Fewer resampled say more about each other than about other images."""

_SEED = 0


def resampled_aps(judged: Judged, resamples: int = 200) -> tuple[float, ...]:
    """AP (0..1) over sets of images drawn with replacement, each with all people and detections.

    Nothing below FEWEST_IMAGES images with people. The draws depend on the images and their
    truth alone: evaluations of the same images are paired, number by number.
    """
    if sum(image.counted > 0 for image in judged.matches) < FEWEST_IMAGES:
        return ()
    curve = Curve.of(judged)
    images = len(curve.people)
    times = np.random.default_rng(_SEED).multinomial(images, np.full(images, 1 / images), resamples)
    return tuple(curve.ap(drawn) for drawn in times if curve.people @ drawn)


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

    image: (D,) index. hits: by threshold, the indices of those taken for a person that counts.
    judged: by threshold, (D,) whether right or wrong (ignored ones are neither). people: (I,)
    to be found. recalls: the levels at which precision is averaged.
    """

    image: NDArray[np.intp]
    hits: list[NDArray[np.intp]]
    judged: list[NDArray[np.bool_]]
    people: NDArray[np.intp]
    recalls: Floats

    @classmethod
    def of(cls, judged: Judged) -> "Curve":
        """From the matches of an evaluation."""
        images = judged.matches
        scores = np.array([d["score"] for i in images for d in i.detections])
        order = np.argsort(-scores, kind="stable")
        ignored = np.concatenate([i.ignored for i in images], 1)[:, order]
        right = np.concatenate([i.person >= 0 for i in images], 1)[:, order] & ~ignored
        image = np.repeat(np.arange(len(images)), [len(i.detections) for i in images])
        return cls(
            image=image[order],
            hits=[np.flatnonzero(row) for row in right],
            judged=list(~ignored),
            people=np.array([i.counted for i in images]),
            recalls=judged.evaluation.params.recThrs,
        )

    def ap(self, times: NDArray[np.intp]) -> float:
        """AP if each image i occurred times[i] times, by COCO's rule of accumulation."""
        shown, people = times[self.image], int(self.people @ times)
        precisions = [
            self._precisions(shown, people, hits, judged)
            for hits, judged in zip(self.hits, self.judged, strict=True)
        ]
        return float(np.mean(precisions))

    def _precisions(
        self,
        shown: NDArray[np.intp],
        people: int,
        hits: NDArray[np.intp],
        judged: NDArray[np.bool_],
    ) -> Floats:
        """The best precision at or beyond each recall level; zero beyond the last hit.

        Looking at the hits alone is enough: precision is highest and recall grows at hits.
        """
        right = np.cumsum(shown[hits])
        everything = np.cumsum(shown * judged)[hits]
        precision = right / (everything + np.spacing(1))
        best = np.maximum.accumulate(precision[::-1])[::-1]
        first = np.searchsorted(right / people, self.recalls)
        return np.append(best, 0.0)[first]
