"""Divides very many images into shards, and stores the division, which a resumed run uses again.

The plan is a folder of Parquet files with one row per shard. It is written while the images are
listed, so that memory never holds the list of all of them.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

import posemark
from posemark.core.errors import DataError, RunError, UsageError
from posemark.core.places import is_file, write_whole
from posemark.core.text import shortened
from posemark.predict.images import SUFFIXES
from posemark.predict.many.ledger import exclusive, has_finished
from posemark.predict.many.sources import (
    arrow,
    arrow_errors,
    files_under,
    is_parquet,
    require_apart,
    rows_of,
)
from posemark.records.lines import UNREADABLE, in_short
from posemark.run.prepare import Prepared

SMALL_SHARDS, SMALL, LARGE = 256, 64, 1024
"""The first shards have SMALL images, so that few images also occupy many workers; the others have
LARGE. A row group of a Parquet file is never divided."""

ROWS = 1024
"""Shards in one file of the plan."""

FOLDER, DONE = "plan", "plan.json"


@dataclass(frozen=True)
class Shard:
    """A piece of work.

    Attributes:
        number: its number, from 0.
        root: the path or address that the user gave.
        paths: image files, or one Parquet file.
        row_groups: the row groups of the Parquet file; empty for image files.
        images: the number of images.
    """

    number: int
    root: str
    paths: list[str]
    row_groups: list[int]
    images: int


def shards_of(roots: Sequence[str]) -> Iterator[Shard]:
    """Yield the shards of all images at these roots, in the order of roots, folders and names.

    Raises:
        DataError: as files_under() and rows_of() do.
    """
    number, seen = 0, set[object]()
    for root in roots:
        for files in files_under(root, seen):
            names = [path for path, _ in files if not is_parquet(path)]
            while names:
                size = _size(number)
                taken, names = names[:size], names[size:]
                yield Shard(number, root, taken, [], len(taken))
                number += 1
            for path, _ in files:
                if is_parquet(path):
                    for groups, images in _row_groups(rows_of(root, path), number):
                        yield Shard(number, root, [path], groups, images)
                        number += 1


def _size(number: int) -> int:
    return SMALL if number < SMALL_SHARDS else LARGE


def _row_groups(rows: Sequence[int], number: int) -> Iterator[tuple[list[int], int]]:
    """Yield neighbouring row groups with enough rows for a shard, and their number of rows."""
    groups: list[int] = []
    images = 0
    for group, count in enumerate(rows):
        groups.append(group)
        images += count
        if images >= _size(number):
            yield groups, images
            groups, images, number = [], 0, number + 1
    if images:
        yield groups, images


@dataclass(frozen=True)
class Plan:
    """A stored plan.

    Attributes:
        folder: its Parquet files, "0000000.parquet" and so on.
        shards: the number of shards.
        images: the number of images.
    """

    folder: Path
    shards: int
    images: int

    @property
    def files(self) -> list[Path]:
        """Return its files, in order."""
        return sorted(self.folder.glob("*.parquet"))


def made(out: Path, roots: Sequence[str], identity: dict[str, Any], resume: bool = True) -> Plan:
    """Return the plan in the folder of results; make it if there is none that is complete.

    Args:
        out: the folder of results.
        roots: the paths and addresses of images.
        identity: what decides on the poses, such as the model. It is stored with the plan.
        resume: whether a plan is used again of which no shard is finished; else it is made anew.

    Raises:
        UsageError: if there is a plan for other images or another model, or no image is found.
        DataError: if the plan is damaged, or as shards_of() does.
        RunError: if another process writes into the folder, or the plan cannot be written.
    """
    wanted = {"roots": list(roots), **identity}
    with exclusive(out):
        if is_file(out / DONE):
            stored = _stored(out / DONE)
            if resume or has_finished(out):
                _require_same(out, stored.of, wanted)
                plan = Plan(out / FOLDER, stored.shards, stored.images)
                _require_whole(plan)
                return plan
            (out / DONE).unlink()
        if has_finished(out):
            raise DataError(f"{out / DONE}: shards are finished, but their plan is gone. {_ANEW}")
        require_apart(roots, out)
        return _made(out, roots, wanted)


def _made(out: Path, roots: Sequence[str], wanted: dict[str, Any]) -> Plan:
    """Make a plan; nothing of it is left if this fails."""
    folder = out / FOLDER
    try:
        _remove(folder)  # a run that was killed while it listed images may have left a part
        shards, images = _write(folder, shards_of(roots))
        if not images:
            raise UsageError(
                f"{', '.join(roots)}: no image ({', '.join(SUFFIXES)}) and no Parquet file with "
                "images is there. Name another folder or address."
            )
        write_whole(out / DONE, msgspec.json.encode(_Stored(shards, images, wanted)))
    except BaseException as error:
        _remove(folder)
        if isinstance(error, OSError):
            raise RunError(
                f"{folder}: the plan cannot be written ({error.strerror}). Make room or correct "
                "the permissions, then run again."
            ) from error
        raise
    return Plan(folder, shards, images)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def unfinished(plan: Plan, is_finished: Callable[[int], bool]) -> Iterator[Shard]:
    """Yield the shards that are not finished, file by file of the plan.

    Raises:
        DataError: if a file cannot be read, or a shard is not at its place.
    """
    number = 0
    for path in plan.files:
        table = _read(path, arrow("pyarrow.parquet").read_table)
        for row in range(table.num_rows):
            if not is_finished(number):
                yield _shard(path, number, table.slice(row, 1))
            number += 1


def _shard(path: Path, number: int, row: Any) -> Shard:
    try:
        shard = msgspec.convert(row.to_pylist()[0], Shard)
    except arrow_errors() as error:  # the errors of msgspec are ValueErrors
        why = in_short(error)
        raise DataError(f"{path}: expected shard {number}, but {why}. {_ANEW}") from error
    if shard.number != number:
        raise DataError(f"{path}: expected shard {number}, got shard {shard.number}. {_ANEW}")
    return shard


def _read(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except arrow_errors() as error:
        raise DataError(
            f"{path}: this file of the plan cannot be read ({error!s:.200}). {_ANEW}"
        ) from error


class _Stored(msgspec.Struct):
    """The numbers of shards and images, and what decides on the poses."""

    shards: Annotated[int, Meta(ge=1, le=10**12)]
    images: Annotated[int, Meta(ge=1, le=10**15)]
    of: dict[str, Any]


def _require_whole(plan: Plan) -> None:
    """Require that the files of a plan can be read, and have all of its shards."""
    metadata = arrow("pyarrow.parquet").read_metadata
    rows = sum(_read(path, metadata).num_rows for path in plan.files)
    if rows != plan.shards:
        raise DataError(
            f"{plan.folder}: expected {plan.shards:,} shards in the plan, but there are {rows:,}. "
            f"{_ANEW}"
        )


_ANEW = "Restore it from a copy, or name another folder with --poses."


def _stored(path: Path) -> _Stored:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Stored)
    except (OSError, *UNREADABLE) as error:
        raise DataError(
            f"{path}: expected the description of a plan, but it cannot be read ({error!s:.200}). "
            f"{_ANEW}"
        ) from error


def identity_of(prepared: Prepared) -> dict[str, Any]:
    """Return what decides on the poses of a model: a resumed run must have the same."""
    detector = prepared.detector
    return {
        "model": prepared.key,
        "weights": prepared.checkpoint.sha256 if prepared.checkpoint else "",
        "boxes": prepared.boxes.fingerprint,
        "min_score": prepared.job.options.least_score,
        "detector": detector.facts.name if detector else "",
        "posemark": posemark.__version__,
    }


def _write(folder: Path, shards: Iterable[Shard]) -> tuple[int, int]:
    """Write the plan; return the numbers of shards and images."""
    pa, parquet = arrow("pyarrow"), arrow("pyarrow.parquet")
    schema = pa.schema(
        [
            ("number", pa.int64()),
            ("root", pa.string()),
            ("paths", pa.list_(pa.string())),
            ("row_groups", pa.list_(pa.int32())),
            ("images", pa.int64()),
        ]
    )
    count = images = 0
    for number, some in enumerate(_in_groups(shards)):
        table = pa.Table.from_pylist([vars(each) for each in some], schema)
        sink = pa.BufferOutputStream()
        parquet.write_table(table, sink)
        write_whole(folder / f"{number:07}.parquet", sink.getvalue().to_pybytes())
        count += len(some)
        images += sum(each.images for each in some)
    return count, images


def _in_groups(shards: Iterable[Shard]) -> Iterator[list[Shard]]:
    group: list[Shard] = []
    for shard in shards:
        group.append(shard)
        if len(group) == ROWS:
            yield group
            group = []
    if group:
        yield group


def _require_same(out: Path, stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name in sorted({*stored, *wanted}):
        before, now = stored.get(name), wanted.get(name)
        if before != now:
            raise UsageError(
                f"{out}: cannot be resumed, because {shortened(name)} was "
                f"{shortened(repr(before))} and is {shortened(repr(now))}. Use the same model, "
                "options and images, or another folder."
            )
