"""Measures the memory and the CPU time of a run of very many frames, and draws both.

A run measures the built-in scenes again and again. Every few seconds, the private memory of its
processes and the number of measured frames are noted. A leak shows as a line that rises; work that
grows with the length of the record shows as CPU time per frame that rises. CPU time is taken from
the record, because other programs change it less than they change the rate.

    python benchmarks/long_run.py measure tinypose-128x96 --frames 100000 --out long
    python benchmarks/long_run.py draw long -o long-run.svg
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

import psutil

from posemark.datasets.sample import Sample
from posemark.records import files
from posemark.report import chart_theme, rendering
from posemark.report.chart_theme import Spec

EVERY_SECONDS = 5.0
SAMPLES = "samples.json"
PARTS = 10
"""Parts of a run, of which the first one and the others are compared."""


@dataclass(frozen=True)
class Noted:
    """What was seen at one moment.

    Attributes:
        seconds: since the start.
        frames: measured frames so far.
        measuring_mb: private memory of the process that measures, in MB.
        other_mb: private memory of all other processes of the run, in MB.
    """

    seconds: float
    frames: int
    measuring_mb: float
    other_mb: float


def frames_in(path: Path, seen: list[int]) -> int:
    """Count the frames of a growing record; `seen` holds how far it was read, and the count."""
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        file.seek(seen[0])
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    seen[0] += len(whole)
    seen[1] += whole.count(b'"kind":"frame"')
    return seen[1]


def watched(process: subprocess.Popen[bytes], folder: Path) -> Iterator[Noted]:
    """Yield what is seen every few seconds until the process ends."""
    began, seen, command = time.monotonic(), [0, 0], psutil.Process(process.pid)
    while process.poll() is None:
        time.sleep(EVERY_SECONDS)
        record = next(folder.glob("*.jsonl"), folder / "none")
        try:
            measuring, other = private_mb([command, *command.children(recursive=True)])
        except psutil.NoSuchProcess:
            return
        before, frames = seen[1], frames_in(record, seen)
        if frames > before:  # it measures, and does not warm up or score
            yield Noted(time.monotonic() - began, frames, measuring, other)


def private_mb(processes: list[psutil.Process]) -> tuple[float, float]:
    """Return the private memory of the process that measures, and of all others.

    A single entry is measured by the command itself, so the role of a process does not follow from
    its place: the one that has used the most CPU time measures.
    """
    used = [(sum(each.cpu_times()[:2]), each.memory_full_info().uss / 1e6) for each in processes]
    (_, measuring), *others = sorted(used, reverse=True)
    return measuring, sum(mb for _, mb in others)


def measure(entry: str, frames: int, out: Path, threads: str) -> None:
    repeat = -(-frames // len(Sample().frames()))
    words = ["run", entry, "--repeat", str(repeat), "--out", str(out)]
    words += ["--threads", threads]
    process = subprocess.Popen([sys.executable, "-m", "posemark", *words])
    # After the last frame the report is made, for which the whole record is read.
    noted = [asdict(each) for each in watched(process, out) if each.frames < frames]
    if process.wait():
        raise SystemExit(f"error: the run ended with {process.returncode}.")
    (out / SAMPLES).write_text(json.dumps({"entry": entry, "noted": noted}), encoding="utf-8")
    print(in_words([Noted(**each) for each in noted], cpu_ms(out)))


def cpu_ms(out: Path) -> list[float]:
    """Return the milliseconds of CPU time per frame of each part of the record, in its order."""
    (path,) = out.glob("*.jsonl")
    blocks = [block.readings for block in files.read(path).blocks if block.readings]
    ends = [round(i * len(blocks) / PARTS) for i in range(PARTS + 1)]
    parts = [blocks[begin:end] for begin, end in pairwise(ends)]
    return [
        sum(each.own_cpu_ns or 0 for each in part) / sum(each.frames for each in part) / 1e6
        for part in parts
    ]


def in_words(noted: list[Noted], found: list[float]) -> str:
    part = max(1, len(noted) // PARTS)
    early, late = noted[part : 2 * part], noted[-part:]
    lines = [f"{noted[-1].frames:,} frames in {noted[-1].seconds:.0f} s"]
    for name in ("measuring_mb", "other_mb"):
        before, after = (fmean(getattr(each, name) for each in some) for some in (early, late))
        lines.append(f"{name}: {before:.1f} in the second tenth, {after:.1f} in the last")
    low, high = min(found) / median(found), max(found) / median(found)
    lines.append(f"CPU time per frame of a tenth over their median: {low:.2f} to {high:.2f}")
    return "\n".join(lines)


def layer(
    values: list[dict[str, object]], along: str, below: str, field: str, title: str, most: float
) -> Spec:
    """Return one panel with a line per series."""
    colours = {"range": chart_theme.FAMILIES[:2]}
    return {
        "width": 460,
        "height": 150,
        "data": {"values": values},
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": {"field": along, "type": "quantitative", "title": below},
            "y": {
                "field": field,
                "type": "quantitative",
                "title": title,
                "scale": {"domain": [0, most]},
            },
            "color": {
                "field": "series",
                "type": "nominal",
                "scale": colours,
                "legend": {"title": None, "orient": "bottom-left"},
            },
        },
    }


def chart(entry: str, frames: int, noted: list[Noted], found: list[float]) -> Spec:
    memory: list[dict[str, object]] = [
        {"frames": each.frames, "mb": mb, "series": series}
        for each in noted
        for series, mb in (("measures", each.measuring_mb), ("all others", each.other_mb))
    ]
    # Parts have equally many blocks, so a part lasts equally long and has its own number of frames.
    times: list[dict[str, object]] = [
        {"part": i, "ms": ms, "series": ""} for i, ms in enumerate(found, 1)
    ]
    cost = layer(times, "part", "tenth of the blocks", "ms", "CPU ms per frame", 1.3 * max(found))
    del cost["encoding"]["color"]
    highest = 1.4 * max(max(each.measuring_mb, each.other_mb) for each in noted)
    return {
        "$schema": chart_theme.SCHEMA,
        "config": chart_theme.LIGHT,
        "padding": 10,
        "title": {
            "text": f"{entry}: {frames:,} frames in one run",
            "subtitle": "Private memory of the processes; CPU time per frame.",
            "anchor": "start",
        },
        "vconcat": [
            layer(memory, "frames", "measured frames", "mb", "private memory, MB", highest),
            cost,
        ],
    }


def draw(out: Path, path: Path) -> None:
    kept = json.loads((out / SAMPLES).read_text(encoding="utf-8"))
    (record,) = out.glob("*.jsonl")
    frames = len(files.read(record).good)
    spec = chart(kept["entry"], frames, [Noted(**each) for each in kept["noted"]], cpu_ms(out))
    if path.suffix == ".png":
        path.write_bytes(rendering.png(spec))
    else:
        path.write_text(rendering.svg(spec), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True, dest="command")
    run = commands.add_parser("measure", help="run, and note what is seen")
    run.add_argument("entry")
    run.add_argument("--frames", type=int, default=100_000)
    run.add_argument("--out", type=Path, required=True)
    run.add_argument("--threads", default="1", help="as in `posemark run`")
    picture = commands.add_parser("draw", help="draw what was noted")
    picture.add_argument("folder", type=Path)
    picture.add_argument("-o", type=Path, required=True, help="an .svg or .png file")
    given = parser.parse_args()
    if given.command == "measure":
        measure(given.entry, given.frames, given.out, given.threads)
    else:
        draw(given.folder, given.o)


if __name__ == "__main__":
    main()
