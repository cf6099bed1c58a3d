"""Writes and reads record files.

A killed run loses at most the line that it was writing, and a power failure the lines of the block
that was running.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from posemark.core.crash_points import crash_point
from posemark.core.durable import make_folders, sync, sync_folder
from posemark.core.errors import RecordError, RunError
from posemark.core.line_sums import with_sum
from posemark.core.places import is_file
from posemark.core.text import escaped
from posemark.records.appending import locked, write_all
from posemark.records.damage import Damage, changed, damaged, repairs
from posemark.records.lines import LONGEST_LINE, UNREADABLE, checked, in_short, read_lines
from posemark.records.schema import (
    BlockLine,
    Damaged,
    End,
    FrameLine,
    Header,
    Line,
    OnTruthLine,
    PerfectLine,
    Resumed,
    TrialLine,
)

SUFFIX = ".jsonl"
"""The suffix of record files."""


@dataclass(frozen=True)
class Block:
    """Frames that ran one after the other, and the activity of the machine meanwhile.

    Attributes:
        frames: the frames in order, failed ones included.
        readings: the block's line; None for the last block of a killed run, and for frames around
            damaged lines.
        process: number of the process that ran it: 0, or more if the run was resumed, or may have
            been where lines are damaged.
    """

    frames: list[FrameLine]
    readings: BlockLine | None
    process: int = 0


@dataclass(frozen=True)
class Record:
    """The content of a record file.

    Attributes:
        path: the file.
        header: its first line.
        blocks: the blocks in the order they ran.
        perfect: the poses decoded from perfect network outputs.
        resumed: the processes that resumed the run.
        complete: whether the run ended by itself.
        whole_bytes: the bytes of all complete lines.
        whole_lines: the number of the last complete line.
        trial: the frames that ran alone before an overlapped run.
        on_truth: the poses on ground-truth boxes, in a run with a person detector.
        damaged: the numbers of damaged lines, if it was read to be resumed.
        passed_over: the numbers of the lines that were damaged when the run was resumed.
        torn_bytes: the bytes of an incomplete last line.
    """

    path: Path
    header: Header
    blocks: list[Block]
    perfect: list[PerfectLine]
    resumed: list[Resumed]
    complete: bool
    whole_bytes: int
    whole_lines: int = 0
    trial: tuple[TrialLine, ...] = ()
    on_truth: list[OnTruthLine] = field(default_factory=list[OnTruthLine])
    damaged: tuple[int, ...] = ()
    passed_over: tuple[int, ...] = ()
    torn_bytes: int = 0

    @property
    def repairs(self) -> list[str]:
        """Return what is cut or passed over when it is resumed, one sentence each."""
        return repairs(self.path, self.torn_bytes, self.damaged)

    @property
    def folder(self) -> Path:
        """Return the folder of the run, in which the annotations are stored."""
        return self.path.parent.parent if self.header.shard else self.path.parent

    @property
    def good(self) -> list[FrameLine]:
        """Return every measured frame, in order; an image may occur several times."""
        return [f for block in self.blocks for f in block.frames if f.error is None]

    @property
    def frames(self) -> list[FrameLine]:
        """Return the last measurement, or else the last failure, of each image, in order."""
        lines = {f.image_id: f for block in self.blocks for f in block.frames}
        return list((lines | {f.image_id: f for f in self.good}).values())

    @property
    def failed(self) -> list[FrameLine]:
        """Return the last failure of each image that was never measured."""
        return [f for f in self.frames if f.error is not None]


def read(path: Path) -> Record:
    """Read a record; an incomplete last line is ignored.

    The content is checked: every line has its schema and its checksum, there is one header, all
    lines are of this run, and each block has its frames.

    Raises:
        RecordError: if the file is missing, is no record, or has another schema version, or if
            lines are damaged, lost or of another run. Damaged lines are passed over if the run
            was resumed after the damage.
    """
    record, unresolved = _read(path)
    if unresolved:
        raise RecordError(damaged(path, unresolved, record.header.bundled))
    return record


def read_to_resume(path: Path) -> Record:
    """Read a record that is about to be resumed; damaged lines are passed over and listed.

    Raises:
        RecordError: as read() does, but not for damaged lines.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[Record, list[Damage]]:
    """Return a record without its damaged lines, and the damage that no later line names."""
    found = read_lines(path)
    _require_order(path, found.places)
    _require_each_once(path, found.header, found.sound)
    _require_unsmoothed(path, found.header, found.sound)
    lines = [line for _, line in found.sound]
    unresolved = found.unresolved
    record = Record(
        path=path,
        header=found.header,
        blocks=_blocks(path, found.places),
        perfect=[line for line in lines if isinstance(line, PerfectLine)],
        resumed=[line for line in lines if isinstance(line, Resumed)],
        complete=isinstance(found.places[-1][1], End) and not unresolved,
        whole_bytes=found.whole_bytes,
        whole_lines=found.last,
        trial=tuple(line for line in lines if isinstance(line, TrialLine)),
        on_truth=[line for line in lines if isinstance(line, OnTruthLine)],
        damaged=tuple(number for each in unresolved for number in each.numbers),
        passed_over=tuple(sorted(found.passed_over)),
        torn_bytes=found.torn_bytes,
    )
    return record, unresolved


