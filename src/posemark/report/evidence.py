"""What a row still needs before its speed may answer a question: the one place for that rule."""

from dataclasses import dataclass
from math import ceil
from shlex import quote

from posemark.measure.interval import FEWEST_BLOCKS
from posemark.measure.loop import BLOCK_SECONDS
from posemark.report.rows import Row

FEWEST_FRAMES = 10
"""Through which what people cost is a line that can be answered from."""


@dataclass(frozen=True)
class Need:
    """What is missing: blocks and frames (0: enough of them), and the seconds that they take."""

    blocks: int
    frames: int
    seconds: float


def frames_known(row: Row) -> int:
    """Frames that its inference rests on: those of all rows that share its network."""
    return max(row.frames, row.network_frames)


def need(row: Row) -> Need | None:
    """What the row still needs; None where five blocks and ten frames are there.

    The blocks are its own, since its verdict rests on them; the frames may be those of other
    entries with the same network (Row.network_frames). Seconds: from the mean time of its own
    frames, 0 where none was measured.
    """
    blocks = max(0, FEWEST_BLOCKS - row.blocks)
    frames = max(0, FEWEST_FRAMES - frames_known(row))
    if not (blocks or frames):
        return None
    frame = sum(row.stage_ms.values()) / 1000
    block = ceil(BLOCK_SECONDS / frame) * frame if frame else 0.0
    return Need(blocks, frames, max(blocks * block, frames * frame))


def missing(row: Row) -> tuple[str, ...]:
    """The same in words, one phrase for each thing: "3 of 5 blocks", "7 of 10 frames"."""
    counts = ((row.blocks, FEWEST_BLOCKS, "blocks"), (frames_known(row), FEWEST_FRAMES, "frames"))
    return tuple(f"{have} of {least} {noun}" for have, least, noun in counts if have < least)


def words(wanted: Need) -> str:
    """What is to be measured: "2 blocks and 3 frames more, about 12 s"."""
    counts = ((wanted.blocks, "block"), (wanted.frames, "frame"))
    parts = [f"{count} {noun if count == 1 else noun + 's'}" for count, noun in counts if count]
    seconds = f", about {ceil(wanted.seconds):,} s" if wanted.seconds else ""
    return f"{' and '.join(parts)} more{seconds}"


_MORE = 4
"""How many times as long a run that has enough blocks goes on: half the width of its interval."""


def command(row: Row) -> str:
    """What to run on an idle machine to decide its speed; data and weights as they were given.

    The budget is the time it took so far and what it needs, or several times as much.
    """
    used, wanted = row.frames * sum(row.stage_ms.values()) / 1000, need(row)
    seconds = used + wanted.seconds if wanted else _MORE * used
    options = {
        "--data": row.data,
        "--weights": "" if row.weights == "none" else row.weights,
        "--runtime": row.runtime,
        "--precision": row.precision,
        "--device": "" if row.device == "cpu" else row.device,
        "--persons": "" if row.persons_mode == "serial" else row.persons_mode,
        "--threads": f"{row.threads or ''}",
        "--mode": "" if row.mode == "burst" else row.mode,
        "--fps": f"{row.camera_fps:g}" if row.camera_fps else "",
        "--budget": f"{max(5, ceil(1.2 * seconds))}",
    }
    given = (f"{name} {quote(value)}" for name, value in options.items() if value)
    return " ".join([f"posemark run {quote(row.entry)}", *(["--flip"] * row.flip), *given])
