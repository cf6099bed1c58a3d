"""What a row still needs before its speed or AP may answer a question: the one place for it."""

from dataclasses import dataclass
from math import ceil
from shlex import quote

from posemark.measure.loop import BLOCK_SECONDS
from posemark.measure.speed_interval import FEWEST_BLOCKS, FEWEST_LINE_FRAMES, MOST_HALF_WIDTH
from posemark.report.formats import counted, half_width
from posemark.report.result_row import Row
from posemark.score.ap_bootstrap import FEWEST_IMAGES


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
    """Counts that are too low, one phrase each: "3 of 5 blocks", "7 of 10 frames".

    Frames are those of all entries with its network, and are called so where others have some.
    """
    shared = frames_known(row) > row.frames
    counts = (
        (row.blocks, FEWEST_BLOCKS, "blocks"),
        (frames_known(row), FEWEST_LINE_FRAMES, f"frames{' of its network' * shared}"),
    )
    return tuple(f"{have} of {least} {noun}" for have, least, noun in counts if have < least)


def unsure(row: Row) -> str:
    """Why the speed of a row answers no question, whatever is asked; "" where it may.

    A noisy speed may: where its whole interval lies on one side of what is asked.
    """
    wanted, kind = missing(row), row.verdict.kind
    if wanted:
        why = f"only {', '.join(wanted)}"
    elif kind in ("valid", "noisy"):
        return ""
    else:
        why = _verdict(row)
    return f"{why}; measure it again on an idle machine" if kind == "contended" else why


def noise(row: Row) -> str:
    """What a noisy speed is said to be; "" of any other."""
    return _verdict(row) if row.verdict.kind == "noisy" else ""


def _verdict(row: Row) -> str:
    return ": ".join((row.verdict.kind, *row.verdict.evidence[:1]))


def images_for(row: Row, lost: float, ends: tuple[float, float] | None, wish: float) -> int | None:
    """Images that would decide whether a row loses more AP than wished.

    Args:
        row: as measured.
        lost: AP points that it is below the best.
        ends: of the interval of that; None where it has none.
        wish: points that may be lost.

    Returns:
        Their number, if the difference stays as it is; None where that is out of reach.
    """
    images = row.compared.images if row.compared else 0
    if ends is None:
        return _MORE * max(images, FEWEST_IMAGES)
    half, distance = max(lost - ends[0], ends[1] - lost), abs(lost - wish)
    # The interval narrows with the root of the number of images.
    if distance * _FARTHEST < half:
        return None
    return ceil(images * max(half / distance, 1.0) ** 2) + 1


_FARTHEST = 10.0
"""Times narrower than it is: nobody has a hundred times as many images."""


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

_SPARE = 1.2
"""Of the time that is needed: it is estimated from few frames."""


def command(row: Row) -> str:
    """What to run on an idle machine to decide its speed, as far as the row knows it.

    It goes on with the record that is there, or begins another beside its folder where nothing
    that was measured counts, or where all frames of the data are measured: then it goes through
    them several times. A budget is of the process that it is given to.
    """
    used, wanted = row.frames * _frame_seconds(row), need(row)
    more = (wanted.seconds or 0.0) if wanted else (_MORE - 1) * used
    if _exhausted(row):
        again = ceil(_SPARE * (used + more) / (_frame_seconds(row) * row.data_images))
        return f"{run(row, max(2, again))}{_budget(used + more)}{_beside(row)}"
    if not row.folder or (wanted and wanted.anew):
        return f"{run(row)}{_budget(used + more)}{_beside(row)}"
    return f"{going_on(row)}{_budget(more)}"


def _exhausted(row: Row) -> bool:
    """Whether a run of this kind, gone on with, would find no frame left to measure."""
    once = row.mode == "burst" and "--repeat" not in row.typed
    return once and 0 < row.data_images <= row.frames


def _budget(seconds: float) -> str:
    return f" --budget {max(5, ceil(_SPARE * seconds))}"


def _beside(row: Row) -> str:
    """The option for a folder of its own beside the one where the record lies."""
    return f" --out {quote(row.folder + AGAIN)}" if row.folder else ""


AGAIN = "-again"
"""What the name of a folder ends in where something is measured anew."""


def going_on(row: Row) -> str:
    """The command that goes on with its record, but for when to stop."""
    return run(row) + (f" --out {quote(row.folder)} --resume" if row.folder else "")


def accuracy_command(row: Row, best: Row, images: int | None) -> str:
    """What to run to decide its AP against the best: both over the same images.

    images: how many; None for all that the data have.
    """
    limit = f" --limit {images}" if images else ""
    return " && ".join(f"{going_on(each)}{limit}" for each in (row, best))


def run(row: Row, repeat: int | None = None) -> str:
    """The command that ran it, but for when to stop. Data and files as they were typed.

    repeat: how many times to go through the data, if not as before.
    """
    most, layout = row.inference or ("", "")
    options = {
        "--data": row.data,
        "--weights": row.typed.get("--weights", ""),
        "--boxes": _boxes(row),
        "--codec": _codec(row),
        "--runtime": row.runtime,
        "--precision": row.precision,
        "--calibrate": row.typed.get("--calibrate", ""),
        "--device": "" if row.device == "cpu" else row.device,
        "--layout": layout,
        "--persons": "" if row.persons_mode == "serial" else row.persons_mode,
        "--max-batch": most if most not in ("", "1") else "",
        "--min-score": f"{row.min_score:g}" if row.min_score else "",
        "--threads": f"{row.threads or ''}",
        "--mode": "" if row.mode == "burst" else row.mode,
        "--fps": f"{row.camera_fps:g}" if row.camera_fps else "",
        "--repeat": str(repeat) if repeat else row.typed.get("--repeat", ""),
        "--machine": row.typed.get("--machine", ""),
    }
    given = (f"{name} {quote(value)}" for name, value in options.items() if value)
    return " ".join([f"posemark run {quote(_entry(row))}", *(["--flip"] * row.flip), *given])


def _entry(row: Row) -> str:
    """The entry as it is typed: a record's name goes on with what differs, as in "a@gt+flip".

    An exported model is named by its card; weights of a file have an option of their own, where
    the name has their tag or stem.
    """
    typed, _, variant = row.entry.partition("+")[0].rpartition("@")
    typed = row.card or (row.model if "--weights" in row.typed else typed)
    return f"{typed}@{variant}" if typed else variant


def _boxes(row: Row) -> str:
    """Of a file with its folder, where the record knows it."""
    return row.typed.get("--boxes", row.boxes if row.boxes.startswith("file:") else "")


def _codec(row: Row) -> str:
    """The decoder where the record's name says that it is not the model's own."""
    named = row.codec.replace(":", "") in row.entry.split("+")[1:]
    return row.codec if named else ""
