"""Reads the lines of a record file, and finds those that are damaged.

A line is damaged if it does not match its checksum or cannot be read (records/damage). When the run
is resumed, a line of the kind "damaged" names them, and from then on they are passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from posemark.core.errors import RecordError
from posemark.core.line_sums import sum_holds
from posemark.core.places import exists, is_file, is_folder
from posemark.core.text import shortened
from posemark.records.damage import Damage, Numbering, damaged_header, unresolved
from posemark.records.schema import SCHEMA, Damaged, Header, Line, Stamp, require_whole

LONGEST_LINE = 8 * 2**20
"""Most bytes of a line; a frame with a thousand people has about half a megabyte. While it is read,
a hostile line takes 44 times its size in memory."""

UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
"""The exceptions that decoding raises for content that does not fit its schema."""

_LINES = msgspec.json.Decoder(Line)
_STAMPS = msgspec.json.Decoder(Stamp)


@dataclass
class Lines:
    """The complete lines of a record file.

    Attributes:
        path: the file.
        header: its first line.
        places: the number of each line, from 1, and the line; None in place of damaged lines.
        damage: all damaged lines.
        whole_bytes: the bytes of all complete lines.
        torn_bytes: the bytes of an incomplete last line.
        last: the number of the last line.
    """

    path: Path
    header: Header
    places: list[tuple[int, Line | None]] = field(default_factory=list[tuple[int, Line | None]])
    damage: list[Damage] = field(default_factory=list[Damage])
    whole_bytes: int = 0
    torn_bytes: int = 0
    last: int = 0

    @property
    def sound(self) -> list[tuple[int, Line]]:
        """Return the number of each sound line, and the line."""
        return [(number, line) for number, line in self.places if line is not None]

    @property
    def passed_over(self) -> set[int]:
        """Return the numbers of the damaged lines that a later line names."""
        return {n for _, line in self.sound if isinstance(line, Damaged) for n in line.lines}

    @property
    def unresolved(self) -> list[Damage]:
        """Return the damaged lines that no later line names."""
        return unresolved(self.damage, self.passed_over)


def read_lines(path: Path) -> Lines:
    """Read the complete lines of a record.

    Raises:
        RecordError: if the file is missing or is no record, has another schema version, has a
            damaged header, or has lines that are lost, repeated or of another run.
    """
    if not is_file(path):
        raise RecordError(_unreadable(path, _kind_of(path)))
    try:
        with path.open("rb") as file:
            return _Reader(path).read(iter(lambda: file.readline(LONGEST_LINE), b""))
    except OSError as error:
        raise RecordError(_unreadable(path, str(error.strerror))) from error


class _Reader:
    """Reads one file, line by line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sums = False

    def read(self, texts: Iterator[bytes]) -> Lines:
        first = next(texts, b"")
        if not first.endswith(b"\n"):
            self._require_end(first)
            raise RecordError(not_a_record(self._path, "its first line is no header"))
        found, numbering = self._begun(first)
        for text in texts:
            if not text.endswith(b"\n"):
                self._require_end(text)
                found.torn_bytes = len(text)
                break
            found.whole_bytes += len(text)
            self._add(found, numbering, text)
        _add_damage(found, numbering.end())
        found.last = numbering.last
        return found

    def _require_end(self, text: bytes) -> None:
        if len(text) >= LONGEST_LINE:
            raise RecordError(
                not_a_record(self._path, f"it has a line of more than {len(text)} bytes")
            )

    def _begun(self, text: bytes) -> tuple[Lines, Numbering]:
        if sum_holds(text) is False:
            raise RecordError(damaged_header(self._path))
        _require_schema(self._path, text)
        header = self._decoded(1, text)
        if not isinstance(header, Header):
            raise RecordError(not_a_record(self._path, "its first line is no header"))
        self._sums = sum_holds(text) is not None
        numbering = Numbering(self._path, header.run)
        stamp = self._stamp(1, text)
        numbering.sound(stamp.run, stamp.line)
        return Lines(self._path, header, [(1, header)], whole_bytes=len(text)), numbering

    def _add(self, found: Lines, numbering: Numbering, text: bytes) -> None:
        reason = self._damage(found, text)
        if reason:
            numbering.damaged(reason, len(text))
            return
        stamp = self._stamp(numbering.following, text)
        _add_damage(found, numbering.sound(stamp.run, stamp.line))
        found.places.append((numbering.last, self._decoded(numbering.last, text)))

    def _damage(self, found: Lines, text: bytes) -> str:
        """Return what is wrong with a line; "" for a sound line.

        Lines of runs without a name have no numbers, from which damage could be located.
        """
        if not found.header.run:
            return ""
        holds = sum_holds(text)
        if holds is False:
            return "it does not match its checksum"
        if holds:
            self._sums = True
            return ""
        if self._sums:
            return "it has no checksum"
        try:
            checked(text)
        except UNREADABLE as error:
            return in_short(error)
        return ""

    def _decoded(self, number: int, text: bytes) -> Line:
        try:
            return checked(text)
        except UNREADABLE as error:
            reason = f"line {number}: {in_short(error)}"
            raise RecordError(not_a_record(self._path, reason)) from error

    def _stamp(self, number: int, text: bytes) -> Stamp:
        try:
            return _STAMPS.decode(text)
        except UNREADABLE as error:
            reason = f"line {number}: {in_short(error)}"
            raise RecordError(not_a_record(self._path, reason)) from error


def _add_damage(found: Lines, damage: Damage | None) -> None:
    if damage:
        found.damage.append(damage)
        found.places.append((damage.numbers[0], None))


def checked(text: bytes) -> Line:
    """Decode one line, and check the conditions that its types cannot express.

    Raises:
        ValueError, RecursionError: for content that does not fit the schema (UNREADABLE).
    """
    line = _LINES.decode(text)
    require_whole(line)
    return line


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


# --- messages -----------------------------------------------------------------------------------


def in_short(error: Exception) -> str:
    """Return the text of an error, cut if it is long because it quotes a long value."""
    return shortened(str(error))


def not_a_record(path: Path, why: str) -> str:
    """Return the message for a file that is no record."""
    return (
        f"{path}: expected a PoseMark run record, but {why}. Give a run folder or a .jsonl file "
        "that `posemark run` wrote."
    )


def _kind_of(path: Path) -> str:
    if is_folder(path):
        return "Is a directory"
    return "Not a regular file" if exists(path) else "No such file or directory"


def _unreadable(path: Path, why: str) -> str:
    return f"{path}: cannot read this record ({why}). Give a run folder or one of its .jsonl files."
