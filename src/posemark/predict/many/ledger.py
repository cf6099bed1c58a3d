"""Keeps which shards are finished: one line for each, and one bit of memory for each."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from posemark.core.durable import make_folders, sync
from posemark.core.errors import DataError, RunError
from posemark.records.appending import locked, write_all

NAME = "ledger.jsonl"


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

    shard: int
    images: int
    failed: int
    people: int
    wall_ns: int
    bytes_in: int
    bytes_out: int


class Ledger:
    """The ledger in the folder of results; no other process can open it at the same time.

    Attributes:
        total: the sums over all finished shards; `shard` is their number.
        finished: one bit per shard, the lowest bit of the first byte for shard 0.

    Raises:
        RunError: if another process has it open, or it cannot be written.
        DataError: if a complete line of it is no entry.
    """

    def __init__(self, out: Path, shards: int) -> None:
        self.path = out / NAME
        self.finished = bytearray((shards + 7) // 8)
        self.total = Entry(0, 0, 0, 0, 0, 0, 0)
        try:
            make_folders(out)
            self.path.touch()
            self._file = self.path.open("r+b", buffering=0)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be opened ({error.strerror}).") from error
        if not locked(self._file):
            self._file.close()
            raise RunError(
                f"{self.path}: another run is writing into this folder. Wait until it has "
                "finished, or name another folder with --poses."
            )
        try:
            whole = self._read()
        except DataError:
            self._file.close()
            raise
        self._file.truncate(whole)
        self._file.seek(whole)

    def _read(self) -> int:
        """Count the finished shards; return the bytes of their lines."""
        whole = 0
        for entry, size in self._entries():
            self._count(entry)
            whole += size
        return whole

    def _entries(self) -> Iterator[tuple[Entry, int]]:
        """Yield the complete lines, each with its bytes."""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return  # torn when the run was killed; the shard is annotated again
                try:
                    entry = msgspec.json.decode(line, type=Entry)
                    self.finished[entry.shard // 8]
                except (msgspec.DecodeError, IndexError) as error:
                    raise DataError(
                        f"{self.path}: line {number} is no entry of a shard of this run ({error}). "
                        "Remove this line; its shard is annotated again then."
                    ) from error
                yield entry, len(line)

    def _count(self, entry: Entry) -> None:
        self.finished[entry.shard // 8] |= 1 << entry.shard % 8
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


def is_set(bits: bytes | bytearray, number: int) -> bool:
    """Return whether a bit of Ledger.finished is set."""
    return bool(bits[number // 8] >> number % 8 & 1)
