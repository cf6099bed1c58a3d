"""Keeps which shards are finished: one line for each, and one bit of memory for each."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
from msgspec import Meta

from posemark.core.counting import counted
from posemark.core.durable import make_folders, sync
from posemark.core.errors import DataError, RunError
from posemark.predict.many.pose_table import file_of
from posemark.records.appending import locked, write_all
from posemark.records.lines import UNREADABLE, in_short

NAME = "ledger.jsonl"

_Number = Annotated[int, Meta(ge=0)]


@dataclass(frozen=True)
class Entry:
    """A finished shard.

    Attributes:
        shard: its number.
        images: the number of its images.
        failed: the number of images that could not be used.
        people: the number of people that were found.
        wall_ns: nanoseconds that it took.
        bytes_in: bytes of encoded images that were read.
        bytes_out: bytes of the file with its poses.
    """

    shard: _Number
    images: _Number
    failed: _Number
    people: _Number
    wall_ns: _Number
    bytes_in: _Number
    bytes_out: _Number


def _locked(out: Path) -> BinaryIO:
    """Open the ledger, which is created if necessary, for this process alone.

    Raises:
        RunError: as Ledger does.
    """
    path = out / NAME
    try:
        make_folders(out)
        path.touch()
        file = path.open("r+b", buffering=0)
    except OSError as error:
        raise RunError(f"{path}: cannot be opened ({error.strerror}).") from error
    if not locked(file):
        file.close()
        raise RunError(
            f"{path}: another run is writing into this folder. Wait until it has finished, or name "
            "another folder with --poses."
        )
    return file


@contextmanager
def exclusive(out: Path) -> Generator[None]:
    """Keep other processes from writing into the folder of results during the block.

    A folder in which there is nothing afterwards is removed.

    Raises:
        RunError: as Ledger does.
    """
    with _locked(out):
        try:
            yield
        except BaseException:
            if not has_finished(out):
                (out / NAME).unlink()
                with suppress(OSError):  # it has other files
                    out.rmdir()
            raise


def has_finished(out: Path) -> bool:
    """Return whether a folder of results has a finished shard."""
    try:
        return (out / NAME).stat().st_size > 0
    except OSError:
        return False


class Ledger:
    """The ledger in the folder of results; no other process can open it at the same time.

    Attributes:
        total: the sums over all finished shards; `shard` is their number.
        finished: one bit per shard, the lowest bit of the first byte for shard 0.
        lost: the number of shards that were finished, but whose file is gone or of another size.
            They count as unfinished.

    Raises:
        RunError: if another process has it open, or it cannot be written.
        DataError: if a complete line of it is no entry.
    """

    def __init__(self, out: Path, shards: int) -> None:
        self.path, self._shards = out / NAME, shards
        self.finished = bytearray((shards + 7) // 8)
        self.total = Entry(0, 0, 0, 0, 0, 0, 0)
        self._file = _locked(out)
        try:
            whole, lines = self._read()
        except DataError:
            self._file.close()
            raise
        self.lost = lines - self.total.shard
        self._file.truncate(whole)
        self._file.seek(whole)

    def _read(self) -> tuple[int, int]:
        """Count the finished shards; return the bytes of complete lines, and of how many shards."""
        whole, shards = 0, bytearray(len(self.finished))
        for entry, size in self._entries():
            whole += size
            _set(shards, entry.shard)
            if not self.has(entry.shard) and _is_there(
                file_of(self.path.parent, entry.shard), entry
            ):
                self._count(entry)
        return whole, sum(each.bit_count() for each in shards)

    def _entries(self) -> Iterator[tuple[Entry, int]]:
        """Yield the complete lines, each with its bytes."""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return  # torn when the run was killed; the shard is annotated again
                yield self._entry(number, line), len(line)

    def _entry(self, number: int, line: bytes) -> Entry:
        try:
            entry = msgspec.json.decode(line, type=Entry)
            if entry.shard < self._shards:
                return entry
            why = f"the plan has {counted(self._shards, 'shard')}, got shard {entry.shard}"
        except UNREADABLE as error:
            why = in_short(error)
        raise DataError(
            f"{self.path}: line {number} is no entry of a shard of this run ({why}). Remove this "
            "line; its shard is annotated again then."
        )

    def _count(self, entry: Entry) -> None:
        _set(self.finished, entry.shard)
        sums = {name: value + asdict(self.total)[name] for name, value in asdict(entry).items()}
        self.total = Entry(**sums | {"shard": self.total.shard + 1})

    def has(self, shard: int) -> bool:
        """Return whether a shard is finished."""
        return is_set(self.finished, shard)

    def add(self, entry: Entry) -> None:
        """Write a finished shard; it is on the disk when this returns.

        Raises:
            RunError: if it cannot be written.
        """
        if self.has(entry.shard):
            return
        try:
            write_all(self._file, msgspec.json.encode(entry) + b"\n")
            sync(self._file)
        except OSError as error:
            raise RunError(
                f"{self.path}: cannot be written ({error.strerror}). Every shard in it is kept. "
                "Make room, then continue with --resume."
            ) from error
        self._count(entry)

    def close(self) -> None:
        """Release the ledger for other processes."""
        self._file.close()


def _is_there(path: Path, entry: Entry) -> bool:
    try:
        return path.stat().st_size == entry.bytes_out
    except OSError:
        return False


def _set(bits: bytearray, number: int) -> None:
    bits[number // 8] |= 1 << number % 8


def is_set(bits: bytes | bytearray, number: int) -> bool:
    """Return whether a bit of Ledger.finished is set."""
    return bool(bits[number // 8] >> number % 8 & 1)
