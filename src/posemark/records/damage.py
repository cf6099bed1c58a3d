"""Finds which lines of a record are damaged, from the numbers of the sound lines around them.

It needs the standard library only, because run.py of a bundle does the same on a device.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from posemark.core.errors import RecordError


@dataclass(frozen=True)
class Damage:
    """Successive damaged lines.

    Attributes:
        numbers: their numbers, from 1.
        reason: what is wrong with the first of them.
    """

    numbers: tuple[int, ...]
    reason: str


class Numbering:
    """Numbers the lines of a record, the header included.

    Every sound line has its number. The numbers of damaged lines follow from those around them,
    even if a newline was lost or came into being.

    Args:
        path: the record.
        run: the name of the run, which every line repeats; "" in an older record, whose lines have
            neither names nor numbers.

    Attributes:
        last: the number of the last line so far, without damaged lines that no sound one follows.
    """

    def __init__(self, path: Path, run: str) -> None:
        self._path, self._run = path, run
        self._pending: list[str] = []
        self._pending_bytes = 0
        self.last = 0

    @property
    def following(self) -> int:
        """Return the number that the next line has, unless newlines are damaged."""
        return self.last + len(self._pending) + 1

    def damaged(self, reason: str, length: int) -> None:
        """Take a damaged line; its number is known when the next sound line is.

        Args:
            reason: what is wrong with it.
            length: its bytes.
        """
        self._pending.append(reason)
        self._pending_bytes += length

    def sound(self, run: str, line: int) -> Damage | None:
        """Take a sound line.

        Args:
            run: the name of the run in the line.
            line: the number in the line.

        Returns:
            The damaged lines right before it; None if there are none.

        Raises:
            RecordError: if the line is of another run, or its number is not its place.
        """
        found = self._gap_before(line) if self._pending else None
        self.last += 1
        if run != self._run:
            raise RecordError(changed(self._path, self.last, "a line of another run"))
        if line != (self.last if self._run else 0):
            what = f"it was written as line {line}: lines are lost, repeated or out of order"
            raise RecordError(changed(self._path, self.last, what))
        return found

    def end(self) -> Damage | None:
        """Return the damaged lines at the end of the record.

        How many there were is not certain, but the lines that follow are counted from them.
        """
        return self._gap_before(self.following) if self._pending else None

    def _gap_before(self, line: int) -> Damage:
        reason, count = self._pending[0], line - self.last - 1
        if count < 1:
            what = f"after it comes a line that is not of this run: {reason}"
            raise RecordError(changed(self._path, self.last, what))
        if count > self._pending_bytes:  # more lines than can have been there
            what = f"after it come damaged bytes and line {line}: lines are lost"
            raise RecordError(changed(self._path, self.last, what))
        found = Damage(tuple(range(self.last + 1, line)), reason)
        self.last, self._pending, self._pending_bytes = line - 1, [], 0
        return found


def unresolved(damage: Iterable[Damage], known: Collection[int]) -> list[Damage]:
    """Return the damage that was not known when the run was resumed.

    Args:
        damage: all damage of a record.
        known: the numbers in its lines of the kind "damaged".
    """
    return [each for each in damage if not set(each.numbers) <= set(known)]


def repairs(path: Path, torn_bytes: int, damaged: Sequence[int]) -> list[str]:
    """Return what is cut or passed over when a record is resumed, one sentence each.

    Args:
        path: the record.
        torn_bytes: the bytes of an incomplete last line.
        damaged: the numbers of damaged lines.
    """
    found: list[str] = []
    if torn_bytes:
        found.append(
            f"{path}: the last line is incomplete ({torn_bytes} bytes), because the run ended "
            "while it was written. It is removed."
        )
    if damaged:
        lines = ", ".join(map(str, damaged))
        found.append(
            f"{path}: damaged lines are passed over, and what they held is measured again: {lines}."
        )
    return found


def changed(path: Path, number: int, what: str) -> str:
    """Return the message for a record that was changed by something other than damage."""
    return (
        f"{path}: line {number}: {what}. The record was changed after it was written: restore "
        "it from a copy, or run the entry again into another --out folder."
    )


def damaged_header(path: Path) -> str:
    """Return the message for a record whose header is damaged."""
    return (
        f"{path}: line 1, the header, is damaged: it does not match its checksum. Without it, the "
        "other lines cannot be used: restore the record from a copy, or run the entry again into "
        "another --out folder."
    )


def damaged(path: Path, damage: Sequence[Damage], bundled: bool) -> str:
    """Return the message for a record with damaged lines, which a resumed run can use.

    Args:
        path: the record.
        damage: its damaged lines.
        bundled: whether run.py of a bundle wrote the record.
    """
    lines = ", ".join(_named(each.numbers) for each in damage)
    count = sum(len(each.numbers) for each in damage)
    what, frames = ("is", "its frame") if count == 1 else ("are", "their frames")
    first = "of the first: " if count > 1 else ""
    again = f"which measures {frames} again"
    remedy = (
        f"repeat the command of the run with --resume, {again}, or restore the record from a copy."
    )
    if bundled:
        remedy = (
            "copy the record from its device again. If it is damaged there as well, repeat the "
            f"command of run.py there first, {again}."
        )
    return (
        f"{path}: {lines} {what} damaged ({first}{damage[0].reason}), for example by a fault of "
        f"the disk or a power failure. All other lines can be used: {remedy}"
    )


def _named(numbers: tuple[int, ...]) -> str:
    """Return the numbers of successive lines in words: "line 3" or "lines 3 to 5"."""
    first, last = numbers[0], numbers[-1]
    return f"line {first}" if first == last else f"lines {first} to {last}"
