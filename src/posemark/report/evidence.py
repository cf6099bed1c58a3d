"""What a row still needs before its speed is decided."""

from dataclasses import dataclass
from math import ceil

from posemark.measure.interval import FEWEST_BLOCKS, MOST_HALF_WIDTH
from posemark.measure.loop import BLOCK_SECONDS
from posemark.report.figures import counted, half_width
from posemark.report.rows import Row

FEWEST_FRAMES = 10
"""Behind what people cost: a line through fewer says little about the next frame."""


@dataclass(frozen=True)
class Need:
    """Further blocks and frames, and the seconds that they will take; None where nobody knows.

    anew: the verdict for which nothing that was measured counts; "" where it does.
    """

    blocks: int
    frames: int
    seconds: float | None
    anew: str = ""


def need(row: Row) -> Need | None:
    """What would decide the speed of a row; None for one that is decided."""
    frames, kind = max(0, FEWEST_FRAMES - row.frames), row.verdict.kind
    if kind not in ("valid", "noisy"):
        return _costed(row, FEWEST_BLOCKS, FEWEST_FRAMES, kind)
    blocks = max(0, FEWEST_BLOCKS - row.blocks)
    if kind == "noisy" and not blocks:
        # The interval narrows with the root of the number of blocks.
        wide = max(1.0, (half_width(row) or 0.0) / MOST_HALF_WIDTH)
        blocks = max(1, ceil(row.blocks * (wide**2 - 1)))
    return _costed(row, blocks, frames) if blocks or frames else None


def _costed(row: Row, blocks: int, frames: int, anew: str = "") -> Need:
    frame = sum(row.stage_ms.values()) / 1000 if row.frames else None
    if frame is None:
        return Need(blocks, frames, None, anew)
    return Need(blocks, frames, max(blocks * max(BLOCK_SECONDS, frame), frames * frame), anew)


def words(need: Need) -> str:
    """For a list of what is undecided: "4 blocks, 9 frames more (about 10 s)"."""
    if need.anew:
        return f"{need.anew}: measure it anew, with nothing else running"
    wanted = [counted(need.blocks, "block")] if need.blocks else []
    wanted += [counted(need.frames, "frame")] if need.frames else []
    about = f" (about {max(1, round(need.seconds)):,} s)" if need.seconds is not None else ""
    return f"{', '.join(wanted)} more{about}"
