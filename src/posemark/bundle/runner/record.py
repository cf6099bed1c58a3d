"""Writes and reads a record on the device: the lines of records/schema as plain JSON.

The home machine checks every line when it reads the record (records/files).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from posemark.core.durable import sync
from posemark.core.errors import RecordError, RunError
from posemark.core.line_sums import sum_holds, with_sum
from posemark.records.appending import locked, write_all
from posemark.records.damage import Damage, Numbering, damaged_header, repairs, unresolved
from posemark.records.identity import changes_between, identity_of

SUFFIX = ".jsonl"
"""The suffix of record files."""

_NOT_READ_HERE = ("poses", "found")
"""Fields of frames that only the report reads; they would fill the memory of a small board."""

Line = dict[str, Any]


@dataclass(frozen=True)
class Existing:
    """A record that is on the disk.

    Attributes:
        path: the file.
        header: its first line.
        lines: all complete lines but damaged ones, the header included, without poses and boxes.
        last: the number of the last complete line.
        damaged: the numbers of damaged lines that were not passed over before.
        whole_bytes: the bytes of all complete lines.
        torn_bytes: the bytes of an incomplete last line.
    """

    path: Path
    header: Line
    lines: list[Line]
    last: int
    damaged: list[int]
    whole_bytes: int
    torn_bytes: int

    @property
    def complete(self) -> bool:
        """Return whether the run ended by itself, and nothing of it is damaged."""
        return self.lines[-1].get("kind") == "end" and not self.damaged

    @property
    def repairs(self) -> list[str]:
        """Return what is cut or passed over when it is continued, one sentence each."""
        return repairs(self.path, self.torn_bytes, self.damaged)

    @property
    def measured(self) -> list[Line]:
        """Return the lines of all measured frames."""
        return [
            line for line in self.lines if line.get("kind") == "frame" and not line.get("error")
        ]

    @property
    def blocks(self) -> list[Line]:
        """Return the lines of all finished blocks."""
        return [line for line in self.lines if line.get("kind") == "block"]


def read_record(path: Path) -> Existing | None:
    """Read a record; an incomplete last line is ignored, and damaged lines are passed over.

    Returns:
        The record; None if there is none, or it has no complete line.

    Raises:
        RecordError: if the file cannot be read, is no record, has a damaged header, or has lines
            that are lost or of another run.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordError(
            f"{path}: cannot read this record ({error.strerror}). Correct the permissions, or "
            "choose another folder (--out)."
        ) from error
    *texts, torn = content.split(b"\n")
    if not texts:
        return None
    lines, damage, last = _numbered(path, texts)
    known = [number for line in lines for number in _passed_over(line)]
    return Existing(
        path=path,
        header=lines[0],
        lines=lines,
        last=last,
        damaged=[number for each in unresolved(damage, known) for number in each.numbers],
        whole_bytes=len(content) - len(torn),
        torn_bytes=len(torn),
    )


def _numbered(path: Path, texts: Sequence[bytes]) -> tuple[list[Line], list[Damage], int]:
    """Return the sound lines, what is damaged, and the number of the last line."""
    header = _header(path, texts[0])
    numbering = Numbering(path, str(header.get("run", "")))
    lines: list[Line] = []
    damage: list[Damage | None] = []
    for text in texts:
        reason = _damage(text)
        if reason:
            numbering.damaged(reason, len(text) + 1)
            continue
        line = _decoded(path, text, numbering.following)
        damage.append(numbering.sound(str(line.get("run", "")), _number(line)))
        lines.append(line)
    damage.append(numbering.end())
    return lines, [each for each in damage if each], numbering.last


def _damage(text: bytes) -> str:
    """Return what is wrong with a line; "" for a sound line."""
    holds = sum_holds(text)
    if holds is None:
        return "it has no checksum"
    return "" if holds else "it does not match its checksum"


def _header(path: Path, text: bytes) -> Line:
    if sum_holds(text) is False:
        raise RecordError(damaged_header(path))
    header = _decoded(path, text, 1) if sum_holds(text) else {}
    if header.get("kind") != "header":
        raise _no_record(path, "its first line is no header")
    return header


