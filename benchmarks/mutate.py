"""Mutated inputs against the readers: tracebacks, seconds and memory per kind of input.

Every kind has a seed, the bytes of a sound input, and a reader. Mutants are made from the seed by a
random generator whose seed is their number, so that a run can be repeated: --first 3000 --mutants
20000 makes those numbered 3000 to 22999. A reader may refuse with an error of posemark.core.errors;
any other exception is a traceback. The first mutant of each fault is kept in the folder given by
--keep. Each kind runs in a child process of limited memory. A child that dies, hangs or takes too
much memory is counted, and another one continues after the mutant. The exit status is 1 if there
was a fault.

    python benchmarks/mutate.py [KIND ...] [--mutants 3000] [--first 0] [--keep FOLDER]
"""

import argparse
import copy
import json
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from mutated_inputs import KINDS, Kind

from posemark.core.errors import PoseMarkError

MEMORY = 1 << 30
"""Bytes that a reader may use beyond those that the process had before."""

REFUSED_MEMORY = 3 * MEMORY
"""Bytes that the system grants at most. If this were MEMORY, a library that asks for more and then
refuses the mutant would look as if it had asked for nothing."""

SECONDS = 5
WORDS = (
    b"null",
    b"-1",
    b"NaN",
    b"1e400",
    b'"x"',
    b"[]",
    b"{}",
    b"[[[[",
    b"\xff\xfe",
    b"\0",
    b"9" * 400,
)
VALUES = (None, True, -1, 0, 1, 2, 0.5, -0.0, 1e-300, 1e300, 2**31, 2**53, 2**63, 10**400)
VALUES = (*VALUES, "", "x", "1", "\0\x1b[31m", "../../x", "/dev/zero", "x" * 10**5, [], {}, [[]])
TEXTS = (
    "",
    "x",
    "\0\x1b[31m",
    "<script>",
    "overlapped",
    "paced",
    "detected",
    "gt",
    "sample",
    "m" * 300,
)


# ----------------------------------------------------------------------------- mutants


def mutant(kind: Kind, seed: bytes, number: int) -> bytes:
    """Return the seed with one to four changes; every second mutant of JSON is still JSON."""
    rng = random.Random(number)
    if kind.lines_of_json and number % 2:
        return _other_fields(rng, seed)
    return _other_bytes(rng, seed)


def _other_bytes(rng: random.Random, seed: bytes) -> bytes:
    """Return the seed with other bits, cuts, doubled or moved parts, or odd words."""
    content = bytearray(seed)
    for _ in range(rng.randint(1, 4)):
        rng.choice((_flip, _cut, _double, _word, _end))(rng, content)
    return bytes(content)


def _part(rng: random.Random, content: bytearray) -> slice:
    start = rng.randrange(len(content) + 1)
    return slice(start, start + rng.choice((1, 2, 4, 16, 64, 256)))


def _flip(rng: random.Random, content: bytearray) -> None:
    for _ in range(rng.randint(1, 8) if content else 0):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _cut(rng: random.Random, content: bytearray) -> None:
    del content[_part(rng, content)]


def _double(rng: random.Random, content: bytearray) -> None:
    part = content[_part(rng, content)]
    at = rng.randrange(len(content) + 1)
    content[at:at] = part * rng.choice((1, 1, 2, 50))


def _word(rng: random.Random, content: bytearray) -> None:
    at = rng.randrange(len(content) + 1)
    content[at : at + rng.randrange(8)] = rng.choice(WORDS)


def _end(rng: random.Random, content: bytearray) -> None:
    del content[rng.randrange(len(content) + 1) :]


def _other_fields(rng: random.Random, seed: bytes) -> bytes:
    """Return JSON lines with fields left out, doubled, of another type or size, or nested.

    In half of them, values only change within their type. Most of these are read, so that what is
    computed from them is tried, too.
    """
    changes = (_vary,) if rng.random() < 0.5 else (_remove, _replace, _replace, _nest, _repeat)
    lines = [json.loads(line) for line in seed.splitlines()]
    for _ in range(rng.randint(1, 3)):
        places = [place for line in lines for place in _places(line)]
        if places:
            container, key = _chosen(rng, places)
            rng.choice(changes)(rng, container, key)
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container below a value with each of its keys."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else range(len(value))
    here = [(value, key) for key in keys]
    return here + [place for key in keys for place in _places(value[key])]


