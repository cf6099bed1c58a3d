"""Compares the milliseconds of an edge bundle with those of `posemark run` on the same machine.

A bundle is made of the entry and unpacked. Then both measure the same frames in the same runtime,
in turns, each time in a process of its own, and the frames of both are paired. Which side is first
changes from round to round. An entry with a card runs the same file on both sides; the export of a
built-in network for devices has other operators than that for `posemark run`.

    python benchmarks/edge.py ultralight-simplepose --rounds 6 --repeat 20
    python benchmarks/edge.py tinypose-256x192 --data coco:DIR --limit 60
"""

import argparse
import subprocess
import sys
import zipfile
from math import exp, log
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from posemark.measure.paired_frames import paired
from posemark.records import files

POSEMARK = (sys.executable, "-m", "posemark")
RUNTIMES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "tflite": "tflite"}
"""The engines of a bundle that PoseMark has as runtimes, too."""


def done(words: list[str], folder: Path) -> None:
    """Run a command in a folder; its output is shown only if it fails."""
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"error: {' '.join(words)}\n{ended.stdout}\n{ended.stderr}")


def bundled(entry: str, data: list[str], folder: Path) -> None:
    done([*POSEMARK, "bundle", entry, "-o", str(folder / "bundle.zip"), *data], folder)
    with zipfile.ZipFile(folder / "bundle.zip") as file:
        file.extractall(folder / "bundle")


def record_in(folder: Path) -> files.Record:
    (path,) = folder.glob("*.jsonl")
    return files.read(path)


def ratio(at_home: files.Record, on_edge: files.Record) -> float:
    """Return the time of all frames that both measured, edge over home."""
    pairs = [pair for block in paired(at_home, on_edge) for pair in block]
    if not pairs:
        raise SystemExit("error: the two runs have no frame in common.")
    home, edge = (sum(pair[side] for pair in pairs) for side in (0, 1))
    return edge / home


def rounds(given: argparse.Namespace, data: list[str], folder: Path) -> list[float]:
    """Measure in turns, and return the ratio of each round."""
    found: list[float] = []
    for number in range(given.rounds):
        home, edge = folder / f"home-{number}", folder / f"edge-{number}"
        common = ["--threads", str(given.threads), "--repeat", str(given.repeat)]
        run = [*POSEMARK, "run", given.entry, "--runtime", RUNTIMES[given.engine], *data, *common]
        run += ["--out", str(home)]
        runner = [sys.executable, "run.py", "--engine", given.engine, *common]
        runner += ["--out", str(edge)]
        turns = [(run, folder), (runner, folder / "bundle")]
        for words, place in turns if number % 2 else reversed(turns):
            done(words, place)
        found.append(ratio(record_in(home), record_in(edge)))
        print(f"round {number + 1}: edge / home = {found[-1]:.3f}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("entry", help="an entry as `posemark run` takes it")
    parser.add_argument("--engine", choices=RUNTIMES, default="onnxruntime")
    parser.add_argument("--data", default="sample")
    parser.add_argument("--limit", default="60")
    parser.add_argument("--weights", default="none")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=10, help="passes over the frames")
    given = parser.parse_args()
    data = ["--data", given.data, "--limit", given.limit, "--weights", given.weights]
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        bundled(given.entry, data, folder)
        found = rounds(given, data, folder)
    mean = exp(fmean(map(log, found)))
    print(f"edge / home: {mean:.3f} ({min(found):.3f} to {max(found):.3f})")


if __name__ == "__main__":
    main()
