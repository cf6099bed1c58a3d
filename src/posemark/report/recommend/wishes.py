"""What an app needs, and what a row is found to be under it."""

from dataclasses import dataclass, field, replace

from posemark.report.recommend.candidates import Candidate, Loss

COMPARABLE, FPS, AP, LICENCE, MEMORY = "comparable", "fps", "ap", "licence", "memory"


@dataclass(frozen=True)
class Wishes:
    """What an app needs; None: no wish.

    min_fps: pose FPS, with `people` in the frame. max_ap_loss: AP points (0..100) below the best.
    commercial: code and weights must allow it. max_memory: bytes.
    """

    min_fps: float | None = None
    people: int | None = None
    max_ap_loss: float | None = None
    commercial: bool = False
    max_memory: int | None = None


def less(wishes: Wishes) -> dict[str, Wishes]:
    """The wishes less one, for every one that was made."""
    every = {
        FPS: replace(wishes, min_fps=None),
        AP: replace(wishes, max_ap_loss=None),
        LICENCE: replace(wishes, commercial=False),
        MEMORY: replace(wishes, max_memory=None),
    }
    return {name: fewer for name, fewer in every.items() if fewer != wishes}


@dataclass(frozen=True)
class Judged:
    """A candidate under given wishes. fps: as wished. best: what its AP is held against.

    broken: why, by constraint. open: why a wish is undecided, by constraint (fps or ap).
    """

    candidate: Candidate
    best: Candidate
    fps: float | None
    lost: Loss
    broken: dict[str, str] = field(default_factory=dict[str, str])
    open: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def fits(self) -> bool:
        """Whether it breaks no wish, and none is undecided."""
        return not (self.broken or self.open)

    @property
    def undecided(self) -> bool:
        """Whether it breaks no wish, but might."""
        return bool(self.open) and not self.broken

    @property
    def worth(self) -> tuple[float, float]:
        """AP and FPS of a row that fits, both of which are known."""
        return self.candidate.ap or 0.0, self.fps or 0.0

    @property
    def place(self) -> tuple[bool, bool]:
        """Which list it stands in, those that an app can rely on first: rules 6 and 7."""
        return self.candidate.doubted, self.candidate.on_truth

    def beats(self, other: "Judged") -> bool:
        """Rule 6."""
        if self.place != other.place:
            return False
        (ap, fps), (other_ap, other_fps) = self.worth, other.worth
        return ap >= other_ap and fps >= other_fps and (ap > other_ap or fps > other_fps)
