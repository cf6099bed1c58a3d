"""The steps that may make an entry faster: each is a name and a change of options."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from posemark.core.spec import ModelSpec
from posemark.run.options import Options
from posemark.runtimes.registry import CHANNELS_LAST, PRECISIONS
from posemark.tune import Goal

BATCHES = (2, 4, 8)
"""Numbers of crops per forward pass to try."""

FASTEST = 2
"""Lower precisions are tried with this many runtimes: the fastest in float32."""


@dataclass(frozen=True)
class Step:
    """A change of options that may make an entry faster.

    Attributes:
        name: Name of the step, for people.
        change: New values by field of Options.
        decodes: Whether the step only reads the same network outputs in another way, which
            affects the accuracy.
        missing: Why the step does not apply to this model; it then has no change.
    """

    name: str
    change: Mapping[str, object]
    decodes: bool = False
    missing: str = ""

    def applied(self, options: Options) -> Options:
        """The options with this change applied."""
        return replace(options, **self.change)


@dataclass(frozen=True)
class Subject:
    """What is tuned.

    Attributes:
        spec: The model.
        runtimes: The runtimes to try.
        calibrate: The data that determines the value ranges of int8; None if int8 is not tried.
        cores: Number of usable CPU cores.
        goal: What the search makes better.
    """

    spec: ModelSpec
    runtimes: tuple[str, ...]
    calibrate: str | None
    cores: int
    goal: Goal = "latency"


Phase = Callable[[Subject, Sequence[str]], list[Step]]
"""Makes the steps of one kind from the subject and the measured runtimes, the fastest first."""


def runtimes(subject: Subject, _: Sequence[str]) -> list[Step]:
    """The steps that change the runtime."""
    return [Step(name, {"runtime": name}) for name in subject.runtimes]


def precisions(subject: Subject, fastest: Sequence[str]) -> list[Step]:
    """The steps that change the precision: every lower one, with the fastest runtimes."""
    # A model file runs in the precision in which it is stored, so it is not calibrated.
    data = None if subject.spec.artefact else subject.calibrate
    return [
        Step(f"{runtime} {precision}", _with_precision(runtime, precision, data))
        for runtime in fastest[:FASTEST]
        for precision in PRECISIONS[1:]
    ]


def _with_precision(runtime: str, precision: str, calibrate: str | None) -> dict[str, object]:
    data = calibrate if precision == "int8" else None
    return {"runtime": runtime, "precision": precision, "calibrate": data}


def layouts(_: Subject, __: Sequence[str]) -> list[Step]:
    """The steps that change the memory layout of maps to NHWC."""
    return [Step(CHANNELS_LAST, {"layout": CHANNELS_LAST})]


def threads(subject: Subject, _: Sequence[str]) -> list[Step]:
    """The steps that change the number of threads: all cores, then half of them, down to one.

    Fewer threads may be faster, because cores share caches and memory.
    """
    return [Step(f"{n} thread{'s' * (n > 1)}", {"threads": n}) for n in _halves(subject.cores)]


def _halves(cores: int) -> list[int]:
    counts = [cores]
    while counts[-1] > 1:
        counts.append(counts[-1] // 2)
    return counts


def streams(subject: Subject, _: Sequence[str]) -> list[Step]:
    """The steps that process several frames at the same time; only throughput gains from them."""
    if subject.goal == "latency":
        return []
    if subject.cores == 1:
        return [Step("overlapping frames", {}, missing="there is one core for one frame")]
    change = {"mode": "overlapped", "threads": subject.cores}
    return [Step(f"{n} streams", change | {"streams": n}) for n in _halves(subject.cores)[:-1]]


def batches(subject: Subject, _: Sequence[str]) -> list[Step]:
    """The steps that put several people into one forward pass."""
    if subject.spec.approach == "bottom-up":
        return [Step("batching people", {}, missing="a bottom-up network sees the whole image")]
    return [Step(f"batches of {n}", {"persons": "batched", "max_batch": n}) for n in BATCHES]


def decoders(subject: Subject, _: Sequence[str]) -> list[Step]:
    """The steps that change the decoder."""
    names = subject.spec.codec.cheaper
    if not names:
        return [Step("another decoder", {}, missing="this model's decoder has no variants")]
    return [Step(f"decoder {name}", {"codec": name}, decodes=True) for name in names]


PHASES: tuple[Phase, ...] = (runtimes, precisions, layouts, threads, streams, batches, decoders)
"""The phases in the order in which they are tried; the largest changes come first."""


def most_steps(subject: Subject) -> int:
    """The largest number of steps: that if every runtime runs and every step changes something."""
    return sum(len(phase(subject, subject.runtimes)) for phase in PHASES)
