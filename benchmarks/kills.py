"""Runs killed at random moments, and gone on with: no frame may be lost or counted twice.

Two small entries run in processes of their own over the same images. One of the processes, or all
of them, get a signal when some more frames are in the records and a random time has passed;
--resume goes on, is killed again, and so on until the records are whole. Then every image must be
measured exactly once, and what stood in a record before a kill must still stand there. Ends with
status 1 if a frame is lost or doubled, a traceback was printed or a process was left behind.

    python benchmarks/kills.py coco:DIR [--kills 40] [--limit 40] [--seed 0]
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from posemark.records import files

ENTRIES = ("naive-litehrnet-18-256x192", "wider-naive-litehrnet-18-256x192")
PROGRAM = """
from posemark.cli import machine, main
machine.peak_figures = lambda *_: None  # what the machine attains takes long, and holds no frame
main()
"""

VICTIMS = {
    "group": signal.SIGKILL,
    "parent": signal.SIGKILL,
    "worker": signal.SIGKILL,
    "parent, SIGTERM": signal.SIGTERM,
    "group, Ctrl-C": signal.SIGINT,
    "group, Ctrl-C twice": signal.SIGINT,
    "server": signal.SIGKILL,
}
"""The server is the process that forks the workers, which go on without it to the end."""

BETWEEN_STOPS = 0.05
"""Seconds between two Ctrl-C of an impatient hand."""

PATIENCE = 300.0
"""Seconds until a run that does nothing is given up."""


@dataclass
class Tally:
    """What came of all kills of a kind.

    in_frames: kills that hit records that held frames and were not complete. linger: the longest
    that a process of the run lived after it, in seconds.
    """

    kills: int = 0
    in_frames: int = 0
    tracebacks: int = 0
    left: int = 0
    linger: float = 0.0


@dataclass
class Trial:
    """One folder of records, from its first run to the one that completes it."""

    data: str
    limit: int
    out: Path
    rng: random.Random
    kept: dict[str, list[int]] = field(default_factory=dict)

    def runs(self, victims: list[str], tallies: dict[str, Tally]) -> list[str]:
        """Kill and go on until the victims are used up or all is measured; what went wrong."""
        wrong: list[str] = []
        while victims and not self._complete():
            victim = victims.pop()
            wrong += self._killed(victim, tallies[victim])
        process = self._start()
        _, error = process.communicate(timeout=PATIENCE)
        if process.returncode:
            wrong.append(f"the last --resume ended with {process.returncode}: {error}")
        return wrong + self._lost() + self._uncounted()

    def _start(self) -> "subprocess.Popen[str]":
        options = ["--data", self.data, "--limit", str(self.limit), "--threads", "1"]
        command = [
            sys.executable,
            "-c",
            PROGRAM,
            "run",
            *ENTRIES,
            *options,
            "--out",
            str(self.out),
            "--resume",
        ]
        return subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _killed(self, victim: str, tally: Tally) -> list[str]:
        process, before = self._start(), self._lines()
        wanted, start = before + self.rng.randint(2, self.limit // 5), time.monotonic()
        while process.poll() is None and self._lines() < wanted:
            if time.monotonic() - start > PATIENCE:
                raise TimeoutError(f"{self.out}: no more than {self._lines()} lines")
            time.sleep(0.01)
        time.sleep(self.rng.uniform(0, 0.1))
        tally.kills += 1
        tally.in_frames += process.poll() is None and any(self._ids().values())
        _strike(process.pid, victim)
        _, error = process.communicate(timeout=PATIENCE)
        tally.linger = max(tally.linger, _linger(process.pid))
        tally.left += bool(_processes(process.pid))
        tally.tracebacks += "Traceback" in error
        wrong = [f"{victim}: a traceback:\n{error}"] if "Traceback" in error else []
        wrong += self._lost()
        self.kept = self._ids()
        held = sum(map(len, self.kept.values()))
        print(f"{victim}: {held} frames held, {len(wrong)} faults", file=sys.stderr, flush=True)
        return wrong

    def _records(self) -> list[Path]:
        return sorted(path for path in self.out.glob(f"*{files.SUFFIX}") if files.begun(path))

    def _lines(self) -> int:
        return sum(path.read_bytes().count(b"\n") for path in self._records())

    def _ids(self) -> dict[str, list[int]]:
        """The images that each record has measured, in order."""
        return {p.name: [f.image_id for f in files.read(p).good] for p in self._records()}

    def _complete(self) -> bool:
        records = [files.read(path) for path in self._records()]
        return len(records) == len(ENTRIES) and all(record.complete for record in records)

    def _lost(self) -> list[str]:
        """Records that no longer begin with the frames they held."""
        now = self._ids()
        return [
            f"{name}: held {len(ids)} frames before, and does not begin with them"
            for name, ids in self.kept.items()
            if now.get(name, [])[: len(ids)] != ids
        ]

    def _uncounted(self) -> list[str]:
        """Images that are not measured exactly once at the end."""
        wrong = [] if self._complete() else [f"{self.out}: not complete at the end"]
        for name, ids in self._ids().items():
            often = {image: count for image, count in Counter(ids).items() if count > 1}
            if len(set(ids)) != self.limit or often:
                wrong.append(f"{name}: {len(set(ids))} of {self.limit} images, doubled: {often}")
        return wrong


def _strike(parent: int, victim: str) -> None:
    number = VICTIMS[victim]
    family = _processes(parent)
    servers = [pid for pid, above in family.items() if above == parent and _is_server(pid)]
    workers = [pid for pid, above in family.items() if above in servers]
    who = {"worker": workers[:1], "server": servers[:1]}.get(victim.partition(",")[0], [parent])
    for _ in range(2 if victim.endswith("twice") else 1):
        try:
            if victim.startswith("group"):
                os.killpg(parent, number)
            for pid in [] if victim.startswith("group") else who:
                os.kill(pid, number)
        except ProcessLookupError:
            return
        if victim.endswith("twice"):
            time.sleep(BETWEEN_STOPS)


def _is_server(pid: int) -> bool:
    try:
        return b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _processes(session: int) -> dict[int, int]:
    """The living processes of a session by their ids, each with its parent's."""
    found: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, above, _, owner = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(owner) == session and state != "Z":
            found[int(folder.name)] = int(above)
    return found


