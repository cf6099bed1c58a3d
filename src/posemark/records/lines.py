"""Reads the lines of a record file, and finds those that are damaged.

A line is damaged if it does not match its checksum or cannot be read. The lines around it are
sound: they have numbers, from which the numbers of the damaged lines follow, even if a newline was
lost or came into being. When the run is resumed, a line of the kind "damaged" names them, and from
then on they are passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from posemark.core.errors import RecordError
from posemark.core.line_sums import sum_holds
from posemark.core.places import exists, is_file, is_folder
from posemark.core.text import shortened
from posemark.records.schema import SCHEMA, Damaged, Header, Line, Stamp, require_whole

LONGEST_LINE = 8 * 2**20
"""Most bytes of a line; a frame with a thousand people has about half a megabyte. While it is read,
a hostile line takes 44 times its size in memory."""

UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
"""The exceptions that decoding raises for content that does not fit its schema."""

_LINES = msgspec.json.Decoder(Line)
_STAMPS = msgspec.json.Decoder(Stamp)


@dataclass(frozen=True)
class Damage:
    """Successive damaged lines.

    Attributes:
        numbers: their numbers, from 1.
        reason: what is wrong with the first of them.
    """

    numbers: tuple[int, ...]
    reason: str


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
        known = self.passed_over
        return [each for each in self.damage if not known.issuperset(each.numbers)]


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
        self._pending: list[str] = []

    def read(self, texts: Iterator[bytes]) -> Lines:
        first = next(texts, b"")
        if not first.endswith(b"\n"):
            self._require_end(first)
            raise RecordError(not_a_record(self._path, "its first line is no header"))
        found = self._begun(first)
        for text in texts:
            if not text.endswith(b"\n"):
                self._require_end(text)
                found.torn_bytes = len(text)
                break
            found.whole_bytes += len(text)
            self._add(found, text)
        if self._pending:  # their number is not certain, but lines that follow are counted from it
            self._close_gap(found, found.last + len(self._pending) + 1)
        return found

    def _require_end(self, text: bytes) -> None:
        if len(text) >= LONGEST_LINE:
            raise RecordError(
                not_a_record(self._path, f"it has a line of more than {len(text)} bytes")
            )

    def _begun(self, text: bytes) -> Lines:
        if sum_holds(text) is False:
            raise RecordError(_damaged_header(self._path))
        _require_schema(self._path, text)
        header = self._decoded(1, text)
        if not isinstance(header, Header):
            raise RecordError(not_a_record(self._path, "its first line is no header"))
        self._sums = sum_holds(text) is not None
        found = Lines(self._path, header, [(1, header)], whole_bytes=len(text), last=1)
        self._require_stamp(found, text)
        return found

    def _add(self, found: Lines, text: bytes) -> None:
        """Add one line; a damaged one is kept until the number of the next sound line is known."""
        reason = self._damage(found, text)
        if reason:
            self._pending.append(reason)
            return
        number = found.last + 1
        if self._pending:
            number = self._stamp(number, text).line
            self._close_gap(found, number)
        line = self._decoded(number, text)
        found.places.append((number, line))
        found.last = number
        self._require_stamp(found, text)

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

    def _close_gap(self, found: Lines, following: int) -> None:
        """Name the damaged lines before the line of this number."""
        numbers = tuple(range(found.last + 1, following))
        if not numbers:
            what = f"after it comes a line that is not of this run: {self._pending[0]}"
            raise RecordError(changed(self._path, found.last, what))
        found.damage.append(Damage(numbers, self._pending[0]))
        found.places.append((numbers[0], None))
        found.last, self._pending = numbers[-1], []

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

    def _require_stamp(self, found: Lines, text: bytes) -> None:
        """Refuse a line of another run, or one whose number is not its place in the file."""
        run, number = found.header.run, found.last
        stamp, expected = self._stamp(number, text), Stamp(run, number) if run else Stamp()
        if stamp.run != expected.run:
            raise RecordError(changed(self._path, number, "a line of another run"))
        if stamp.line != expected.line:
            what = f"it was written as line {stamp.line}: lines are lost, repeated or out of order"
            raise RecordError(changed(self._path, number, what))


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


def named(numbers: tuple[int, ...]) -> str:
    """Return the numbers of successive lines in words: "line 3" or "lines 3 to 5"."""
    first, last = numbers[0], numbers[-1]
    return f"line {first}" if first == last else f"lines {first} to {last}"


def not_a_record(path: Path, why: str) -> str:
    """Return the message for a file that is no record."""
    return (
        f"{path}: expected a PoseMark run record, but {why}. Give a run folder or a .jsonl file "
        "that `posemark run` wrote."
    )


def changed(path: Path, number: int, what: str) -> str:
    """Return the message for a record that was changed by something other than damage."""
    return (
        f"{path}: line {number}: {what}. The record was changed after it was written: restore "
        "it from a copy, or run the entry again into another --out folder."
    )


def damaged(path: Path, damage: list[Damage]) -> str:
    """Return the message for a record with damaged lines, which a resumed run can use."""
    lines = ", ".join(named(each.numbers) for each in damage)
    count = sum(len(each.numbers) for each in damage)
    what, frames = ("is", "its frame") if count == 1 else ("are", "their frames")
    return (
        f"{path}: {lines} {what} damaged ({damage[0].reason}), for example by a fault of the disk "
        "or a power failure. All other lines can be used: repeat the command of the run with "
        f"--resume, which measures {frames} again, or restore the record from a copy."
    )


def _damaged_header(path: Path) -> str:
    return (
        f"{path}: line 1, the header, is damaged: it does not match its checksum. Without it, the "
        "other lines cannot be used: restore the record from a copy, or run the entry again into "
        "another --out folder."
    )


def _kind_of(path: Path) -> str:
    if is_folder(path):
        return "Is a directory"
    return "Not a regular file" if exists(path) else "No such file or directory"


def _unreadable(path: Path, why: str) -> str:
    return f"{path}: cannot read this record ({why}). Give a run folder or one of its .jsonl files."