def _blocks(path: Path, places: Sequence[tuple[int, Line | None]]) -> list[Block]:
    """Divide frames into blocks; frames around damaged lines are blocks without readings."""
    blocks: list[Block] = []
    frames: list[FrameLine] = []
    process, whole = 0, True
    for number, line in places:
        if isinstance(line, FrameLine):
            frames.append(line)
        elif isinstance(line, BlockLine):
            if whole:
                _require_frames(path, number, line, len(frames))
            blocks += _block(frames, line, process)
            frames, whole = [], True
        elif line is None or isinstance(line, Resumed):
            blocks += _block(frames, None, process)
            frames, whole = [], line is not None
            process += 1
    return [*blocks, *_block(frames, None, process)]


def _block(frames: list[FrameLine], readings: BlockLine | None, process: int) -> list[Block]:
    """Return a block, without readings that are not those of its frames; nothing without frames."""
    complete = readings is not None and readings.frames == len(frames)
    return [Block(frames, readings if complete else None, process)] if frames else []


def _require_frames(path: Path, number: int, block: BlockLine, found: int) -> None:
    if block.frames != found:
        what = f"a block of {block.frames} frames has {found} frames before it: lines are lost"
        raise RecordError(changed(path, number, what))


def _require_order(path: Path, places: Sequence[tuple[int, Line | None]]) -> None:
    """Require one header, blocks in order of time, and only resumed runs after an end line.

    A damaged line may have been the one that says that the run was resumed.
    """
    ended, began_ns = False, 0
    for number, line in places[1:]:
        if isinstance(line, Header):
            raise RecordError(changed(path, number, "a second header, which begins another run"))
        if line is None or isinstance(line, Resumed | Damaged):
            ended, began_ns = False, 0
        elif ended:
            raise RecordError(changed(path, number, "a line after the end of the run"))
        if isinstance(line, BlockLine):
            if line.began_ns < began_ns:
                what = "a block that began before the one above it: lines of another run"
                raise RecordError(changed(path, number, what))
            began_ns = line.began_ns
        ended = isinstance(line, End)


def _require_each_once(path: Path, header: Header, lines: Iterable[tuple[int, Line]]) -> None:
    """Find lines of another run in a record whose lines do not name their run.

    A burst measures each image once, so an image that is measured twice belongs to two runs.
    """
    if header.run or header.settings.mode != "burst":
        return
    measured: set[int] = set()
    for number, line in lines:
        if not isinstance(line, FrameLine) or line.error is not None:
            continue
        if line.image_id in measured:
            what = f"image {line.image_id} is measured a second time: lines of another run"
            raise RecordError(changed(path, number, what))
        measured.add(line.image_id)


def _require_unsmoothed(path: Path, header: Header, lines: Iterable[tuple[int, Line]]) -> None:
    """Require the positions before smoothing in every frame with people of a smoothed run."""
    if not header.settings.smooth:
        return
    for number, line in lines:
        if isinstance(line, FrameLine) and line.poses and line.poses.scores and not line.unsmoothed:
            what = "poses without their positions before smoothing, in a run with smoothing"
            raise RecordError(changed(path, number, what))


def begun(path: Path) -> bool:
    """Return whether a record exists and has a complete header.

    The header is on the disk before anything else is written. A power failure may come before that:
    then zeros are in place of the bytes that were not on the disk, and nothing is lost.
    """
    if not is_file(path):
        return False
    with path.open("rb") as file:
        return _has_header(file)


def _has_header(file: IO[bytes]) -> bool:
    first = file.readline(LONGEST_LINE)
    return first.endswith(b"\n") and (b"\0" not in first or bool(file.read(1)))


def _has_line(file: IO[bytes]) -> bool:
    return file.readline(LONGEST_LINE).endswith(b"\n")


def never_overwritten(path: Path) -> RecordError:
    """Return the error for a new record whose file exists already."""
    return RecordError(
        f"{path} exists already, and finished work is never overwritten. Add --resume to continue "
        "this run, or choose another --out folder."
    )


def require_unused(path: Path) -> None:
    """Refuse a record that another process is writing at this moment.

    Raises:
        RecordError: if one is.
    """
    with path.open("rb") as file:
        _lock(path, file)


def _lock(path: Path, file: IO[bytes]) -> None:
    """Lock a record for this process; the lock ends with the process, even if it is killed."""
    if not locked(file):
        file.close()
        raise RecordError(
            f"{path}: another run is writing this record at this moment. Wait until it has "
            "finished or stop it, then continue with --resume, or choose another --out folder."
        )


