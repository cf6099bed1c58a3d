"""Records of runs whose images were shared by workers: one file per shard, joined when read.

The record of such a run is the folder KEY.shards. Every file in it is an ordinary record of a part
of the images. The files are never changed: what they are together is derived each time.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from posemark.core.errors import RecordError
from posemark.core.places import is_folder
from posemark.records import files
from posemark.records.schema import Environment, Header, Shard

FOLDER = ".shards"
"""The suffix of the folder with the shards of a record."""

_DIGITS = 16
_AGAIN = "Run the entry again into another --out folder, or restore the folder from a copy."


def digest_of(image_ids: Iterable[int]) -> str:
    """Return the digest of the images of a run, for Shard.images: their order counts."""
    return hashlib.sha256(json.dumps(list(image_ids)).encode()).hexdigest()[:_DIGITS]


def file_of(folder: Path, shard: Shard) -> Path:
    """Return the path of a shard in the folder of its record: "003-of-016.jsonl"."""
    digits = max(3, len(str(shard.of)))
    return folder / f"{shard.number:0{digits}}-of-{shard.of:0{digits}}{files.SUFFIX}"


def records_of(folder: Path) -> list[Path]:
    """Return the records in a run folder: files, and folders with the shards of a record."""
    return sorted([*folder.glob(f"*{files.SUFFIX}"), *folder.glob(f"*{FOLDER}")])


def is_sharded(path: Path) -> bool:
    """Return whether a path is the folder with the shards of a record."""
    return path.suffix == FOLDER and is_folder(path)


def read(path: Path) -> files.Record:
    """Read a record: a file, or the folder with its shards.

    The record of a folder has the frames of all shards that are there. It is complete if all of
    them are.

    Raises:
        RecordError: as files.read does, or if the files of a folder are not shards of one run.
    """
    if not is_sharded(path):
        return files.read(path)
    found = [files.read(each) for each in sorted(path.glob(f"*{files.SUFFIX}"))]
    if not found:
        raise RecordError(
            f"{path}: expected the shards of a record (*{files.SUFFIX}) in this folder, but it has "
            "none. Continue the run with --resume, or remove the folder."
        )
    _require_one_run(found)
    return _joined(path, found)


def _require_one_run(found: Sequence[files.Record]) -> None:
    """Require that all records are different shards of one run, with different images."""
    numbers: set[int] = set()
    images: set[int] = set()
    first = _identity(found[0].header)
    for each in found:
        shard = each.header.shard
        if shard is None or _identity(each.header) != first:
            raise RecordError(
                f"{each.path}: expected a shard of the same run as {found[0].path.name} beside it, "
                f"but this is of another run. {_AGAIN}"
            )
        own = {line.image_id for line in each.frames}
        if shard.number in numbers or images & own:
            raise RecordError(
                f"{each.path}: its images are in another file of this folder, too, and would count "
                f"twice. {_AGAIN}"
            )
        numbers.add(shard.number)
        images |= own


def _identity(header: Header) -> dict[str, Any]:
    """Return what all shards of a run have in common."""
    shard = header.shard and (header.shard.of, header.shard.images)
    return header.identity() | {"shard": shard}


def _joined(path: Path, found: Sequence[files.Record]) -> files.Record:
    """Return shards of one run as one record, in the order of their numbers."""
    first = found[0].header
    of = first.shard.of if first.shard else 0
    environment = _environment([each.header for each in found])
    return files.Record(
        path=path,
        header=structs.replace(first, shard=None, environment=environment),
        blocks=[
            replace(block, process=number)
            for number, each in enumerate(found)
            for block in each.blocks
        ],
        perfect=[line for each in found for line in each.perfect],
        resumed=[],
        complete=len(found) == of and all(each.complete for each in found),
        whole_bytes=0,
        on_truth=[line for each in found for line in each.on_truth],
    )


_OF_A_MACHINE = ("cpu", "cores", "memory_gib", "label", "board", "gpus", "os")
"""The parts of an environment that distinguish machines."""


def _environment(headers: Sequence[Header]) -> dict[str, Any]:
    """Return the environment of all shards; that of several machines has only their processors."""
    facts = [each.facts for each in headers]
    machines = {tuple(getattr(each, name) for name in _OF_A_MACHINE): each for each in facts}
    if len(machines) == 1:
        return headers[0].environment
    cpus = dict.fromkeys(each.cpu for each in machines.values())
    joined = Environment(
        cpu=f"several machines ({', '.join(cpus)})",
        cores=sum(each.cores for each in machines.values()),
        cpus=sum(each.cpus for each in machines.values()),
        libraries=facts[0].libraries,
    )
    return msgspec.to_builtins(joined)
