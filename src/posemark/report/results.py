"""From raw records to rows: reads records and combines their speed and accuracy figures.

Speed comes from measured_speed.py, accuracy from measured_accuracy.py.
"""

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import msgspec

from posemark.core.errors import RecordError
from posemark.core.places import exists, is_folder
from posemark.records import files, shards
from posemark.report.common_images import with_common_images
from posemark.report.measured_accuracy import Truths, common_ap, truth_of, with_accuracy
from posemark.report.measured_clips import with_clips
from posemark.report.measured_speed import speed_of
from posemark.report.result_row import Row
from posemark.report.shared_evidence import Derived, parts_of, with_shared_evidence

__all__ = [
    "Truths",
    "derived",
    "in_order",
    "load_rows",
    "records_in",
    "row_of",
    "rows_of",
    "speed_of",
    "together",
    "truth_of",
    "usable",
]

T = TypeVar("T")


def load_rows(
    paths: Iterable[Path],
    watched: Callable[[list[Path]], Iterable[Path]] = iter,
    left_out: Callable[[RecordError], None] | None = None,
) -> list[Row]:
    """Load the rows of run folders and record files, sorted by letter, then by name.

    Args:
        paths: run folders and record files.
        watched: yields the record files that it is given, one by one, and may show progress.
        left_out: is called with the reason for each record that cannot be used, or whose run
            another record has as well; the others are still read. Without it the first such record
            raises.

    Raises:
        RecordError: if a path holds no record, or none of the records can be used.
    """
    return in_order(rows_of(records_in(paths), watched, left_out))


def rows_of(
    records: list[Path],
    watched: Callable[[list[Path]], Iterable[Path]] = iter,
    left_out: Callable[[RecordError], None] | None = None,
) -> list[Row]:
    """Load the rows of record files in the order given; the arguments are those of load_rows.

    Raises:
        RecordError: if none of the records can be used.
    """
    truths: Truths = {}
    found = usable(watched(records), lambda record: derived(record, truths), left_out)
    return together(found, truths)


def together(found: Sequence[Derived], truths: Truths) -> list[Row]:
    """Return the rows of records that are read together.

    They gain the timing evidence that they share and AP over the images that they have in common.

    Args:
        found: figures of each record by itself.
        truths: annotation files read so far, as for truth_of.
    """
    return with_common_images(
        found,
        with_shared_evidence(found),
        lambda path, images: common_ap(shards.read(path), truths, images),
    )


class _Used(NamedTuple, Generic[T]):
    """A record that is used, with the number of its frames and what was derived from it."""

    path: Path
    frames: int
    result: T


def usable(
    paths: Iterable[Path],
    derive: Callable[[files.Record], T],
    left_out: Callable[[RecordError], None] | None = None,
) -> list[T]:
    """Return what is derived from each record that can be used, and from each run once.

    Records with equal headers are copies of one run, of which each may have been resumed. The one
    with the most frames is used, or the first of several.

    Args:
        paths: record files.
        derive: computes what is wanted of a record; its RecordError marks the record as unusable.
        left_out: as for load_rows.

    Raises:
        RecordError: if none of the records can be used; where there is only one, its own error.
    """
    found: dict[bytes, _Used[T]] = {}
    errors: list[RecordError] = []
    for path in paths:
        try:
            record = shards.read(path)
            one = _Used(path, len(record.good), derive(record))
            _add(found, run_of(record), one)
        except RecordError as error:
            if left_out is None:
                raise
            errors.append(error)
    if len(errors) == 1 and not found:
        raise errors[0]
    if left_out is not None:
        for error in errors:
            left_out(error)
    if errors and not found:
        raise _nothing_left(errors)
    return [each.result for each in found.values()]


def run_of(record: files.Record) -> bytes:
    """Return what copies of one run have in common, and no two runs: their header."""
    return msgspec.json.encode(record.header)


def _add(found: dict[bytes, _Used[T]], run: bytes, one: _Used[T]) -> None:
    """Add a record, or replace a copy with fewer frames; say which of two copies is left out."""
    other = found.setdefault(run, one)
    if other is one:
        return
    more, fewer = (one, other) if one.frames > other.frames else (other, one)
    found[run] = more
    raise RecordError(
        f"{fewer.path}: the same run as {more.path}, because their headers are equal, and a run "
        f"counts once. The latter is used (measured frames: {more.frames} there, {fewer.frames} "
        "here). Give one of them only."
    )


def _nothing_left(errors: list[RecordError]) -> RecordError:
    return RecordError(
        f"None of these {len(errors)} records can be used, for the reasons above. Run the "
        "entries again into another --out folder."
    )


def derived(record: files.Record, truths: Truths) -> Derived:
    """Return the figures of one record, before it is read together with others.

    Args:
        record: the record.
        truths: annotation files read so far, as for truth_of.

    Raises:
        RecordError: as for truth_of.
    """
    images = frozenset(f.image_id for f in record.frames if f.error is None)
    return Derived(row_of(record, truths), parts_of(record), record.path, images)


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Sort rows by letter, then by name; rows without a letter come last."""
    return sorted(rows, key=lambda row: (row.letter or "~", row.entry))


def records_in(paths: Iterable[Path]) -> list[Path]:
    """Return the records of run folders and the records that paths name, each once.

    A record whose images were shared by workers is a folder itself (records/shards.py).

    Raises:
        RecordError: if nothing exists at a path, or a folder contains no record file.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        for record in _records_at(path):
            found.setdefault(record.resolve(), record)
    return list(found.values())


def _records_at(path: Path) -> list[Path]:
    if not is_folder(path) or shards.is_sharded(path):
        if not exists(path):
            raise RecordError(
                f"{path}: no such file or folder. Give the --out folder of a `posemark run`, or "
                "one of its .jsonl files."
            )
        return [path]
    found = shards.records_of(path)
    if not found:
        raise RecordError(
            f"{path}: no run records (*{files.SUFFIX}) in this folder. {_where_else(path)}"
        )
    return found


def _where_else(folder: Path) -> str:
    """Return what to give instead of a folder without records."""
    inner = [each for each in sorted(folder.iterdir()) if is_folder(each)]
    with_records = [str(each) for each in inner if shards.records_of(each)]
    if with_records:  # as after a run on every machine of a cluster
        return f"Folders in it have some: give {shlex.join(with_records)}."
    return "Give the --out folder of a `posemark run`."


def row_of(record: files.Record, truths: Truths) -> Row:
    """Return the figures of one record.

    Speed rests on every measured frame, accuracy on the last measured frame of each image.

    Args:
        record: the record.
        truths: annotation files read so far, as for truth_of.

    Raises:
        RecordError: as for truth_of.
    """
    annotations = truth_of(record, truths)
    folder, data_images = str(record.folder), len(annotations["images"])
    row = replace(speed_of(record), folder=folder, data_images=data_images)
    return with_clips(with_accuracy(row, record, annotations), record, annotations)
