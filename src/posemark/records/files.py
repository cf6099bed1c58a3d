"""Writes and reads record files; a killed run loses at most the line that it was writing."""

import fcntl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from posemark.core.errors import RecordError, RunError
from posemark.core.places import exists, is_file, is_folder
from posemark.core.text import escaped
from posemark.records.schema import (
    SCHEMA,
    BlockLine,
    End,
    FrameLine,
    Header,
    Line,
    OnTruthLine,
    PerfectLine,
    Resumed,
    Stamp,
    TrialLine,
    require_whole,
)

SUFFIX = ".jsonl"
"""The suffix of record files."""

LONGEST_LINE = 64 * 2**20
"""Most bytes of a line; a frame with a thousand people has about half a megabyte."""

UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
"""The exceptions that decoding raises for content that does not fit its schema."""

_LINES = msgspec.json.Decoder(Line)
_STAMPS = msgspec.json.Decoder(Stamp)


@dataclass(frozen=True)
class Block:
    """Frames that ran one after the other, and the activity of the machine meanwhile.

    Attributes:
        frames: the frames in order, failed ones included.
        readings: the block's line; None for the last block of a killed run.
        process: number of the process that ran it: 0, or more if the run was resumed.
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
        whole_lines: the number of complete lines.
        trial: the frames that ran alone before an overlapped run.
        on_truth: the poses on ground-truth boxes, in a run with a person detector.
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

    The content is checked: every line has its schema, there is one header, all lines are of
    this run, and each block has its frames.

    Raises:
        RecordError: if the file is missing, is no record, or has another schema version, or if
            lines are damaged, lost or of another run.
    """
    lines, whole_bytes = _lines(path)
    if not lines or not isinstance(lines[0], Header):
        raise RecordError(_not_a_record(path, "its first line is no header"))
    _require_order(path, lines)
    _require_each_once(path, lines[0], lines)
    _require_unsmoothed(path, lines[0], lines)
    return Record(
        path=path,
        header=lines[0],
        blocks=_blocks(path, lines),
        perfect=[line for line in lines if isinstance(line, PerfectLine)],
        resumed=[line for line in lines if isinstance(line, Resumed)],
        complete=isinstance(lines[-1], End),
        whole_bytes=whole_bytes,
        whole_lines=len(lines),
        trial=tuple(line for line in lines if isinstance(line, TrialLine)),
        on_truth=[line for line in lines if isinstance(line, OnTruthLine)],
    )


def _blocks(path: Path, lines: list[Line]) -> list[Block]:
    blocks: list[Block] = []
    frames: list[FrameLine] = []
    process = 0
    for number, line in enumerate(lines, 1):
        if isinstance(line, FrameLine):
            frames.append(line)
        elif isinstance(line, BlockLine):
            _require_frames(path, number, line, len(frames))
            blocks.append(Block(frames, line, process))
            frames = []
        elif isinstance(line, Resumed):
            blocks += [Block(frames, None, process)] if frames else []
            frames = []
            process += 1
    return [*blocks, Block(frames, None, process)] if frames else blocks


def _require_frames(path: Path, number: int, block: BlockLine, found: int) -> None:
    if block.frames != found:
        what = f"a block of {block.frames} frames has {found} frames before it: lines are lost"
        raise RecordError(_changed(path, number, what))


def _require_order(path: Path, lines: list[Line]) -> None:
    """Require one header, blocks in order of time, and only resumed runs after an end line."""
    ended, began_ns = False, 0
    for number, line in enumerate(lines[1:], 2):
        if isinstance(line, Header):
            raise RecordError(_changed(path, number, "a second header, which begins another run"))
        if isinstance(line, Resumed):
            ended, began_ns = False, 0
        elif ended:
            raise RecordError(_changed(path, number, "a line after the end of the run"))
        if isinstance(line, BlockLine):
            if line.began_ns < began_ns:
                what = "a block that began before the one above it: lines of another run"
                raise RecordError(_changed(path, number, what))
            began_ns = line.began_ns
        ended = isinstance(line, End)


def _require_each_once(path: Path, header: Header, lines: list[Line]) -> None:
    """Find lines of another run in a record whose lines do not name their run.

    A burst measures each image once, so an image that is measured twice belongs to two runs.
    """
    if header.run or header.settings.mode != "burst":
        return
    measured: set[int] = set()
    for number, line in enumerate(lines, 1):
        if not isinstance(line, FrameLine) or line.error is not None:
            continue
        if line.image_id in measured:
            what = f"image {line.image_id} is measured a second time: lines of another run"
            raise RecordError(_changed(path, number, what))
        measured.add(line.image_id)


def _require_unsmoothed(path: Path, header: Header, lines: list[Line]) -> None:
    """Require the positions before smoothing in every frame with people of a smoothed run."""
    if not header.settings.smooth:
        return
    for number, line in enumerate(lines, 1):
        if isinstance(line, FrameLine) and line.poses and line.poses.scores and not line.unsmoothed:
            what = "poses without their positions before smoothing, in a run with smoothing"
            raise RecordError(_changed(path, number, what))


def begun(path: Path) -> bool:
    """Return whether a record exists and has a complete header."""
    if not is_file(path):
        return False
    with path.open("rb") as file:
        return _has_line(file)


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
    if not _locked(file):
        file.close()
        raise RecordError(
            f"{path}: another run is writing this record at this moment. Wait until it has "
            "finished or stop it, then continue with --resume, or choose another --out folder."
        )


