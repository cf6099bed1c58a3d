"""The figures that only records of clips have: how steady poses are, and when a detector looked."""

from dataclasses import dataclass, field

FEWEST_CHANCES = 300
"""Chances below which a share is not given: if nothing happened in 300 independent chances, the
true share may still be 1% (rule of three)."""

FEWEST_NEWCOMERS = 30
"""Newcomers below which the time until they were found is not given, as for groups of people."""


@dataclass(frozen=True)
class Happened:
    """How often something happened.

    Attributes:
        events: number of times that it happened.
        chances: number of times that it could have happened.
    """

    events: int
    chances: int

    @property
    def share(self) -> float | None:
        """The events by the chances (0..1); None with fewer chances than FEWEST_CHANCES."""
        return self.events / self.chances if self.chances >= FEWEST_CHANCES else None


@dataclass(frozen=True)
class Newcomers:
    """People who appear after the first frame of their clip.

    Attributes:
        people: their number.
        never: number of those who were not found before they left or the clip ended.
        frames: mean frames until the others were found; None for fewer than FEWEST_NEWCOMERS.
    """

    people: int
    never: int
    frames: float | None


@dataclass(frozen=True)
class Smoothing:
    """What smoothing changes, by the poses of the same frames before it.

    Attributes:
        jitter_before: the jitter of the poses before smoothing.
        lag: frames by which smoothed poses are behind the same poses before smoothing.
    """

    jitter_before: float | None
    lag: float | None


@dataclass(frozen=True)
class Steadiness:
    """How steady poses are from frame to frame; docs/video.md defines the figures.

    Attributes:
        annotated: whether they are measured against annotated people. If not, they are estimates
            from the poses alone: jitter is an upper bound, and drop-outs are gaps in tracks.
        clips: number of clips.
        frames: number of their frames.
        jitter: RMS of the movement of key points that is not the people's or the camera's, in body
            sizes; None with few or no movements.
        jumps: movements that are too long for trembling, and not part of the jitter.
        drop_outs: frames in which a person is missed who was found before.
        swaps: changes of left-right pairs of key points between right and swapped.
        identity_switches: changes of the id of a person; None without annotated people or ids.
        newcomers: people who appear later; None without annotated people.
        lag: frames by which poses are behind the annotated people; None if nobody moves enough.
        smoothing: None if nothing was smoothed.
    """

    annotated: bool
    clips: int
    frames: int
    jitter: float | None
    jumps: Happened
    drop_outs: Happened
    swaps: Happened
    identity_switches: Happened | None = None
    newcomers: Newcomers | None = None
    lag: float | None = None
    smoothing: Smoothing | None = None


@dataclass(frozen=True)
class Looks:
    """When a detector looked that looks at every k-th frame only.

    Attributes:
        every: k.
        due: frames at which it was due by its schedule.
        scheduled: frames at which it looked because it was due.
        early: frames at which it looked because somebody was lost.
        followed: frames at which it did not look.
        looked_ms: percentiles (measure/latency.py) of the time of a frame with a look.
        followed_ms: those of a frame without.
    """

    every: int
    due: int
    scheduled: int
    early: int
    followed: int
    looked_ms: dict[str, float] = field(default_factory=dict[str, float])
    followed_ms: dict[str, float] = field(default_factory=dict[str, float])
