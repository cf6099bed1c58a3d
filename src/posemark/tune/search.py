"""The search for the fastest setting: one step at a time, compared with the best so far."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from posemark.core.errors import PoseMarkError
from posemark.measure.paired_frames import SMALLEST
from posemark.measure.speed_interval import FEWEST_BLOCKS, Interval
from posemark.run.plan import Options
from posemark.tune.search_space import PHASES, Phase, Step, Subject

PROVEN = 1 + SMALLEST
"""A step is kept if the whole interval of its speed-up is above this factor."""


class StepError(PoseMarkError):
    """A step cannot be run or measured here; the message says why."""


@dataclass(frozen=True)
class Cost:
    """The accuracy of a setting compared with that of the start, on the same frames.

    Attributes:
        frames: Number of frames.
        oks: Mean OKS (0..1) between the poses of both; None if no people were found.
        ap_loss: AP points that are lost; negative for a gain, None if the AP is unknown.
        unknown: Why the AP is unknown; "" if it is known.
    """

    frames: int
    oks: float | None
    ap_loss: float | None = None
    unknown: str = ""


@dataclass(frozen=True)
class Rung:
    """The result of a step that was tried.

    Attributes:
        step: Name of the step.
        options: The options with this step applied.
        kept: Whether the step was kept.
        total: Speed-up factor of all steps kept so far: the product of their gains.
        gain: Speed-up over the best setting before it, with its interval; None if not measured.
        cost: Accuracy compared with the start; None if the speed had already decided.
        why: Why the step was not kept, or a reservation; "" if it was kept without reservation.
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
    """The result of the whole search.

    Attributes:
        start: The options at the start.
        rungs: The results of all steps, in the order in which they were tried.
        best: The options with all kept steps.
        total: Speed-up of best over start, measured directly; None if it could not be measured,
            or if no step was kept.
        cost: Accuracy of best compared with start; None if no step was kept.
    """

    start: Options
    rungs: tuple[Rung, ...]
    best: Options
    total: Interval | None
    cost: Cost | None


class Bench(Protocol):
    """The measurements that the search needs. duels.Bench does them on this machine."""

    @property
    def unjudged(self) -> str:
        """Why the AP is unknown; "" if it is known."""
        ...

    def refusal(self, options: Options) -> str:
        """Why these options cannot be run here; "" if they can."""
        ...

    def duel(self, name: str, best: Options, tried: Options) -> Interval | None:
        """Measure two settings in turns.

        Args:
            name: Name of the step, for people.
            best: The options to compare with.
            tried: The options with the step.

        Returns:
            How many times as fast `tried` is, with its interval; None if there are too few blocks
            of frames.

        Raises:
            StepError: If `tried` does not run, or if other programs use the machine.
        """
        ...

    def cost(self, tried: Options) -> Cost:
        """Compare the accuracy of `tried` with that of the start.

        Raises:
            StepError: If `tried` does not run on a frame.
        """
        ...


def climb(
    start: Options,
    subject: Subject,
    bench: Bench,
    most_loss: float,
    on_rung: Callable[[Rung], None],
    phases: Iterable[Phase] = PHASES,
) -> Ladder:
    """Try every step of every phase; keep those that are proven faster and accurate enough.

    Args:
        start: The options at which the search starts.
        subject: What is tuned.
        bench: Does the measurements.
        most_loss: AP points that the result may lose compared with the start.
        on_rung: Called with the result of each step.
        phases: The steps to try, in this order.
    """
    climber = _Climber(start, bench, most_loss)
    for phase in phases:
        for step in phase(subject, climber.fastest()):
            for rung in climber.tried(step):
                on_rung(rung)
    return climber.ladder()


class _Climber:
    """The state of a search: the best options so far, and the results of all steps."""

    def __init__(self, start: Options, bench: Bench, most_loss: float) -> None:
        self._start = self._best = start
        self._bench, self._most_loss = bench, most_loss
        self._total, self._rungs = 1.0, list[Rung]()
        self._speeds: dict[str, float] = {start.runtime or "": 1.0}

    def fastest(self) -> list[str]:
        """The runtimes that were measured in the starting precision, the fastest first."""
        return sorted(self._speeds, key=lambda name: -self._speeds[name])

    def tried(self, step: Step) -> Iterator[Rung]:
        """Try a step and yield its result; yield nothing if the step changes nothing."""
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
        runtime = rung.options.runtime or ""
        if rung.gain and rung.options.precision == self._start.precision:
            known = self._speeds.get(runtime, 0.0)
            self._speeds[runtime] = max(known, self._total * rung.gain.point)

    def _rung(self, step: Step, options: Options) -> Rung:
        why = step.missing or self._bench.refusal(options) or self._unjudged_decoder(step)
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

    def _unjudged_decoder(self, step: Step) -> str:
        """Why a decoder is not tried if the AP is unknown; "" for all other steps.

        A cheaper decoder trades nothing but accuracy for its speed. Lower precisions are tried
        all the same: the OKS lets users judge them.
        """
        refused = step.decodes and self._bench.unjudged
        return f"a decoder is not changed if the AP is unknown ({refused})" if refused else ""

    def _measured_total(self) -> Interval | None:
        try:
            return self._bench.duel("all steps", self._start, self._best)
        except StepError:
            return None

    def ladder(self) -> Ladder:
        """The result of the search so far. It measures best against start if it has to."""
        kept = [rung for rung in self._rungs if rung.kept]
        total, cost = (kept[-1].gain, kept[-1].cost) if kept else (None, None)
        if len(kept) > 1:
            total = self._measured_total()
        return Ladder(self._start, tuple(self._rungs), self._best, total, cost)


def slow(gain: Interval | None) -> str:
    """Why a step is not proven faster; "" if it is proven faster."""
    if gain is None:
        return f"undecided: fewer than {FEWEST_BLOCKS} blocks of frames in both; raise --budget"
    if gain.low > PROVEN:
        return ""
    if gain.high < 1:
        return "slower"
    if gain.point < PROVEN:
        return "no faster"
    return f"not proven: the interval begins below {PROVEN:g}"
