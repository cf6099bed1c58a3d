"""How the threads of OpenMP wait for each other, with and without another busy process.

Threads that have finished their part of an operator either spin (libgomp: up to some milliseconds)
or sleep until the others are done. Run with `python benchmarks/waiting.py`; it takes about two
minutes. Every policy runs in a process of its own, as libgomp reads the policy once; policies
take turns, round by round. Times are of forwards of one network in eager torch.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

MODEL = "wider-naive-litehrnet-18-256x192"

POLICIES: dict[str, dict[str, str]] = {
    "as libgomp is": {},
    "GOMP_SPINCOUNT=10000": {"GOMP_SPINCOUNT": "10000"},
    "GOMP_SPINCOUNT=1000": {"GOMP_SPINCOUNT": "1000"},
    "OMP_WAIT_POLICY=passive": {"OMP_WAIT_POLICY": "passive"},
}

SET_BY = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS")


def main() -> None:
    """Print, for every policy, milliseconds for one forward and their ratio to the first."""
    arguments = _arguments()
    if arguments.worker:
        print(json.dumps(_forwards(arguments.model, arguments.threads, arguments.seconds)))
        return
    for busy in (0, 1):
        found: dict[str, list[float]] = {name: [] for name in POLICIES}
        for _ in range(arguments.rounds):
            for name, chosen in POLICIES.items():
                with _busy(busy):
                    found[name].append(_median_ms(chosen, arguments))
        print(f"\n{busy} busy processes beside, {arguments.threads} threads, {arguments.model}")
        first = found[next(iter(POLICIES))]
        for name, times in found.items():
            ratios = [ours / theirs for ours, theirs in zip(times, first, strict=True)]
            print(
                f"{name:26} {statistics.median(times):9.1f} ms ({min(times):.1f} to "
                f"{max(times):.1f}), ratio {statistics.median(ratios):.3f} "
                f"({min(ratios):.3f} to {max(ratios):.3f})"
            )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _median_ms(chosen: dict[str, str], arguments: argparse.Namespace) -> float:
    environment = {name: text for name, text in os.environ.items() if name not in SET_BY}
    options = ("model", "threads", "seconds")
    given = [part for name in options for part in (f"--{name}", str(getattr(arguments, name)))]
    command = [sys.executable, __file__, "--worker", *given]
    done = subprocess.run(
        command, env=environment | chosen, check=True, capture_output=True, text=True
    )
    return statistics.median(json.loads(done.stdout))


def _forwards(model: str, threads: int, seconds: float) -> list[float]:
    """Return milliseconds of every forward until the seconds are over, without the first two."""
    import torch

    import posemark

    torch.set_num_threads(threads)
    network = posemark.network(model)
    height, width = map(int, model.rsplit("-", 1)[1].split("x"))
    pixels = torch.zeros(1, 3, height, width)
    found: list[float] = []
    start = time.perf_counter()
    with torch.inference_mode():
        while len(found) < 3 or time.perf_counter() - start < seconds:
            before = time.perf_counter()
            network(pixels)
            found.append((time.perf_counter() - before) * 1e3)
    return found[2:]


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """Run this many processes that compute endlessly."""
    endless = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(endless) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
