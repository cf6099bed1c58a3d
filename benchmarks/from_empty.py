"""A new user's steps: from an empty folder to the chart of all 25 configurations with weights.

A local https server has every file that the suite `seed` needs, under the registry's names: for
every registered checkpoint a file for its real network with formula weights (so its AP is near 0),
some images of COCO in archives like the official ones, and the annotated boxes as person boxes. The
registry is changed in memory: its addresses are those of the server, and its digests and sizes are
those of the made files, pinned in the same way as the real ones. Then the commands of a user run in
a new folder for PoseMark's files: `get`, `weights import` for checkpoints without an address, `run`
and `report`. The exit status is 1 unless every row has trained weights.

    python benchmarks/from_empty.py coco:DIR [--limit 1] [--threads 2] [--out DIR]
"""

import argparse
import hashlib
import json
import mmap
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from posemark import cli
from posemark.core.digests import sha256_of
from posemark.core.frame import Frame
from posemark.core.places import with_home
from posemark.core.spec import ModelSpec, Weights
from posemark.datasets import open_dataset
from posemark.datasets.coco import ANNOTATIONS, IMAGES
from posemark.datasets.published_data import (
    DATA,
    PERSON_BOXES,
    VAL2017_ANNOTATIONS,
    VAL2017_IMAGES,
    DataFile,
)
from posemark.models import all_models
from posemark.nn import formula
from posemark.run.plan import SEED
from posemark.weights.cache import NONE, RESCORE

TESTS = Path(__file__).resolve().parents[1] / "tests"

BY_HAND = "downloads-by-hand"

Serve = Callable[[str, Path], str]


