"""What a row still needs before its speed may answer a question: the one place for that rule."""

from dataclasses import dataclass
from math import ceil
from shlex import quote

from posemark.measure.interval import FEWEST_BLOCKS, FEWEST_LINE_FRAMES, MOST_HALF_WIDTH
from posemark.measure.loop import BLOCK_SECONDS
from posemark.report.figures import counted, half_width
from posemark.report.rows import Row


@dataclass(frozen=True)
class Need:
    """Further blocks and frames, and the seconds that they will take; None where nobody knows.

    anew: the verdict for which nothing that was measured counts; "" where it does.
    """

    blocks: int
    frames: int
    seconds: float | None
    anew: str = ""


def frames_known(row: Row) -> int:
    """Frames that its inference rests on: those of all rows that share its network."""
    return max(row.frames, row.network_frames)


def need(row: Row) -> Need | None:
    """What would decide the speed of a row; None for one that is decided.

    The blocks are its own, since its verdict rests on them; the frames may be those of other
    entries with the same network. Seconds rest on the mean time of its own frames.
    """
    kind = row.verdict.kind
    if kind not in ("valid", "noisy"):
        return _costed(row, FEWEST_BLOCKS, FEWEST_LINE_FRAMES, kind)
    frames = max(0, FEWEST_LINE_FRAMES - frames_known(row))
    blocks = max(0, FEWEST_BLOCKS - row.blocks)
    if kind == "noisy" and not blocks:
        # The interval narrows with the root of the number of blocks.
        wide = max(1.0, (half_width(row) or 0.0) / MOST_HALF_WIDTH)
        blocks = max(1, ceil(row.blocks * (wide**2 - 1)))
    return _costed(row, blocks, frames) if blocks or frames else None


def _costed(row: Row, blocks: int, frames: int, anew: str = "") -> Need:
    if not row.frames:
        return Need(blocks, frames, None, anew)
    frame = _frame_seconds(row)
    return Need(blocks, frames, max(blocks * max(BLOCK_SECONDS, frame), frames * frame), anew)


def _frame_seconds(row: Row) -> float:
    return sum(row.stage_ms.values()) / 1000


def missing(row: Row) -> tuple[str, ...]:
    """Counts that are too low, one phrase each: "3 of 5 blocks", "7 of 10 frames"."""
    counts = (
        (row.blocks, FEWEST_BLOCKS, "blocks"),
        (frames_known(row), FEWEST_LINE_FRAMES, "frames"),
    )
    return tuple(f"{have} of {least} {noun}" for have, least, noun in counts if have < least)


def words(wanted: Need) -> str:
    """For a list of what is undecided: "4 blocks and 9 frames more (about 10 s)"."""
    if wanted.anew:
        return f"{wanted.anew}; to be measured anew with nothing else running"
    parts = [counted(wanted.blocks, "block")] if wanted.blocks else []
    parts += [counted(wanted.frames, "frame")] if wanted.frames else []
    seconds = wanted.seconds
    about = f" (about {max(1, round(seconds)):,} s)" if seconds is not None else ""
    return f"{' and '.join(parts)} more{about}"


_MORE = 4
"""How many times as long a run that lacks nothing goes on: half the width of its interval."""


def command(row: Row) -> str:
    """What to run on an idle machine to decide its speed, as far as the row knows it.

    Data as they were given. Weights by their tag, in the name of the entry; of a checkpoint
    file that was never imported, the stem stands there. The budget is the time it took so far
    and what it needs, or several times as much.
    """
    used, wanted = row.frames * _frame_seconds(row), need(row)
    seconds = used + (wanted.seconds or 0.0) if wanted else _MORE * used
    most, layout = row.inference or ("", "")
    options = {
        "--data": row.data,
        "--boxes": row.boxes if row.boxes.startswith("file:") else "",
        "--codec": _codec(row),
        "--runtime": row.runtime,
        "--precision": row.precision,
        "--device": "" if row.device == "cpu" else row.device,
        "--layout": layout,
        "--persons": "" if row.persons_mode == "serial" else row.persons_mode,
        "--max-batch": most if most not in ("", "1") else "",
        "--min-score": f"{row.min_score:g}" if row.min_score else "",
        "--threads": f"{row.threads or ''}",
        "--mode": "" if row.mode == "burst" else row.mode,
        "--fps": f"{row.camera_fps:g}" if row.camera_fps else "",
        "--budget": f"{max(5, ceil(1.2 * seconds))}",
    }
    given = (f"{name} {quote(value)}" for name, value in options.items() if value)
    return " ".join([f"posemark run {quote(_entry(row))}", *(["--flip"] * row.flip), *given])


def _entry(row: Row) -> str:
    """The entry as it is typed: a record's name goes on with what differs, as in "a@gt+flip"."""
    return row.entry.partition("+")[0]


def _codec(row: Row) -> str:
    """The decoder where the record's name says that it is not the model's own."""
    named = row.codec.replace(":", "") in row.entry.split("+")[1:]
    return row.codec if named else ""
