"""Fuzzes the readers of files and answers from outside, guided by coverage (atheris, libFuzzer).

Every kind of input (tests/hostile/kinds.py) runs in a child process of limited memory, until it has
read --inputs mutants or used --cpu-minutes. A reader may refuse a mutant with an error of
posemark.core.errors, in one paragraph. Findings are all other exceptions, longer messages, warnings
of Python, mutants that take more than SECONDS of CPU time or MEMORY bytes, and the death of the
process. The first mutant of each finding is kept in --findings. A row is printed for each kind; the
exit status is 1 if there was a finding.

The corpus grows in --corpus, beside a tally of each kind, and a later call continues with both: the
limits and the rows are about all calls. The corpus begins with sound inputs, which a program makes,
and with the findings that were kept in tests/golden/hostile.

    pip install --group fuzz
    python benchmarks/fuzz.py [KIND ...] [--inputs 1000000] [--cpu-minutes 30]
        [--corpus FOLDER] [--findings FOLDER] [--seed 1]
"""

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1] / "tests"
KEPT = TESTS / "golden" / "hostile"
"""The mutants of earlier findings, in one folder per kind."""

MEMORY = 1 << 30
"""Bytes that a reader may use beyond those that the process had before."""

REFUSED_MEMORY = 3 * MEMORY
"""Bytes that the system grants at most. If this were MEMORY, a library that asks for more and then
refuses the mutant would look as if it had asked for nothing."""

SECONDS, HANGS_AFTER = 5, 60
"""CPU seconds that a mutant may take, and seconds after which it counts as hanging."""

LONGEST = 1 << 16
"""Most bytes of a mutant."""

REPORT_EVERY = 1.0
"""Seconds of CPU time between two reports of a child."""

INSTRUMENTED = ["posemark", "zipfile", "pickletools", "tomllib", "tarfile"]
"""Packages whose branches guide the choice of mutants."""


@dataclass
class Tally:
    """What a child has done so far.

    Attributes:
        inputs: mutants that were read or refused.
        cpu_s: CPU seconds that they took, with their making.
        slowest_s: the most CPU seconds of one mutant.
        peak: the most bytes that one mutant took, beyond those that the process had before. It is
            known of mutants that raised the peak of the process; libFuzzer's own memory grows, too.
        edges: the most edges of the instrumented code that one process covered.
        findings: the number of mutants of each finding.
        done: whether the child has reached its number of inputs or its CPU time.
    """

    inputs: int = 0
    read: int = 0
    refused: int = 0
    cpu_s: float = 0.0
    slowest_s: float = 0.0
    peak: int = 0
    edges: int = 0
    findings: dict[str, int] = field(default_factory=dict)
    done: bool = False

    def add(self, other: "Tally") -> None:
        for name in ("inputs", "read", "refused", "cpu_s"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.peak = max(self.peak, other.peak)
        self.edges = max(self.edges, other.edges)
        self.findings = dict(Counter(self.findings) + Counter(other.findings))
        self.done = other.done


# --------------------------------------------------------------------------------- the child


class Child:
    """Reads mutants, and counts what became of them."""

    def __init__(self, options: argparse.Namespace, kind: Any, folder: Path) -> None:
        self._options, self._kind, self._folder = options, kind, folder
        self._tally, self._reported = Tally(), 0.0
        self._began = time.process_time()

    def read(self, content: bytes) -> None:
        memory, peak, begin = rss(), peak_rss(), time.process_time()
        what = self._attempt(content)
        now = time.process_time()
        tally, new_peak = self._tally, peak_rss()
        used = new_peak - memory if new_peak > peak else 0
        tally.inputs += 1
        tally.cpu_s = now - self._began
        tally.slowest_s = max(tally.slowest_s, now - begin)
        tally.peak = max(tally.peak, used)
        if what in ("read", "refused"):
            setattr(tally, what, getattr(tally, what) + 1)
        else:
            self._found(what, content)
        if now - begin > SECONDS:
            self._found("slow", content)
        if used > MEMORY:  # the peak of a process never decreases, so another one continues
            self._found("large", content)
            self._report()
            os._exit(0)
        tally.done = tally.inputs >= self._options.inputs or tally.cpu_s >= self._options.cpu
        if tally.done or now - self._reported > REPORT_EVERY:
            self._reported = now
            self._report()
        if tally.done:
            os._exit(0)

    def _attempt(self, content: bytes) -> str:
        from hostile.kind import LONGEST_MESSAGE
        from posemark.core.errors import PoseMarkError

        try:
            self._kind.read(self._folder, content)
        except PoseMarkError as error:
            return "refused" if len(str(error)) <= LONGEST_MESSAGE else "a long message"
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        return "read"

    def _found(self, what: str, content: bytes) -> None:
        count = self._tally.findings
        if what not in count:
            name = re.sub(r"\W+", "-", what)
            path = self._options.findings / self._options.kinds[0] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.stat().st_size > len(content):
                path.write_bytes(content)
        count[what] = count.get(what, 0) + 1

    def _report(self) -> None:
        keep(self._tally, self._options.report)


def keep(tally: Tally, path: Path) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(tally)), encoding="utf-8")
    draft.replace(path)