def _encoded(fields: dict[str, Any]) -> bytes:
    """Encode a line; names of files that are not valid text are written as a terminal shows them.

    Lone surrogates stand for the bytes of such names, and JSON cannot contain them.
    """
    try:
        return msgspec.json.encode(fields)
    except UnicodeEncodeError:
        return msgspec.json.encode(_as_shown(fields))


def _as_shown(value: Any) -> Any:
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return {escaped(name): _as_shown(each) for name, each in named.items()}
    if isinstance(value, list | tuple):
        return [_as_shown(each) for each in cast("Sequence[Any]", value)]
    return value


class Writer:
    """Appends lines to a record; each line is passed to the system before the next frame.

    A line that is passed to the system survives the end of the process, and after sync() also a
    power failure. While a Writer is open, no other Writer can open the same record.
    """

    def __init__(self, path: Path, file: IO[bytes], run: str, lines: int = 0) -> None:
        self._path, self._file = path, file
        self._run, self._lines = run, lines
        self._bytes = file.tell()

    @classmethod
    def create(cls, path: Path, header: Header) -> "Writer":
        """Start a new record; its header is on the disk when this returns.

        Raises:
            RecordError: if the record exists already; nothing is overwritten.
            RunError: if it cannot be written.
        """
        try:
            make_folders(path.parent)
            path.touch()
            file = path.open("r+b", buffering=0)
        except OSError as error:
            raise _unwritable(path, error) from error
        _lock(path, file)
        if _has_header(file):
            file.close()
            raise never_overwritten(path)
        file.seek(0)
        file.truncate()
        crash_point("record.created")
        writer = cls(path, file, header.run)
        writer.write(header)
        writer.sync()
        try:
            sync_folder(path.parent)
        except OSError as error:
            raise _unwritable(path, error) from error
        return writer

    @classmethod
    def append(cls, record: Record) -> "Writer":
        """Continue a record; an incomplete last line is removed, complete lines never are.

        If lines of the record are damaged, a new line says that they are passed over.

        Raises:
            RecordError: if another process writes the record, or has written to it since it was
                read.
            RunError: if it cannot be written.
        """
        path = record.path
        try:
            file = path.open("r+b", buffering=0)
        except OSError as error:
            raise _unwritable(path, error) from error
        _lock(path, file)
        file.seek(record.whole_bytes)
        if _has_line(file):
            file.close()
            raise RecordError(_written_meanwhile(path))
        file.truncate(record.whole_bytes)
        crash_point("record.cut")
        file.seek(record.whole_bytes)
        writer = cls(path, file, record.header.run, record.whole_lines)
        if record.damaged:
            writer.write(Damaged(list(record.damaged)))
        return writer

    def write(self, line: Line) -> None:
        """Append one line; the system has received it when this returns.

        Raises:
            RecordError: if the line could not be read back, or another process has written to the
                record; nothing is written then.
            RunError: if it cannot be written, for example because the disk is full.
        """
        text = self._encoded(line)
        try:
            self._require_own_end()
            crash_point("record.before-line")
            write_all(self._file, text)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self._bytes += len(text)
        crash_point("record.after-line")

    def _encoded(self, line: Line) -> bytes:
        fields: dict[str, Any] = msgspec.to_builtins(line)
        self._lines += 1
        if self._run:
            fields |= {"run": self._run, "line": self._lines}
        text = _encoded(fields)
        text = (with_sum(text) if self._run else text) + b"\n"
        try:
            checked(text)
        except UNREADABLE as error:
            self._lines -= 1
            raise RecordError(
                f"{self._path}: a line of this run cannot be kept, because it could not be read "
                f"back ({in_short(error)}). This is a fault of PoseMark or of the model: please "
                "report it."
            ) from error
        return text

    def _require_own_end(self) -> None:
        """Refuse to write if another process has written: some file systems have no locks."""
        if os.fstat(self._file.fileno()).st_size != self._bytes:
            raise RecordError(_written_meanwhile(self._path))

    def sync(self) -> None:
        """Pass the lines written so far to the disk; they then survive a power failure.

        Raises:
            RunError: if the system refuses, for example because the disk is full or fails.
        """
        crash_point("record.before-sync")
        try:
            sync(self._file)
        except OSError as error:
            raise RunError(
                f"{self._path}: the record cannot be passed to the disk ({error.strerror}), and "
                "the frames of the last block may be lost. Make room or check the disk, then "
                "continue with --resume, or choose another --out folder."
            ) from error
        crash_point("record.after-sync")

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and release the record for other processes."""
        self._file.close()


def _written_meanwhile(path: Path) -> str:
    return (
        f"{path}: another run has written to this record in the meantime. Use --resume again to "
        "continue from there."
    )


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(
        f"{path}: the record cannot be written ({error.strerror}). Every finished frame is kept. "
        "Make room or correct the permissions, then continue with --resume, or choose another "
        "--out folder."
    )