def _locked(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks, so no process can hold one
        return True
    return True


def _lines(path: Path) -> tuple[list[Line], int]:
    """Return the complete lines and their bytes."""
    if not is_file(path):
        raise RecordError(_unreadable(path, _kind_of(path)))
    lines: list[Line] = []
    whole_bytes = 0
    try:
        for number, text in enumerate(_texts(path), 1):
            if number == 1:
                _require_schema(path, text)
            lines.append(_decoded(path, number, text))
            _require_stamp(path, number, lines[0], text)
            whole_bytes += len(text)
    except OSError as error:
        raise RecordError(_unreadable(path, str(error.strerror))) from error
    return lines, whole_bytes


def _texts(path: Path) -> Iterator[bytes]:
    """Yield the lines that end with a newline; an incomplete last line does not."""
    with path.open("rb") as file:
        while (text := file.readline(LONGEST_LINE)).endswith(b"\n"):
            yield text
        if len(text) == LONGEST_LINE:
            raise RecordError(_not_a_record(path, f"it has a line of more than {len(text)} bytes"))


def _kind_of(path: Path) -> str:
    if is_folder(path):
        return "Is a directory"
    return "Not a regular file" if exists(path) else "No such file or directory"


def _unreadable(path: Path, why: str) -> str:
    return f"{path}: cannot read this record ({why}). Give a run folder or one of its .jsonl files."


def _decoded(path: Path, number: int, text: bytes) -> Line:
    try:
        return _checked(text)
    except UNREADABLE as error:
        raise RecordError(_not_a_record(path, f"line {number}: {in_short(error)}")) from error


def _checked(text: bytes) -> Line:
    line = _LINES.decode(text)
    require_whole(line)
    return line


def _require_stamp(path: Path, number: int, header: Line, text: bytes) -> None:
    """Refuse a line of another run, or one whose number is not its place in the file."""
    expected = _stamp(header, number)
    try:
        stamp = _STAMPS.decode(text)
    except UNREADABLE as error:
        raise RecordError(_not_a_record(path, f"line {number}: {in_short(error)}")) from error
    if stamp.run != expected.run:
        raise RecordError(_changed(path, number, "a line of another run"))
    if stamp.line != expected.line:
        what = f"it was written as line {stamp.line}: lines are lost, repeated or out of order"
        raise RecordError(_changed(path, number, what))


def _stamp(header: Line, number: int) -> Stamp:
    run = header.run if isinstance(header, Header) else ""
    return Stamp(run, number) if run else Stamp()


def _require_schema(path: Path, first: bytes) -> None:
    """Refuse a record with another schema version, even if its header could be decoded."""
    try:
        found = msgspec.json.decode(first, type=dict[str, object]).get("schema", SCHEMA)
    except UNREADABLE:
        return
    if found != SCHEMA:
        raise RecordError(
            f"{path}: this record has schema {found!r:.40}, but this PoseMark reads schema "
            f"{SCHEMA}. Use the version that wrote it, or run again."
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


def in_short(error: Exception) -> str:
    """Return the text of an error, cut if it is long because it quotes a long value."""
    text = str(error)
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} ..."


_LONGEST_REASON = 300


def _not_a_record(path: Path, why: str) -> str:
    return (
        f"{path}: expected a PoseMark run record, but {why}. Give a run folder or a .jsonl file "
        "that `posemark run` wrote."
    )


def _changed(path: Path, number: int, what: str) -> str:
    return (
        f"{path}: line {number}: {what}. The record was changed after it was written: restore "
        "it from a copy, or run the entry again into another --out folder."
    )


class Writer:
    """Appends lines to a record; each line is passed to the system before the next frame.

    While a Writer is open, no other Writer can open the same record.
    """

    def __init__(self, path: Path, file: IO[bytes], run: str, lines: int) -> None:
        self._path, self._file = path, file
        self._run, self._lines = run, lines

    @classmethod
    def create(cls, path: Path, header: Header) -> "Writer":
        """Start a new record and write its header.

        Raises:
            RecordError: if the record exists already; nothing is overwritten.
            RunError: if it cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            file = path.open("r+b", buffering=0)
        except OSError as error:
            raise _unwritable(path, error) from error
        _lock(path, file)
        if _has_line(file):
            file.close()
            raise never_overwritten(path)
        file.seek(0)
        file.truncate()
        writer = cls(path, file, header.run, 0)
        writer.write(header)
        return writer

    @classmethod
    def append(cls, record: Record) -> "Writer":
        """Continue a record; an incomplete last line is removed, complete lines never are.

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
            raise RecordError(
                f"{path}: another run has written to this record in the meantime. Use --resume "
                "again to continue from there."
            )
        file.truncate(record.whole_bytes)
        file.seek(record.whole_bytes)
        return cls(path, file, record.header.run, record.whole_lines)

    def write(self, line: Line) -> None:
        """Append one line; the system has received it when this returns.

        Raises:
            RecordError: if the line could not be read back; nothing is written then.
            RunError: if it cannot be written, for example because the disk is full.
        """
        fields: dict[str, Any] = msgspec.to_builtins(line)
        self._lines += 1
        if self._run:
            fields |= {"run": self._run, "line": self._lines}
        text = _encoded(fields) + b"\n"
        try:
            _checked(text)
        except UNREADABLE as error:
            raise RecordError(
                f"{self._path}: a line of this run cannot be kept, because it could not be read "
                f"back ({in_short(error)}). This is a fault of PoseMark or of the model: please "
                "report it."
            ) from error
        try:
            _write_all(self._file, text)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and release the record for other processes."""
        self._file.close()


def _write_all(file: IO[bytes], content: bytes) -> None:
    # The file is unbuffered, so that close() has nothing to write. A write may take a part only.
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(
        f"{path}: the record cannot be written ({error.strerror}). Every finished frame is kept. "
        "Make room or correct the permissions, then continue with --resume, or choose another "
        "--out folder."
    )