def kept(path: Path) -> Tally:
    """Return a tally that was kept; an empty one if there is none."""
    return Tally(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else Tally()


def child(options: argparse.Namespace) -> None:
    """Fuzz one kind of input; ends by os._exit, or when libFuzzer finds a hang or a death."""
    try:
        import atheris
    except ImportError:
        sys.exit("benchmarks/fuzz.py needs atheris: pip install --group fuzz")

    sys.path.insert(0, str(TESTS))
    with atheris.instrument_imports(include=INSTRUMENTED):
        from hostile import mutants
        from hostile.kinds import kind_of

        name = options.kinds[0]
        kind = kind_of(name)
        folder = Path(tempfile.mkdtemp(dir=options.child))
        corpus = options.corpus / name
        corpus.mkdir(parents=True, exist_ok=True)
        seeds = kind.seeds()
        for number, seed in enumerate(seeds):
            kind.read(folder, seed)  # sound inputs must be read; and this imports all modules
            (corpus / f"seed-{number}").write_bytes(seed)
        for old in sorted((KEPT / name).glob("*")):
            (corpus / f"kept-{old.name}").write_bytes(old.read_bytes())

    def mutate(content: bytes, most: int, seed: int) -> bytes:
        """Change an input as libFuzzer does, or as our own mutants do.

        In one of four cases a sound input is changed, because most of the corpus is refused.
        """
        rng = random.Random(seed)
        content = rng.choice(seeds) if rng.random() < 0.25 else content
        if rng.random() < (0.2 if kind.lines_of_json else 0.5):
            made = atheris.Mutate(content, most)
            made = kind.repair(made) if rng.random() < 0.75 else made
        else:
            made = mutants.changed(kind, rng, content)
        return made if len(made) <= most else atheris.Mutate(content, most)

    before = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (before + REFUSED_MEMORY,) * 2)
    flags = [f"-seed={options.seed}", f"-max_len={LONGEST}", f"-timeout={HANGS_AFTER}"]
    flags += ["-rss_limit_mb=0", "-len_control=0", "-mutate_depth=1"]
    flags += [f"-artifact_prefix={options.findings}/{name}-"]
    reader = Child(options, kind, folder)
    warnings.simplefilter("error")
    atheris.Setup([sys.argv[0], *flags, str(corpus)], reader.read, custom_mutator=mutate)
    atheris.Fuzz()


def rss() -> int:
    """Return the memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def peak_rss() -> int:
    """Return the peak memory of this process, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# -------------------------------------------------------------------------------- the parent


def fuzzed(name: str, options: argparse.Namespace) -> Tally:
    """Fuzz one kind in one child after the other, and return the sums of all calls."""
    total_path, report = (options.corpus / f"{name}.{what}.json" for what in ("tally", "report"))
    total = kept(total_path)
    while True:
        total.add(kept(report))  # of the last child, or of a call that was killed
        report.unlink(missing_ok=True)
        total.done = total.inputs >= options.inputs or total.cpu_s >= 60 * options.cpu_minutes
        keep(total, total_path)
        if total.done:
            return total
        status, said = ended_child(name, options, total)
        if not report.exists():
            sys.exit(f"{name}: the child ended with {status} before it read anything:\n{said}")
        found = re.findall(r"cov: (\d+)", said)
        total.edges = max(total.edges, int(found[-1]) if found else 0)
        if status:
            total.findings[f"ended with status {status}"] = 1
            print(said[-3000:], file=sys.stderr)


def ended_child(name: str, options: argparse.Namespace, total: Tally) -> tuple[int, str]:
    """Run a child for what is left to do; return its exit status, and what it printed."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, __file__, name, "--child", scratch]
        command += ["--seed", str(options.seed + total.inputs)]
        command += ["--inputs", str(options.inputs - total.inputs)]
        command += ["--cpu-minutes", str(options.cpu_minutes - total.cpu_s / 60)]
        command += ["--corpus", str(options.corpus), "--findings", str(options.findings)]
        log = Path(scratch) / "log"
        with log.open("wb") as file:
            status = subprocess.run(command, stderr=file, stdout=file, check=False).returncode
        return status, log.read_text(errors="replace")


def row(name: str, options: argparse.Namespace) -> int:
    """Print the row of a kind and its findings; return the number of findings."""
    total = fuzzed(name, options)
    counts = f"{total.inputs:,} | {total.cpu_s / 60:.1f} | {total.read:,} | {total.refused:,}"
    bad = sum(total.findings.values())
    most = f"{total.slowest_s:.2f} | {total.peak / 1e6:.0f}"
    print(f"| {name} | {counts} | {total.edges} | {bad} | {most} |", flush=True)
    for what, count in total.findings.items():
        print(f"    {name}: {count} x {what}", file=sys.stderr)
    return bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--cpu-minutes", type=float, default=30.0)
    parser.add_argument("--corpus", type=Path, default=Path("fuzz-corpus"))
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        options.report = options.corpus / f"{options.kinds[0]}.report.json"
        options.cpu = 60 * options.cpu_minutes
        child(options)
    sys.path.insert(0, str(TESTS))
    from hostile.kinds import NAMES

    for folder in (options.corpus, options.findings):
        folder.mkdir(parents=True, exist_ok=True)
    print("| kind | inputs | CPU min | read | refused | edges | findings | slowest, s | peak, MB |")
    print("| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    sys.exit(sum(row(name, options) for name in options.kinds or NAMES) > 0)


if __name__ == "__main__":
    main()
