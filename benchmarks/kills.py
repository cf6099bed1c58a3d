"""Runs killed at random moments and resumed: no frame may be lost or counted twice.

Small entries run in processes of their own over the same images. One of the processes, or all of
them, get a signal: when some more frames are in the records and a random time has passed, or after
a random time, which may be before the first frame. If a worker is killed, the others continue until
the next kill. The run is resumed and killed again until the records are complete. Then every image
must be measured exactly once, with the poses of a run that was not disturbed, and every frame that
was in a record before a kill must still be there. The exit status is 1 if a frame is lost or
doubled, poses differ, a traceback was printed or a process was left behind.

    python benchmarks/kills.py coco:DIR [--kills 40] [--limit 40] [--seed 0] [--only group worker]

Poses can only be compared if the entries have weights (--entries MODEL.TAG ...).
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
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from posemark.records import files
from posemark.records.schema import People

ENTRIES = ("naive-litehrnet-18-256x192", "wider-naive-litehrnet-18-256x192")
PROGRAM = """
from posemark.cli import machine, main
machine.peak_figures = lambda *_: None  # what the machine attains takes long, and holds no frame
main()
"""
AT_ANY_TIME = 0.3
"""Share of the kills that do not wait for frames; the first of a run waits for up to 1.5 times as
long as the run takes to its first record."""

VICTIMS = {
    "group": signal.SIGKILL,
    "parent": signal.SIGKILL,
    "worker": signal.SIGKILL,
    "parent, SIGTERM": signal.SIGTERM,
    "group, Ctrl-C": signal.SIGINT,
    "group, Ctrl-C twice": signal.SIGINT,
    "server": signal.SIGKILL,
}
"""The server is the process that forks the workers, which continue to the end without it."""

BETWEEN_STOPS = 0.05
"""Seconds between two Ctrl-C of an impatient user."""

PATIENCE = 300.0
"""Seconds until a run without progress is abandoned."""


@dataclass
class Tally:
    """The results of all kills of a kind.

    Attributes:
        in_frames: kills of runs whose records had frames.
        linger: the longest time that a process of the run lived after a kill, in seconds.
    """

    kills: int = 0
    in_frames: int = 0
    tracebacks: int = 0
    left: int = 0
    linger: float = 0.0


@dataclass
class Trial:
    """One folder of records, from its first run to the one that completes it."""

    options: argparse.Namespace
    out: Path
    rng: random.Random
    poses: dict[str, dict[int, People | None]]
    seconds: float
    ends: float
    kept: dict[str, list[int]] = field(default_factory=dict)

    def runs(self, victims: list[str], tallies: dict[str, Tally]) -> list[str]:
        """Kill and resume until no victim is left or everything is measured; return the faults."""
        wrong: list[str] = []
        while victims and not self._complete():
            wrong += self._one_process(victims, tallies)
            if time.monotonic() > self.ends:
                victims.clear()
        process = start(self.options, self.out)
        _, error = process.communicate(timeout=PATIENCE)
        if process.returncode:
            wrong.append(f"the last --resume ended with {process.returncode}: {error}")
        return wrong + self._lost() + self._uncounted() + self._other_poses()

    def _one_process(self, victims: list[str], tallies: dict[str, Tally]) -> list[str]:
        """Start the run, and kill its workers, which others survive, until it is killed itself."""
        process, wrong = start(self.options, self.out), list[str]()
        seconds = 1.5 * self.seconds
        while victims:
            self._wait(process, seconds)
            seconds = 2.0
            if process.poll() is not None:  # it has ended by itself
                break
            struck = _strike(process.pid, victims[-1], self.rng)
            if not struck:  # before the first worker was started
                continue
            victim = victims.pop()
            tallies[victim].kills += 1
            tallies[victim].in_frames += any(self._ids().values())
            if victim != "worker":
                wrong += self._ended(process, victim, tallies[victim])
                break
            wrong += self._checked(victim, tallies[victim], _linger(struck))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
        return wrong

    def _ended(self, process: "subprocess.Popen[str]", victim: str, tally: Tally) -> list[str]:
        """Return the faults after the end of a whole run."""
        _, error = process.communicate(timeout=PATIENCE)
        linger = _linger(_processes(process.pid))
        tally.left += bool(_processes(process.pid))
        tally.tracebacks += "Traceback" in error
        wrong = [f"{victim}: a traceback:\n{error}"] if "Traceback" in error else []
        return wrong + self._checked(victim, tally, linger)

    def _checked(self, victim: str, tally: Tally, linger: float) -> list[str]:
        """Return the faults of the records after a kill."""
        tally.linger = max(tally.linger, linger)
        wrong = self._lost()
        self.kept = self._ids()
        held = sum(map(len, self.kept.values()))
        print(f"{victim}: {held} frames held, {len(wrong)} faults", file=sys.stderr, flush=True)
        return wrong

    def _wait(self, process: "subprocess.Popen[str]", seconds: float) -> None:
        """Wait for a random time up to `seconds`, or for some more frames and a random time."""
        if self.rng.random() < AT_ANY_TIME:
            time.sleep(self.rng.uniform(0, seconds))
            return
        wanted = self._lines() + self.rng.randint(2, 8)
        began = time.monotonic()
        while process.poll() is None and self._lines() < wanted:
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError(f"{self.out}: no more than {self._lines()} lines")
            time.sleep(0.01)
        time.sleep(self.rng.uniform(0, 0.1))

    def _records(self) -> list[Path]:
        return sorted(path for path in self.out.glob(f"*{files.SUFFIX}") if files.begun(path))

    def _lines(self) -> int:
        return sum(path.read_bytes().count(b"\n") for path in self._records())

    def _ids(self) -> dict[str, list[int]]:
        """Return the images that each record has measured, in order."""
        found = {path.name: files.read(path) for path in self._records()}
        return {name: [f.image_id for f in record.good] for name, record in found.items()}

    def _complete(self) -> bool:
        records = [files.read(path) for path in self._records()]
        return len(records) == len(self.options.entries) and all(
            record.complete for record in records
        )

    def _lost(self) -> list[str]:
        """Return faults: records that no longer begin with the frames that they had."""
        now = self._ids()
        return [
            f"{name}: held {len(ids)} frames before, and does not begin with them"
            for name, ids in self.kept.items()
            if now.get(name, [])[: len(ids)] != ids
        ]

    def _uncounted(self) -> list[str]:
        """Return faults: images that are not measured exactly once at the end."""
        wrong = [] if self._complete() else [f"{self.out}: not complete at the end"]
        for name, ids in self._ids().items():
            often = {image: count for image, count in Counter(ids).items() if count > 1}
            if len(set(ids)) != self.options.limit or often:
                count = f"{len(set(ids))} of {self.options.limit} images"
                wrong.append(f"{name}: {count}, doubled: {often}")
        return wrong

    def _other_poses(self) -> list[str]:
        """Return faults: poses that differ from those of the run that was not disturbed."""
        now = poses_in(self.out)
        return [
            f"{name}: image {image} has other poses than without kills"
            for name, poses in self.poses.items()
            for image, expected in poses.items()
            if now.get(name, {}).get(image) != expected
        ]


def start(options: argparse.Namespace, out: Path) -> "subprocess.Popen[str]":
    """Start or resume the run of both entries."""
    words = ["--data", options.data, "--limit", str(options.limit), "--threads", "1"]
    words += ["--out", str(out), "--resume"]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "run", *options.entries, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def poses_in(out: Path) -> dict[str, dict[int, People | None]]:
    """Return the poses of each image in each record of a folder."""
    records = [files.read(path) for path in sorted(out.glob(f"*{files.SUFFIX}"))]
    return {r.path.name: {f.image_id: f.poses for f in r.good} for r in records}


def _strike(parent: int, victim: str, rng: random.Random) -> set[int]:
    """Send the signal to processes of a run, and return their ids; none if there is no such one."""
    number, family = VICTIMS[victim], _processes(parent)
    servers = [pid for pid, above in family.items() if above == parent and _is_server(pid)]
    workers = [pid for pid, above in family.items() if above in servers]
    worker = [rng.choice(workers)] if workers else []
    who = {"worker": worker, "server": servers[:1]}.get(victim.partition(",")[0], [parent])
    for _ in range(2 if victim.endswith("twice") else 1):
        try:
            if victim.startswith("group"):
                os.killpg(parent, number)
            for pid in [] if victim.startswith("group") else who:
                os.kill(pid, number)
        except ProcessLookupError:
            break
        if victim.endswith("twice"):
            time.sleep(BETWEEN_STOPS)
    return set(who)


def _is_server(pid: int) -> bool:
    try:
        return b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _processes(session: int) -> dict[int, int]:
    """Return the ids of the running processes of a session, each with that of its parent."""
    found: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, above, _, owner = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(owner) == session and state != "Z":
            found[int(folder.name)] = int(above)
    return found


def _linger(pids: Collection[int]) -> float:
    """Return the seconds until none of these processes is left, at most 30."""
    start = time.monotonic()
    while _alive(pids) and time.monotonic() - start < 30:
        time.sleep(0.01)
    return time.monotonic() - start


def _alive(pids: Collection[int]) -> bool:
    return any(Path(f"/proc/{pid}").exists() for pid in pids)


def undisturbed(options: argparse.Namespace) -> tuple[dict[str, dict[int, People | None]], float]:
    """Return the poses of a run that nobody kills, and the seconds until its first records."""
    with tempfile.TemporaryDirectory() as folder:
        out, began = Path(folder) / "run", time.monotonic()
        process = start(options, out)
        while process.poll() is None and not any(map(files.begun, out.glob(f"*{files.SUFFIX}"))):
            time.sleep(0.01)
        seconds = time.monotonic() - began
        _, error = process.communicate(timeout=PATIENCE)
        if process.returncode:
            sys.exit(f"the run without kills ended with {process.returncode}: {error}")
        return poses_in(out), seconds


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--entries", nargs="+", default=ENTRIES)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60.0, help="start no other kills then")
    parser.add_argument("--only", nargs="+", choices=VICTIMS, default=list(VICTIMS))
    return parser.parse_args()


def main() -> None:
    """Print a row for every kind of victim, and what went wrong."""
    options = parsed()
    # A shell starts background programs with Ctrl-C ignored, and the runs would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rng = random.Random(options.seed)
    victims = (options.only * options.kills)[: options.kills]
    rng.shuffle(victims)
    tallies, wrong, folders = {name: Tally() for name in options.only}, [], 0
    poses, seconds = undisturbed(options)
    ends = time.monotonic() + 60 * options.minutes
    while victims:
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(options, Path(folder) / "run", rng, poses, seconds, ends)
            wrong += trial.runs(victims, tallies)
            folders += 1
    print(
        "| signal to | kills | with frames in the records | tracebacks | left behind | ended, s |"
    )
    print("| :--- | ---: | ---: | ---: | ---: | ---: |")
    for name, tally in tallies.items():
        counts = f"{tally.kills} | {tally.in_frames} | {tally.tracebacks} | {tally.left}"
        print(f"| {name} | {counts} | {tally.linger:.2f} |")
    print(f"\n{folders} folders of {len(options.entries)} records, {len(wrong)} faults")
    print(*wrong, sep="\n")
    left = sum(tally.left for tally in tallies.values())
    sys.exit(bool(wrong or left))


if __name__ == "__main__":
    main()
