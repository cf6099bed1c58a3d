"""Divides the images of a run into shards; the division depends on nothing but the images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from msgspec import structs

from posemark.core.errors import RecordError, UsageError
from posemark.core.frame import Frame
from posemark.records import files, shards
from posemark.records.schema import Shard
from posemark.run.header import make_header, require_same_run
from posemark.run.measurement import record_path
from posemark.run.prepare import Prepared

FEWEST_IMAGES = 32
"""Smallest number of images in a shard, except the last one: fewer would mostly be overhead."""

MOST_SHARDS = 1024
"""Largest number of shards of a run, so that a report has not too many files to open."""


@dataclass(frozen=True)
class Part:
    """One shard of a run.

    Attributes:
        shard: its number, as the record has it.
        frames: its images.
    """

    shard: Shard
    frames: list[Frame]


def parts_of(frames: Sequence[Frame]) -> list[Part]:
    """Divide images into shards of equal size, in their order; the last one may be smaller."""
    size = max(FEWEST_IMAGES, ceil(len(frames) / MOST_SHARDS))
    of, images = ceil(len(frames) / size), shards.digest_of(frame.image_id for frame in frames)
    return [
        Part(Shard(number, of, images), list(frames[(number - 1) * size : number * size]))
        for number in range(1, of + 1)
    ]


def folder_of(prepared: Prepared, out: Path) -> Path:
    """Return the folder of the shards of a job, which need not exist."""
    return record_path(prepared, out).with_name(prepared.key + shards.FOLDER)


def unfinished(prepared: Prepared, out: Path, resume: bool) -> list[Part]:
    """Return the shards of a job that have no record yet, or a damaged one.

    Args:
        prepared: the job.
        out: the folder of the run.
        resume: whether shards that are there are kept. They must be of the same run.

    Raises:
        RecordError: if there are shards and resume is False, or they are of another run.
        UsageError: if there is no image.
    """
    parts = parts_of(prepared.frames[: prepared.job.options.limit])
    if not parts:
        raise UsageError(f"{prepared.job.options.data} has no image. Name other data with --data.")
    folder = folder_of(prepared, out)
    there = sorted(folder.glob(f"*{files.SUFFIX}"))
    if there and not resume:
        raise files.never_overwritten(folder)
    records = [files.read_to_resume(path) for path in there]
    for record in records:
        _require_same(prepared, record, parts[0])
    done = {record.header.shard for record in records if is_sound(record)}
    return [part for part in parts if part.shard not in done]


def is_sound(record: files.Record) -> bool:
    """Return whether the record of a shard has all its lines."""
    return record.complete and not record.damaged


def _require_same(prepared: Prepared, record: files.Record, part: Part) -> None:
    own, header = record.header.shard, structs.replace(record.header, shard=None)
    require_same_run(
        replace(record, header=header), make_header(prepared, own_process=True, turns=1)
    )
    if own is None or (own.of, own.images) != (part.shard.of, part.shard.images):
        raise RecordError(
            f"{record.path}: cannot be resumed, because the run had other images. Use the same "
            "--limit and --data, or another --out folder."
        )