def _decoded(path: Path, text: bytes, number: int) -> Line:
    """Return a sound line without what only the report reads."""
    try:
        decoded: Any = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _no_record(path, f"line {number}: {error}") from error
    if not isinstance(decoded, dict):
        raise _no_record(path, f"line {number} is no object")
    line = cast("Line", decoded)
    return {name: value for name, value in line.items() if name not in _NOT_READ_HERE}


def _number(line: Line) -> int:
    number = line.get("line")
    return number if isinstance(number, int) else 0


def _passed_over(line: Line) -> list[int]:
    """Return the numbers of the damaged lines that a line names."""
    numbers = line.get("lines") if line.get("kind") == "damaged" else None
    found = cast("list[Any]", numbers) if isinstance(numbers, list) else []
    return [each for each in found if isinstance(each, int)]


def _no_record(path: Path, why: str) -> RecordError:
    return RecordError(
        f"{path}: this is no record of a bundle ({why}). Move it away, or choose another folder "
        "(--out), and run again."
    )


def require_same_run(existing: Existing, header: Mapping[str, Any]) -> None:
    """Check that a record can be continued with these settings.

    Raises:
        RecordError: if it belongs to another run; the message names what differs.
    """
    before = identity_of(existing.header)
    # Tuples and other numbers of this process become what a file holds.
    now = identity_of(json.loads(json.dumps(dict(header))))
    changes = changes_between(before, now)
    if changes:
        raise RecordError(
            f"{existing.path}: cannot be continued, because this is another run: {changes}. Use "
            "the same options, or another folder (--out)."
        )


class RecordWriter:
    """Appends lines to a record; the system has received each line when write() returns.

    While a writer is open, no other process can write to the same record. In a record with damaged
    lines, a new line first says that they are passed over.

    Args:
        path: the record, in a folder that exists.
        existing: the record that is continued; None begins a new one.

    Raises:
        RecordError: if another process writes the record, or has written to it since it was read.
        RunError: if it cannot be written.
    """

    def __init__(self, path: Path, existing: Existing | None) -> None:
        self._path = path
        self._run = str(existing.header.get("run", "")) if existing else ""
        self._lines = existing.last if existing else 0
        try:
            path.touch()
            self._file: IO[bytes] = path.open("r+b", buffering=0)
        except OSError as error:
            raise _unwritable(path, error) from error
        if not locked(self._file):
            self._file.close()
            raise RecordError(
                f"{path}: another process is writing this record at this moment. Wait until it has "
                "finished, or stop it."
            )
        whole_bytes = existing.whole_bytes if existing else 0
        self._file.seek(whole_bytes)
        if b"\n" in self._file.read():  # lines that would be removed
            self._file.close()
            raise RecordError(
                f"{path}: another process has written to this record since it was read. Run again "
                "to continue behind its frames."
            )
        self._file.truncate(whole_bytes)
        self._file.seek(whole_bytes)
        if existing and existing.damaged:
            self.write("damaged", {"lines": existing.damaged})

    def write(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Append a line.

        Args:
            kind: header, frame, block, resumed, damaged or end.
            fields: its other fields; None is left out.

        Raises:
            RunError: if it cannot be written, for example because the disk is full.
        """
        self._lines += 1
        if kind == "header":  # whose fields have no defaults
            self._run = str(fields["run"])
            line = dict(fields)
        else:
            line = {name: value for name, value in fields.items() if value is not None}
        line.update({"kind": kind, "run": self._run, "line": self._lines})
        text = json.dumps(line, allow_nan=False, separators=(",", ":"))
        try:
            write_all(self._file, with_sum(text.encode("ascii")) + b"\n")
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def sync(self) -> None:
        """Pass the lines written so far to the disk; they then survive a power failure.

        Raises:
            RunError: if the system refuses.
        """
        try:
            sync(self._file)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def close(self) -> None:
        """Close the file and release the record for other processes."""
        self._file.close()


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(
        f"{path}: the record cannot be written ({error.strerror}). Every finished frame is kept. "
        "Make room or correct the permissions, and run again to continue."
    )