def main() -> None:
    """Print the output for the user, the seconds of every step, and how many rows have weights."""
    options = _options()
    sys.path.insert(0, str(TESTS))
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as serve:
        walk = Walk()
        made = Path(folder) / "made"
        with walk.step("(the files are made)"):
            _make_all(made, options.data, max(options.limit, 4), serve)
        out = options.out or Path(folder) / "run"
        data = ("--data", "coco", "--limit", options.limit, "--threads", options.threads)
        walk.command("get", "seed", "--accept-licence", "openpose")
        walk.command("weights", "import", made / BY_HAND)
        walk.command("run", "seed", *data, "--out", out)
        table = out / "table.json"
        walk.command("report", out, "-o", out / "report.html", "-o", out / "chart.svg", "-o", table)
        rows = json.loads(table.read_text())
    walk.print_times()
    sys.exit(_judged(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="coco:DIR")
    parser.add_argument("--limit", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="keep records, table and charts there")
    return parser.parse_args()


class Walk:
    """Runs commands, and keeps their durations."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def command(self, *words: object) -> None:
        """Run a command, given as its words; a command that fails ends the program."""
        given = [str(word) for word in words]
        line = " ".join(["posemark", *given])
        with self.step(line):
            status = cli.app(given, standalone_mode=False)
        if status:
            sys.exit(f"{line}: ended with status {status}")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure the duration of the block."""
        print(f"\n$ {name}", flush=True)
        start = time.perf_counter()
        yield
        self._seconds[name] = time.perf_counter() - start

    def print_times(self) -> None:
        """Print the seconds of every step."""
        print()
        for name, seconds in self._seconds.items():
            print(f"{seconds:8.1f} s  {name}")


def _judged(rows: list[dict[str, Any]]) -> int:
    """Print how many rows have weights and AP; return 1 if a row of the suite lacks weights."""
    trained = [row for row in rows if row["weights"] != NONE]
    measured = [row for row in trained if row["ap"] is not None]
    print(
        f"{len(trained)} of {len(SEED)} rows have weights, {len(measured)} of these a measured AP"
    )
    for row in rows:
        if row not in measured:
            print(f"without: {row['entry']}, weights {row['weights']}, AP {row['ap']}")
    return int(len(measured) < len(SEED))


# --- the server -----------------------------------------------------------------------------------


@contextmanager
def _server(folder: Path) -> Iterator[Serve]:
    """Run a trusted server of files, with empty folders for PoseMark's files."""
    import https_server

    authority = https_server.authority()
    os.environ |= {
        "REQUESTS_CA_BUNDLE": str(https_server.trusted(authority, folder)),
        "NO_PROXY": "localhost",
        "POSEMARK_CACHE": str(folder / "cache"),
        "POSEMARK_DATA": str(folder / "data"),
    }
    with https_server.running(authority) as server:

        def serve(name: str, path: Path) -> str:
            with path.open("rb") as file:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return server.serve(name, https_server.whole(content))

        yield serve


def _make_all(folder: Path, data: str, images: int, serve: Serve) -> None:
    """Make and serve every file, and change the registry's addresses accordingly."""
    frames = list(islice(filter(_has_posed, open_dataset(data).frames()), images))
    contents = _contents_of_data(data, frames)
    for key, group in DATA.items():
        made = (_data_made(each, contents[each.file], folder, serve) for each in group)
        DATA[key] = tuple(replace(each, count=min(each.count, len(frames))) for each in made)
    for name in dict.fromkeys(entry.model for entry in SEED):
        spec = all_models()[name]
        rows = tuple(_row_made(spec, row, folder, serve) for row in spec.weights)
        all_models()[name] = replace(spec, weights=rows)


def _has_posed(frame: Frame) -> bool:
    return bool((frame.truth.keypoints_xyv[..., 2] > 0).any())


def _data_made(data: DataFile, content: bytes, folder: Path, serve: Serve) -> DataFile:
    path = folder / data.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    urls, sha256 = (serve(data.file, path),), sha256_of(path)
    wanted = replace(data.wanted, urls=urls, size=len(content), sha256=sha256, md5=None)
    return replace(data, wanted=wanted)


def _row_made(spec: ModelSpec, row: Weights, folder: Path, serve: Serve) -> Weights:
    """Return the row, pinned as before, with its file on the server or in the manual folder.

    If the name of the file is unknown, it is named after the model.
    """
    name = row.file or f"{spec.name}.pth"
    where = f"{spec.name}.{row.tag}" if row.urls else BY_HAND
    path = folder / where / name
    path.parent.mkdir(parents=True, exist_ok=True)
    _save(spec, row, path)
    return replace(
        row,
        urls=(serve(f"{where}/{name}", path),) if row.urls else (),
        sha256=sha256_of(path)[: len(row.sha256)] if row.sha256 else None,
        md5=hashlib.md5(path.read_bytes()).hexdigest() if row.md5 else None,
        size=path.stat().st_size if row.size else None,
    )


# --- what is in the files -------------------------------------------------------------------------


def _save(spec: ModelSpec, row: Weights, path: Path) -> None:
    """Return a checkpoint as its authors save it; different weights have different contents."""
    import caffe_writer

    state = _rescorer(spec) if row.tag == RESCORE else _state(spec.build)
    if path.suffix == ".caffemodel":
        path.write_bytes(caffe_writer.of_state(state))
        return
    made = {"meta": {"made_for": row.file or spec.name}, "state_dict": state}
    torch.save(made, path)


@lru_cache(maxsize=1)
def _state(build: Callable[[], Any]) -> dict[str, torch.Tensor]:
    network = build()
    formula.initialise(network)
    return network.state_dict()


def _rescorer(spec: ModelSpec) -> dict[str, torch.Tensor]:
    shapes = spec.method.rescoring.shapes if spec.method.rescoring else {}
    return {
        name: torch.from_numpy(formula.tensor(name, shape, "linear" if shape[1:] else "bias"))
        for name, shape in shapes.items()
    }


def _contents_of_data(data: str, frames: list[Frame]) -> dict[str, bytes]:
    """Return archives of some images, and boxes of their people, by the registry's file names."""
    from made_val2017 import zipped

    ids = {frame.image_id for frame in frames}
    truth = json.loads((with_home(data.partition(":")[2]) / ANNOTATIONS).read_bytes())
    truth["images"] = [each for each in truth["images"] if each["id"] in ids]
    truth["annotations"] = [each for each in truth["annotations"] if each["image_id"] in ids]
    boxes = [
        {"image_id": each["image_id"], "category_id": 1, "bbox": each["bbox"], "score": 0.9}
        for each in truth["annotations"]
        if not each.get("iscrowd")
    ]
    images = {f"{IMAGES}/{frame.name}": frame.read() for frame in frames}
    annotations = {"annotations/captions_val2017.json": b"{}"}
    annotations[ANNOTATIONS] = json.dumps(truth).encode()
    return {
        VAL2017_IMAGES.file: zipped(images),
        VAL2017_ANNOTATIONS.file: zipped(annotations),
        PERSON_BOXES.file: json.dumps(boxes).encode(),
    }


if __name__ == "__main__":
    main()
