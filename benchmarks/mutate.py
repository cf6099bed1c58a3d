"""Mutated inputs against the readers: tracebacks, seconds and memory per kind of input.

Every kind has a seed, the bytes of a sound input, and a reader. Mutants are made from the seed by
a generator of fixed seed, so that a run can be repeated. A reader may refuse with an error of
posemark.core.errors; any other exception is a traceback, and the mutant is kept in the folder
given by --keep. Each kind runs in a child process of limited memory; a child that dies or hangs
is counted and another one goes on behind the mutant. Ends with status 1 if anything was found.

    python benchmarks/mutate.py [KIND ...] [--mutants 3000] [--keep FOLDER]
"""

import argparse
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
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from posemark.core.errors import PoseMarkError
from posemark.core.frame import Frame, Truth
from posemark.datasets.boxes import open_boxes
from posemark.datasets.coco import ANNOTATIONS, Coco
from posemark.geometry.conventions import HRNET
from posemark.geometry.crop import decode_bgr
from posemark.geometry.encoded import require_end

MEMORY = 1 << 30
"""Bytes that a reader may take beyond what the process had before."""

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


class Kind(NamedTuple):
    """make: the bytes of a sound input. read: a folder to write into, and a mutant."""

    make: Callable[[], bytes]
    read: Callable[[Path, bytes], object]


# ------------------------------------------------------------------------------- kinds


def annotations() -> bytes:
    person = {
        "keypoints": [10.5, 20, 2] * 17,
        "bbox": [5, 5, 40, 90.5],
        "area": 1800.5,
        "iscrowd": 0,
    }
    people = [person | {"id": i, "image_id": 1 + i % 3, "category_id": 1} for i in range(5)]
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 64, "height": 48} for i in (1, 2, 3)]
    kinds = [{"id": 1, "name": "person"}]
    return json.dumps({"images": images, "annotations": people, "categories": kinds}).encode()


def read_annotations(folder: Path, content: bytes) -> object:
    path = folder / ANNOTATIONS
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    frames = Coco(folder).frames()
    source = open_boxes("gt", HRNET, 0.0, "coco", frames)
    for frame in frames:
        source.of(frame)
        try:
            frame.read()
        except PoseMarkError:  # there are no images
            continue
    return frames


def detections() -> bytes:
    box = {"category_id": 1, "bbox": [10, 20.5, 30, 20], "score": 0.75}
    return json.dumps([box | {"image_id": 1 + i % 3} for i in range(8)]).encode()


def read_detections(folder: Path, content: bytes) -> object:
    path = folder / "found.json"
    path.write_bytes(content)
    nobody = Truth(np.zeros((0, 17, 3)), np.zeros((0, 4)), np.zeros(0), np.zeros(0, bool))
    frames = [Frame(i, f"{i}.jpg", (64, 48), bytes, nobody) for i in (1, 2, 3)]
    source = open_boxes(f"file:{path}", HRNET, 0.0, "coco", frames)
    return [source.of(frame) for frame in frames]


def image(suffix: str, *options: int) -> Callable[[], bytes]:
    def make() -> bytes:
        pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
        return cv2.imencode(suffix, cv2.GaussianBlur(pixels, (5, 5), 2), list(options))[1].tobytes()

    return make


def read_image(folder: Path, content: bytes) -> object:
    require_end(content, "mutant")
    return decode_bgr(content, (64, 48), "mutant")


KINDS = {
    "annotations": Kind(annotations, read_annotations),
    "detections": Kind(detections, read_detections),
    "jpeg": Kind(image(".jpg"), read_image),
    "progressive": Kind(image(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1), read_image),
    "png": Kind(image(".png"), read_image),
}

# ----------------------------------------------------------------------------- mutants


def mutant(seed: bytes, number: int) -> bytes:
    """The seed with one to four changes: bits, cuts, doubled or moved parts, odd words."""
    rng, content = random.Random(number), bytearray(seed)
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


# ------------------------------------------------------------------------------- runs


class Outcome(NamedTuple):
    """number: of the mutant. what: "read", "refused", or what went wrong."""

    number: int
    what: str
    seconds: float


def child(name: str, numbers: range, pipe) -> None:
    """Read one mutant after the other; sends an Outcome each."""
    with tempfile.TemporaryDirectory() as folder:
        kind = KINDS[name]
        seed = kind.make()
        kind.read(Path(folder), seed)  # what is sound must be read
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # image libraries write of every mutant
        before = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (before + MEMORY, before + MEMORY))
        for number in numbers:
            begin = time.perf_counter()
            what = attempt(kind, Path(folder), mutant(seed, number))
            pipe.send(Outcome(number, what, time.perf_counter() - begin))


def attempt(kind: Kind, folder: Path, content: bytes) -> str:
    """What came of a mutant."""
    try:
        kind.read(folder, content)
    except PoseMarkError:
        return "refused"
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
    return "read"


def outcomes(name: str, mutants: int):
    """One Outcome for each mutant; a child that dies or hangs is followed by another."""
    number, context = 0, multiprocessing.get_context("spawn")
    while number < mutants:
        ours, theirs = context.Pipe(False)
        process = context.Process(target=child, args=(name, range(number, mutants), theirs))
        process.start()
        theirs.close()
        try:
            while number < mutants:
                # The first answer waits for the imports as well.
                if not ours.poll(60 if number == 0 else 4 * SECONDS):
                    yield Outcome(number, "hangs", 4 * SECONDS)
                    break
                yield ours.recv()
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
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    print("| kind | mutants | read | refused | tracebacks, deaths | slowest, s |")
    print("| :--- | ---: | ---: | ---: | ---: | ---: |")
    bad = sum(row(name, options.mutants, options.keep) for name in options.kinds or KINDS)
    sys.exit(bad > 0)


def row(name: str, mutants: int, keep: Path | None) -> int:
    """Print the row of a kind and its findings; their number."""
    found, slowest, sample = Counter(), 0.0, {}
    for outcome in outcomes(name, mutants):
        what = outcome.what if outcome.seconds <= SECONDS else f"{outcome.what}, slow"
        found[what] += 1
        slowest = max(slowest, outcome.seconds)
        sample.setdefault(what, outcome.number)
    bad = {what: count for what, count in found.items() if what not in ("read", "refused")}
    counts = f"{found['read']} | {found['refused']} | {sum(bad.values())} | {slowest:.2f}"
    print(f"| {name} | {mutants} | {counts} |", flush=True)
    for what, count in bad.items():
        print(f"    {name}: {count} x {what}, first mutant {sample[what]}", file=sys.stderr)
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{name}-{sample[what]}").write_bytes(mutant(KINDS[name].make(), sample[what]))
    return sum(bad.values())


if __name__ == "__main__":
    main()
