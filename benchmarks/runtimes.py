"""The gain of runtimes and precisions over eager torch, network alone: a Markdown row per network.

A round runs every session once, one after the other, so that a slow machine slows all. A gain is
the median over rounds of eager torch's time divided by the session's, with its 10 % and 90 %
quantiles. "of peak" is the utilisation of the machine's peak at that precision (`posemark machine`,
measured at the start). Weights are by formula, so errors, relative to the output's largest value,
say nothing about AP. The input is one crop, or for bottom-up models the input of a 640x480 image.
The whole zoo takes fifteen minutes on two cores.

    python benchmarks/runtimes.py [MODEL ...] [--kinds RUNTIME:PRECISION,...]
"""

import argparse
import time
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import numpy as np

import posemark
from posemark.core.target import Target
from posemark.export import example
from posemark.machine import peak
from posemark.measure.environment import usable_cores
from posemark.models import all_models, spec_of
from posemark.nn import formula
from posemark.run.build import artefacts, network_of
from posemark.runtimes import Calibration, Session, Source
from posemark.runtimes.registry import open_session

SECONDS, FEWEST = 8.0, 5
"""Seconds of rounds per network, and the least number of rounds."""

KINDS = "onnxruntime:fp32,openvino:fp32,openvino:bf16"


@dataclass
class Runner:
    """A session under measurement; `times` are those of its rounds, in seconds."""

    kind: str
    session: Session
    times: list[float] = field(default_factory=list)

    @property
    def precision(self):
        return self.kind.split(":")[1]


def opened(kind, spec, shape):
    runtime, precision = kind.split(":")
    calibration = Calibration("noise:4", lambda: example(spec, 4, shape[2:])[:, None])
    source = Source(
        spec=spec,
        build=partial(network_of, spec, None),
        weights=formula.VERSION,
        version=posemark.__version__,
        store=artefacts(),
        threads=usable_cores(),
        calibration=calibration,
    )
    session = open_session(Target(runtime, precision), source)
    session.prepare(shape)
    return Runner(kind, session)


def batch_of(spec):
    if spec.method.fixed_size:
        return example(spec, 1)
    (scaled,) = spec.method.sizing.inputs((640, 480), (1.0,))
    return example(spec, 1, scaled.size_wh[::-1])


def run(runners, batch):
    """Run the rounds; the first one is the warm-up and does not count."""
    until = time.monotonic() + SECONDS
    for count in range(1000):
        for runner in runners:
            begin = time.perf_counter()
            runner.session.infer(batch)
            if count:
                runner.times.append(time.perf_counter() - begin)
        if count >= FEWEST and time.monotonic() > until:
            return


def cell(runner, eager, macs, attained, expected, batch):
    gains = np.divide(eager.times, runner.times)
    low, middle, high = np.quantile(gains, (0.1, 0.5, 0.9))
    share = macs / median(runner.times) / attained.rates[runner.precision].per_second
    ours = runner.session.infer(batch)
    error = max(np.abs(ours[n] - m).max() / np.abs(m).max() for n, m in expected.items())
    return f"{middle:.2f} ({low:.2f} to {high:.2f}), {share:.0%}, {error:.0e}"


def row(spec, kinds, attained):
    batch = batch_of(spec)
    runners = [opened(kind, spec, batch.shape) for kind in ("torch:fp32", *kinds)]
    eager, *others = runners
    run(runners, batch)
    expected = eager.session.infer(batch)
    height, width = batch.shape[2:]
    macs = spec.macs * height * width / (spec.input_hw[0] * spec.input_hw[1])
    rate = attained.rates["fp32"].per_second
    own = f"{median(eager.times) * 1e3:.1f} ms, {macs / median(eager.times) / rate:.0%}"
    cells = [cell(runner, eager, macs, attained, expected, batch) for runner in others]
    best = min(runners, key=lambda runner: median(runner.times))
    ms = f"{median(best.times) * 1e3:.1f} ms ({best.kind})"
    return " | ".join([f"| {spec.name} {height}x{width}", own, *cells, ms]) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="default: every network of the zoo")
    parser.add_argument("--kinds", default=KINDS, help=f"default: {KINDS}")
    given = parser.parse_args()
    kinds = given.kinds.split(",")
    attained = peak.measure(usable_cores(), peak.SECONDS)
    for name, rate in attained.rates.items():
        print(f"attained at {name}: {rate.per_second / 1e9:.0f} GMAC/s")
    print("\nEach: gain (10 % to 90 %), share of peak, largest error.\n")
    print("| " + " | ".join(["network", "eager torch, of peak", *kinds, "best"]) + " |")
    print("| :--- | ---: |" + " :--- |" * (len(kinds) + 1))
    for name in given.models or all_models():
        print(row(spec_of(name), kinds, attained), flush=True)


if __name__ == "__main__":
    main()
