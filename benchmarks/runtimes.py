"""What runtimes and precisions gain over eager torch, network alone, as a Markdown table.

Rounds run every session once, one after the other, so that what slows the machine slows all;
a gain is the median over rounds of torch's time by the session's, with its 10 % and 90 %
quantiles. Weights by formula: errors, in shares of the largest value, say nothing about AP.

    python benchmarks/runtimes.py MODEL [RUNTIME:PRECISION ...]
"""

import sys
import time
from dataclasses import dataclass, field

import numpy as np

import posemark
from posemark.artefacts import Store
from posemark.export import example
from posemark.measure.environment import usable_cores
from posemark.models import spec_of
from posemark.nn import formula
from posemark.runtimes import Calibration, Session, Source, Target
from posemark.runtimes.opening import open_session
from posemark.weights import cache_dir

ROUNDS = 12
WHOLE_IMAGE_HW = (512, 704)
"""What a 640x480 image becomes in DEKR and HigherHRNet."""

KINDS = (
    "torch:bf16",
    "torch-compile:fp32",
    "torch-compile:bf16",
    "onnxruntime:fp32",
    "onnxruntime:int8",
    "openvino:fp32",
    "openvino:bf16",
    "openvino:int8",
)


@dataclass
class Runner:
    """A session under measurement; times: of its rounds, in seconds."""

    kind: str
    session: Session
    ready_s: float
    times: list[float] = field(default_factory=list)


def opened(kind, spec, shape):
    def build():
        network = posemark.network(spec.name)
        formula.initialise(network)
        return network

    runtime, precision = kind.split(":")
    calibration = Calibration("noise:4", lambda: example(spec, 4, shape[2:])[:, None])
    store = Store(cache_dir().parent / "artefacts")
    facts = (formula.VERSION, posemark.__version__, store, usable_cores(), calibration)
    start = time.perf_counter()
    session = open_session(Target(runtime, precision), Source(spec, build, *facts))
    session.prepare(shape)
    return Runner(kind, session, time.perf_counter() - start)


def row(runner, reference, batch, expected):
    ours = runner.session.infer(batch)
    error = max(np.abs(ours[n] - m).max() / np.abs(m).max() for n, m in expected.items())
    gains = np.divide(reference.times, runner.times)
    low, middle, high = np.quantile(gains, (0.1, 0.5, 0.9))
    wall = np.median(runner.times) * 1e3
    gain = f"{middle:.2f} ({low:.2f}-{high:.2f})"
    return f"| {runner.kind} | {wall:.1f} | {gain} | {error:.0e} | {runner.ready_s:.1f} |"


def main(model, kinds):
    spec = spec_of(model)
    batch = example(spec, 1, None if spec.codec else WHOLE_IMAGE_HW)
    runners = [opened(kind, spec, batch.shape) for kind in ("torch:fp32", *kinds)]
    expected = runners[0].session.infer(batch)
    for count in range(ROUNDS + 1):
        for runner in runners:
            start = time.perf_counter()
            runner.session.infer(batch)
            if count:  # the first round warms up
                runner.times.append(time.perf_counter() - start)
    print(f"| {model} {batch.shape[2]}x{batch.shape[3]} | ms | gain | error | ready after s |")
    print("| :--- | ---: | :--- | ---: | ---: |")
    for runner in runners:
        print(row(runner, runners[0], batch, expected))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or KINDS)
