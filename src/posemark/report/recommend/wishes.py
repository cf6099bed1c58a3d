"""The wishes for an app, and a row as judged under them."""

from dataclasses import dataclass, field, replace

from posemark.report.recommend.candidates import Candidate, Loss

COMPARABLE, FPS, AP, LICENCE, MEMORY = "comparable", "fps", "ap", "licence", "memory"


@dataclass(frozen=True)
class Wishes:
    """What an app needs; None means no such wish.

    Attributes:
        min_fps: least pose FPS, with `people` in the frame.
        people: number of people in a frame; None for those of the frames of the run.
        max_ap_loss: most AP points (0..100) below the best row.
        commercial: whether code and weights must allow commercial use.
        max_memory: largest peak memory in bytes.
    """

    min_fps: float | None = None
    people: int | None = None
    max_ap_loss: float | None = None
    commercial: bool = False
    max_memory: int | None = None


def less(wishes: Wishes) -> dict[str, Wishes]:
    """Return for every wish that was made the wishes without this one."""
    every = {
        FPS: replace(wishes, min_fps=None),
        AP: replace(wishes, max_ap_loss=None),
        LICENCE: replace(wishes, commercial=False),
        MEMORY: replace(wishes, max_memory=None),
    }
    return {name: fewer for name, fewer in every.items() if fewer != wishes}


@dataclass(frozen=True)
class Judged:
    """A candidate as judged under given wishes.

    Attributes:
        candidate: the candidate.
        best: the row that its AP is compared with.
        fps: pose FPS with the wished number of people; None where unknown.
        lost: AP points below `best`.
        broken: the reason for every wish that it breaks, by constraint.
        open: the reason for every wish that is undecided, by constraint (fps or ap).
    """

    candidate: Candidate
    best: Candidate
    fps: float | None
    lost: Loss
    broken: dict[str, str] = field(default_factory=dict[str, str])
    open: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def fits(self) -> bool:
        """Whether it breaks no wish and no wish is undecided."""
        return not (self.broken or self.open)

    @property
    def undecided(self) -> bool:
        """Whether it breaks no wish, but one is undecided."""
        return bool(self.open) and not self.broken

    @property
    def worth(self) -> tuple[float, float]:
        """AP and FPS of a row that fits; both are known then."""
        return self.candidate.ap or 0.0, self.fps or 0.0

    @property
    def place(self) -> tuple[bool, bool]:
        """The list of the row, as a key that sorts reliable lists first: rules 6 and 7."""
        return self.candidate.doubted, self.candidate.on_truth

    def beats(self, other: "Judged") -> bool:
        """Return whether it beats another row: rule 6."""
        if self.place != other.place:
            return False
        (ap, fps), (other_ap, other_fps) = self.worth, other.worth
        return ap >= other_ap and fps >= other_fps and (ap > other_ap or fps > other_fps)