def _chosen(rng: random.Random, places: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Choose a place; fields are chosen more often than the numbers of long lists."""
    fields = [place for place in places if isinstance(place[0], dict)]
    return rng.choice(fields if fields and rng.random() < 0.7 else places)


def _remove(_: random.Random, container: Any, key: Any) -> None:
    del container[key]


def _replace(rng: random.Random, container: Any, key: Any) -> None:
    """Set a copy of a value: otherwise later changes of it would apply to all mutants."""
    container[key] = copy.deepcopy(rng.choice(VALUES))


def _vary(rng: random.Random, container: Any, key: Any) -> None:
    """Set another value of the same type."""
    value = container[key]
    if isinstance(value, bool):
        container[key] = not value
    elif isinstance(value, int | float):
        other = rng.choice((0, 1, 2, value + 1, value * 1000, -value, value / 3, 10**9, 1e-300))
        container[key] = int(other) if isinstance(value, int) else float(other)
    elif isinstance(value, str):
        container[key] = rng.choice(TEXTS)
    elif isinstance(value, list):
        container[key] = value[: rng.randrange(len(value) + 1)]


def _nest(rng: random.Random, container: Any, key: Any) -> None:
    value = container[key]
    container[key] = rng.choice(([value], {"x": value}, [[value]], str(value)))


def _repeat(rng: random.Random, container: Any, key: Any) -> None:
    times = rng.choice((0, 2, 100))
    if isinstance(container[key], list | str):
        container[key] = container[key] * times
    elif isinstance(container, list):
        container[key:key] = [container[key]] * times


# ------------------------------------------------------------------------------- runs


class Outcome(NamedTuple):
    """The result of one mutant.

    Attributes:
        number: the number of the mutant.
        what: "read", "refused", or the fault.
        peak: the most bytes that the child has used so far, beyond those that it had before.
    """

    number: int
    what: str
    seconds: float
    peak: int = 0


def child(name: str, numbers: range, pipe) -> None:
    """Read one mutant after the other, and send an Outcome for each."""
    with tempfile.TemporaryDirectory() as folder:
        kind = KINDS[name]
        seed = kind.make()
        kind.read(Path(folder), seed)  # the sound input must be read
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # image libraries print for every mutant
        before = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (before + REFUSED_MEMORY,) * 2)
        resident = peak_rss()
        pipe.send(None)  # time counts from here on
        for number in numbers:
            begin = time.perf_counter()
            what = attempt(kind, Path(folder), mutant(kind, seed, number))
            seconds = time.perf_counter() - begin
            pipe.send(Outcome(number, what, seconds, peak_rss() - resident))


def peak_rss() -> int:
    """Return the peak memory of this process, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def attempt(kind: Kind, folder: Path, content: bytes) -> str:
    """Return the result of a mutant."""
    try:
        kind.read(folder, content)
    except PoseMarkError:
        return "refused"
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
    return "read"


def outcomes(name: str, numbers: range):
    """Yield one Outcome for each mutant; a child that dies or hangs is replaced by another.

    A child that used too much memory is also replaced, because its peak never decreases.
    """
    number, context = numbers.start, multiprocessing.get_context("spawn")
    while number < numbers.stop:
        ours, theirs = context.Pipe(False)
        process = context.Process(target=child, args=(name, range(number, numbers.stop), theirs))
        process.start()
        theirs.close()
        try:
            ours.recv()  # imports take long on a busy machine
            while number < numbers.stop:
                if not ours.poll(4 * SECONDS):
                    yield Outcome(number, "hangs", 4 * SECONDS)
                    break
                outcome = ours.recv()
                yield outcome
                if outcome.peak > MEMORY:
                    break
                number += 1
        except EOFError:
            process.join()
            yield Outcome(number, f"died with status {process.exitcode}", 0.0)
        finally:
            process.kill()
            process.join()
        number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", choices=[[], *KINDS])
    parser.add_argument("--mutants", type=int, default=3000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    print("| kind | mutants | read | refused | tracebacks, deaths | slowest, s | peak, MB |")
    print("| :--- | ---: | ---: | ---: | ---: | ---: | ---: |")
    numbers = range(options.first, options.first + options.mutants)
    bad = sum(row(name, numbers, options.keep) for name in options.kinds or KINDS)
    sys.exit(bad > 0)


def row(name: str, numbers: range, keep: Path | None) -> int:
    """Print the row of a kind and its faults; return the number of faults."""
    found, slowest, peak, sample = Counter(), 0.0, 0, {}
    for outcome in outcomes(name, numbers):
        what = outcome.what + ", slow" * (outcome.seconds > SECONDS)
        what += ", large" * (outcome.peak > MEMORY)
        found[what] += 1
        slowest, peak = max(slowest, outcome.seconds), max(peak, outcome.peak)
        sample.setdefault(what, outcome.number)
    bad = {what: count for what, count in found.items() if what not in ("read", "refused")}
    counts = f"{found['read']} | {found['refused']} | {sum(bad.values())}"
    print(f"| {name} | {len(numbers)} | {counts} | {slowest:.2f} | {peak / 1e6:.0f} |", flush=True)
    for what, count in bad.items():
        print(f"    {name}: {count} x {what}, first mutant {sample[what]}", file=sys.stderr)
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            content = mutant(KINDS[name], KINDS[name].make(), sample[what])
            (keep / f"{name}-{sample[what]}").write_bytes(content)
    return sum(bad.values())


if __name__ == "__main__":
    main()
