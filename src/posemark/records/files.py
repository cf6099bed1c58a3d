"""Writing and reading record files, so that a killed run loses at most the line it was in."""

from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from posemark.core.errors import RecordError
from posemark.records.schema import (
    SCHEMA,
    BlockLine,
    End,
    FrameLine,
    Header,
    Line,
    PerfectLine,
    Resumed,
)

SUFFIX = ".jsonl"

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)


@dataclass(frozen=True)
class Block:
    """Frames that ran one after the other, and what the machine did meanwhile.

    readings: None for the block that a killed run was in.
    """

    frames: list[FrameLine]
    readings: BlockLine | None


@dataclass(frozen=True)
class Record:
    """A record file, read. complete: the run reached its own end.

    blocks: in the order they ran. resumed: the later processes that went on with the run.
    """

    path: Path
    header: Header
    blocks: list[Block]
    perfect: list[PerfectLine]
    resumed: list[Resumed]
    complete: bool
    whole_bytes: int

    @property
    def good(self) -> list[FrameLine]:
        """Every measured frame, in order; an image may occur several times."""
        return [f for block in self.blocks for f in block.frames if f.error is None]

    @property
    def frames(self) -> list[FrameLine]:
        """One line an image, in order of appearance: its last measurement, or last failure."""
        lines = {f.image_id: f for block in self.blocks for f in block.frames}
        return list((lines | {f.image_id: f for f in self.good}).values())

    @property
    def failed(self) -> list[FrameLine]:
        """The last failure of each image that was never measured."""
        return [f for f in self.frames if f.error is not None]


def read(path: Path) -> Record:
    """Every finished frame of a record; a torn last line is left out.

    Raises:
        RecordError: if the file is missing, no record, or of another schema.
    """
    lines, whole_bytes = _lines(path)
    if not lines or not isinstance(lines[0], Header):
        raise RecordError(_not_a_record(path, "its first line is no header"))
    return Record(
        path=path,
        header=lines[0],
        blocks=_blocks(lines),
        perfect=[line for line in lines if isinstance(line, PerfectLine)],
        resumed=[line for line in lines if isinstance(line, Resumed)],
        complete=isinstance(lines[-1], End),
        whole_bytes=whole_bytes,
    )


def _blocks(lines: list[Line]) -> list[Block]:
    blocks: list[Block] = []
    frames: list[FrameLine] = []
    for line in lines:
        if isinstance(line, FrameLine):
            frames.append(line)
        elif isinstance(line, BlockLine | Resumed) and frames:
            blocks.append(Block(frames, line if isinstance(line, BlockLine) else None))
            frames = []
    return [*blocks, Block(frames, None)] if frames else blocks


def begun(path: Path) -> bool:
    """Whether a record holds anything: it exists and was not killed within its header."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.readline().endswith(b"\n")


def never_overwritten(path: Path) -> RecordError:
    """The refusal to begin a record where there is one."""
    return RecordError(
        f"{path} exists already, and finished work is never overwritten. Add --resume to go on "
        "with it, or choose another --out folder."
    )


def _lines(path: Path) -> tuple[list[Line], int]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(
            f"{path}: cannot read this record ({error.strerror}). Give a run folder or one of "
            "its .jsonl files."
        ) from error
    whole = content[: content.rfind(b"\n") + 1]
    decoder = msgspec.json.Decoder(Line)
    lines: list[Line] = []
    _require_schema(path, whole.partition(b"\n")[0])
    for number, text in enumerate(whole.splitlines(), 1):
        try:
            lines.append(decoder.decode(text))
        except _UNREADABLE as error:
            raise RecordError(_not_a_record(path, f"line {number}: {error}")) from error
    return lines, len(whole)


def _require_schema(path: Path, first: bytes) -> None:
    """Refuse a record whose header was written under another schema, even if it would fit."""
    try:
        found = msgspec.json.decode(first, type=dict[str, object]).get("schema", SCHEMA)
    except _UNREADABLE:
        return
    if found != SCHEMA:
        raise RecordError(
            f"{path}: this record has schema {found}, this PoseMark reads schema {SCHEMA}. Use "
            "the version that wrote it, or run again."
        )


def _not_a_record(path: Path, why: str) -> str:
    return (
        f"{path}: expected a PoseMark run record, but {why}. Give a run folder or a .jsonl file "
        "that `posemark run` wrote."
    )


class Writer:
    """Appends lines to a record; each is handed to the system before the next frame."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._encoder = msgspec.json.Encoder()

    @classmethod
    def create(cls, path: Path, header: Header) -> "Writer":
        """Start a new record.

        Raises:
            RecordError: if there is one already; nothing is overwritten.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        if not begun(path):
            path.unlink(missing_ok=True)
        try:
            file = path.open("xb")
        except FileExistsError as error:
            raise never_overwritten(path) from error
        writer = cls(file)
        writer.write(header)
        return writer

    @classmethod
    def append(cls, record: Record) -> "Writer":
        """Go on with a record; the remains of a torn line, never a finished one, are cut."""
        file = record.path.open("r+b")
        file.truncate(record.whole_bytes)
        file.seek(record.whole_bytes)
        return cls(file)

    def write(self, line: Line) -> None:
        """Append one line and flush it."""
        self._file.write(self._encoder.encode(line) + b"\n")
        self._file.flush()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing can be written after this."""
        self._file.close()