def _linger(session: int) -> float:
    """Seconds until no process of a session is left, 30 at most."""
    start = time.monotonic()
    while _processes(session) and time.monotonic() - start < 30:
        time.sleep(0.01)
    return time.monotonic() - start


def main() -> None:
    """Print a row for every kind of victim, and what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    # A shell starts what it sends to the background with Ctrl-C ignored, and the runs would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rng = random.Random(options.seed)
    victims = (list(VICTIMS) * options.kills)[: options.kills]
    rng.shuffle(victims)
    tallies, wrong, folders = {name: Tally() for name in VICTIMS}, [], 0
    while victims:
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(options.data, options.limit, Path(folder) / "run", rng)
            wrong += trial.runs(victims, tallies)
            folders += 1
    print("| signal to | kills | in the midst of frames | tracebacks | left behind | ended, s |")
    print("| :--- | ---: | ---: | ---: | ---: | ---: |")
    for name, tally in tallies.items():
        counts = f"{tally.kills} | {tally.in_frames} | {tally.tracebacks} | {tally.left}"
        print(f"| {name} | {counts} | {tally.linger:.2f} |")
    print(f"\n{folders} folders of {len(ENTRIES)} records, {len(wrong)} faults")
    print(*wrong, sep="\n")
    left = sum(tally.left for tally in tallies.values())
    sys.exit(bool(wrong or left))


if __name__ == "__main__":
    main()
