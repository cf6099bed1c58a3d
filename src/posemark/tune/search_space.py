"""What can be tried to make an entry faster: each step is a name and a change of options."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from posemark.core.spec import ModelSpec
from posemark.run.plan import Options
from posemark.runtimes.registry import CHANNELS_LAST, PRECISIONS

BATCHES = (2, 4, 8)
"""Crops in one forward that are tried."""

FASTEST = 2
"""Runtimes whose lower precisions are tried: the fastest in float32."""


@dataclass(frozen=True)
class Step:
    """change: fields of Options and their new values.

    decodes: it reads the same network outputs in another way, which is a question of accuracy.
    missing: why it does not apply to this model at all; then it has no change.
    """

    name: str
    change: Mapping[str, Any]
    decodes: bool = False
    missing: str = ""

    def applied(self, options: Options) -> Options:
        """The options with this change."""
        return replace(options, **self.change)


@dataclass(frozen=True)
class Subject:
    """What is tuned. runtimes: to be tried. calibrate: data for int8. cores: usable."""

    spec: ModelSpec
    runtimes: tuple[str, ...]
    calibrate: str | None
    cores: int


Phase = Callable[[Subject, Sequence[str]], list[Step]]
"""The steps of one kind, given the runtimes that run, the fastest in float32 first."""


def runtimes(subject: Subject, _: Sequence[str]) -> list[Step]:
    """Every runtime in float32."""
    return [Step(name, {"runtime": name}) for name in subject.runtimes]


def precisions(subject: Subject, fastest: Sequence[str]) -> list[Step]:
    """Every lower precision of the fastest runtimes."""
    # A file runs in the precision that it is in: nothing of it is calibrated.
    data = None if subject.spec.artefact else subject.calibrate
    return [
        Step(f"{runtime} {precision}", _with_precision(runtime, precision, data))
        for runtime in fastest[:FASTEST]
        for precision in PRECISIONS[1:]
    ]


def _with_precision(runtime: str, precision: str, calibrate: str | None) -> dict[str, Any]:
    data = calibrate if precision == "int8" else None
    return {"runtime": runtime, "precision": precision, "calibrate": data}


def layouts(_: Subject, __: Sequence[str]) -> list[Step]:
    """Maps as NHWC."""
    return [Step(CHANNELS_LAST, {"layout": CHANNELS_LAST})]


def threads(subject: Subject, _: Sequence[str]) -> list[Step]:
    """All cores, and halves of them down to one: caches and memory are shared."""
    counts = [subject.cores]
    while counts[-1] > 1:
        counts.append(counts[-1] // 2)
    return [Step(f"{n} thread{'s' * (n > 1)}", {"threads": n}) for n in counts]


def batches(subject: Subject, _: Sequence[str]) -> list[Step]:
    """Several people in one forward."""
    if subject.spec.approach == "bottom-up":
        return [Step("batching people", {}, missing="a bottom-up network sees the whole image")]
    return [Step(f"batches of {n}", {"persons": "batched", "max_batch": n}) for n in BATCHES]


def decoders(subject: Subject, _: Sequence[str]) -> list[Step]:
    """Other ways to read the network's outputs."""
    names = subject.spec.codec.cheaper
    if not names:
        return [Step("another decoder", {}, missing="this model's decoder has no variants")]
    return [Step(f"decoder {name}", {"codec": name}, decodes=True) for name in names]


PHASES: tuple[Phase, ...] = (runtimes, precisions, layouts, threads, batches, decoders)
"""In the order in which they are tried; what changes most comes first."""


def most_steps(subject: Subject) -> int:
    """How many steps there are to try at most: if every runtime runs and each changes something."""
    return sum(len(phase(subject, subject.runtimes)) for phase in PHASES)
