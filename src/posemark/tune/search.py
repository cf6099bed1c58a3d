"""Finding the fastest setting of an entry: step by step, each against the best so far."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from posemark.core.errors import PoseMarkError
from posemark.measure.paired_frames import SMALLEST
from posemark.measure.speed_interval import FEWEST_BLOCKS, Interval
from posemark.run.plan import Options
from posemark.tune.search_space import PHASES, Phase, Step, Subject

PROVEN = 1 + SMALLEST
"""A step is kept if the whole interval of its gain lies above this."""


class StepError(PoseMarkError):
    """A step that cannot be run or measured here; the message says why."""


@dataclass(frozen=True)
class Cost:
    """What a setting loses against the reference, on exactly the same frames.

    oks: mean similarity of the poses, None where nobody was found. ap_loss: in points, negative
    for a gain; None where AP cannot be had, and then unknown says why.
    """

    frames: int
    oks: float | None
    ap_loss: float | None = None
    unknown: str = ""


@dataclass(frozen=True)
class Rung:
    """A step that was tried. options: with it. total: speed-up of all steps kept so far.

    gain: over the best before it; None where it was not measured. cost: against the reference;
    None where speed had decided already. why: in words, "" for a step kept without reserve.
    """

    step: str
    options: Options
    kept: bool
    total: float
    gain: Interval | None = None
    cost: Cost | None = None
    why: str = ""


@dataclass(frozen=True)
class Ladder:
    """best: the options with all that was kept. total: best against start, measured directly.

    total is None where that could not be measured; both are, where no step was kept. cost: of
    best.
    """

    start: Options
    rungs: tuple[Rung, ...]
    best: Options
    total: Interval | None
    cost: Cost | None


class Bench(Protocol):
    """What the search asks of the machine."""

    @property
    def unjudged(self) -> str:
        """Why there is no AP; "" if there is."""
        ...

    def refusal(self, options: Options) -> str:
        """Why options cannot be run here; "" if they can."""
        ...

    def duel(self, name: str, best: Options, tried: Options) -> Interval | None:
        """How many times faster tried is, measured in turns; None with too few blocks.

        Raises:
            StepError: if tried turns out not to run, or the machine is in use by others.
        """
        ...

    def cost(self, tried: Options) -> Cost:
        """What tried loses against the reference.

        Raises:
            StepError: if tried does not run on a frame.
        """
        ...


def climb(
    start: Options,
    subject: Subject,
    bench: Bench,
    most_loss: float,
    heard: Callable[[Rung], None],
    phases: Iterable[Phase] = PHASES,
) -> Ladder:
    """Try every step of every phase and keep those that are proven faster and accurate enough.

    most_loss: AP points that the result may lose against start, all steps together. heard: is
    told of each rung.
    """
    climber = _Climber(start, bench, most_loss)
    for phase in phases:
        for step in phase(subject, climber.fastest()):
            for rung in climber.tried(step):
                heard(rung)
    return climber.ladder()


class _Climber:
    """Where a climb stands."""

    def __init__(self, start: Options, bench: Bench, most_loss: float) -> None:
        self._start = self._best = start
        self._bench, self._most_loss = bench, most_loss
        self._total, self._rungs = 1.0, list[Rung]()
        self._speeds = {start.runtime: 1.0}

    def fastest(self) -> list[str]:
        """The runtimes measured in float32, the fastest first."""
        return sorted(self._speeds, key=lambda name: -self._speeds[name])

    def tried(self, step: Step) -> Iterator[Rung]:
        """The rung of a step; none where it changes nothing."""
        options = step.applied(self._best)
        if options == self._best and not step.missing:
            return
        rung = self._rung(step, options)
        self._note_speed(rung)
        if rung.kept:
            self._best, self._total = options, rung.total
        self._rungs.append(rung)
        yield rung

    def _note_speed(self, rung: Rung) -> None:
        if rung.gain and rung.options.precision == self._start.precision:
            known = self._speeds.get(rung.options.runtime, 0.0)
            self._speeds[rung.options.runtime] = max(known, self._total * rung.gain.point)

    def _rung(self, step: Step, options: Options) -> Rung:
        why = step.missing or self._bench.refusal(options) or self._blind(step)
        try:
            gain = None if why else self._bench.duel(step.name, self._best, options)
        except StepError as error:
            why, gain = str(error), None
        why = why or slow(gain)
        if gain is None or why:
            return Rung(step.name, options, False, self._total, gain, None, why)
        try:
            cost = self._bench.cost(options)
        except StepError as error:
            return Rung(step.name, options, False, self._total, gain, None, str(error))
        if cost.ap_loss is not None and cost.ap_loss > self._most_loss:
            why = f"costs more than {self._most_loss:g} AP"
            return Rung(step.name, options, False, self._total, gain, cost, why)
        why = f"accuracy unknown: {cost.unknown}" if cost.unknown else ""
        return Rung(step.name, options, True, self._total * gain.point, gain, cost, why)

    def _blind(self, step: Step) -> str:
        """Accuracy is all that decoders differ in; a precision is left to the user's judgement."""
        blind = step.decodes and self._bench.unjudged
        return f"a decoder is not changed blindly: {self._bench.unjudged}" if blind else ""

    def _whole(self) -> Interval | None:
        try:
            return self._bench.duel("all steps", self._start, self._best)
        except StepError:
            return None

    def ladder(self) -> Ladder:
        kept = [rung for rung in self._rungs if rung.kept]
        total, cost = (kept[-1].gain, kept[-1].cost) if kept else (None, None)
        if len(kept) > 1:
            total = self._whole()
        return Ladder(self._start, tuple(self._rungs), self._best, total, cost)


def slow(gain: Interval | None) -> str:
    """Why a step is not proven faster; "" if it is."""
    if gain is None:
        return f"undecided: fewer than {FEWEST_BLOCKS} blocks of frames in both; raise --budget"
    if gain.low > PROVEN:
        return ""
    if gain.high < 1:
        return "slower"
    if gain.point < PROVEN:
        return "no faster"
    return f"not proven: the interval begins below {PROVEN:g}"
