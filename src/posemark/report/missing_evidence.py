"""What must still be measured before the speed or AP of a row may answer a question.

All estimates of missing blocks, frames, images and time are made here, and so are the commands
that measure them.
"""

from dataclasses import dataclass, replace
from math import ceil
from shlex import quote

from posemark.measure.loop import BLOCK_SECONDS
from posemark.measure.speed_interval import FEWEST_BLOCKS, FEWEST_LINE_FRAMES, MOST_HALF_WIDTH
from posemark.report.formats import counted, half_width
from posemark.report.result_row import Row
from posemark.score.ap_bootstrap import FEWEST_IMAGES


@dataclass(frozen=True)
class Need:
    """What a row still needs.

    Attributes:
        blocks: number of further blocks.
        frames: number of further frames.
        seconds: time that they will take; None where it cannot be estimated.
        anew: the verdict because of which the present measurement does not count; "" where it
            counts.
    """

    blocks: int
    frames: int
    seconds: float | None
    anew: str = ""


def frames_known(row: Row) -> int:
    """Return how many frames its inference time rests on: those of all rows with its network."""
    return max(row.frames, row.network_frames)


def need(row: Row) -> Need | None:
    """Return what would decide the speed of a row; None for one that is decided.

    The blocks must be its own, since its verdict rests on them; the frames may be those of other
    entries with the same network. Seconds are estimated from the mean time of its own frames.
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
    return 1 / row.throughput if row.throughput else sum(row.stage_ms.values()) / 1000


def missing(row: Row) -> tuple[str, ...]:
    """Return one phrase for each count that is too low: "3 of 5 blocks", "7 of 10 frames".

    Frames are those of all entries with its network; the phrase says so where others have some.
    """
    shared = frames_known(row) > row.frames
    counts = (
        (row.blocks, FEWEST_BLOCKS, "blocks"),
        (frames_known(row), FEWEST_LINE_FRAMES, f"frames{' of its network' * shared}"),
    )
    return tuple(f"{have} of {least} {noun}" for have, least, noun in counts if have < least)


def unsure(row: Row) -> str:
    """Say why the speed of a row cannot answer any question; "" where it may answer one.

    A noisy speed may answer one: it does where its whole interval is on one side of the wish.
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
    """Return the verdict on a noisy speed in words; "" for any other verdict."""
    return _verdict(row) if row.verdict.kind == "noisy" else ""


def _verdict(row: Row) -> str:
    return ": ".join((row.verdict.kind, *row.verdict.evidence[:1]))


def images_for(row: Row, lost: float, ends: tuple[float, float] | None, wish: float) -> int | None:
    """Return how many images would decide whether a row loses more AP than wished.

    Args:
        row: the row.
        lost: AP points by which it is below the best row.
        ends: low and high end of the interval of that loss; None where there is none.
        wish: AP points that may be lost.

    Returns:
        The number of images, provided that the loss does not change; None where no realistic
        number would decide.
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
"""How many times narrower an interval may have to become: more would take a hundred times as many
images, which nobody has."""


def words(wanted: Need) -> str:
    """Return a need in words: "4 blocks and 9 frames more (about 10 s)"."""
    if wanted.anew:
        return f"{wanted.anew}; measure it again with nothing else running"
    parts = [counted(wanted.blocks, "block")] if wanted.blocks else []
    parts += [counted(wanted.frames, "frame")] if wanted.frames else []
    seconds = wanted.seconds
    about = f" (about {max(1, round(seconds)):,} s)" if seconds is not None else ""
    return f"{' and '.join(parts)} more{about}"


_MORE = 4
"""How many times as long a run becomes whose counts suffice: this halves the width of its
interval."""

_SPARE = 1.2
"""Factor on the time that is needed, as it is estimated from few frames."""


def command(row: Row) -> str:
    """Return the command that decides the speed of a row, to be run on an idle machine.

    It resumes the record of the row. It begins another record, in a folder beside the first,
    where the present measurement does not count, or where all frames of the data are measured: in
    this case it processes the data several times. A budget applies to one process, so that of a
    resumed run covers only the additional time. A row of a bundle is measured on its device.
    """
    if not row.timed:
        return f"{run(replace(row, mode='burst'))}{_beside(row)}"
    used, wanted = row.frames * _frame_seconds(row), need(row)
    more = (wanted.seconds or 0.0) if wanted else (_MORE - 1) * used
    if row.bundled:
        return on_device(row, used + more)
    if _exhausted(row):
        again = ceil(_SPARE * (used + more) / (_frame_seconds(row) * row.data_images))
        return f"{run(row, max(2, again))}{_budget(used + more)}{_beside(row)}"
    if not row.folder or (wanted and wanted.anew):
        return f"{run(row)}{_budget(used + more)}{_beside(row)}"
    return f"{going_on(row)}{_budget(more)}"


def _exhausted(row: Row) -> bool:
    """Whether a run of this kind, when resumed, would have no frame left to measure."""
    once = row.mode in ("burst", "overlapped") and "--repeat" not in row.typed
    return once and 0 < row.data_images <= row.frames


def _budget(seconds: float) -> str:
    return f" --budget {max(5, ceil(_SPARE * seconds))}"


def _beside(row: Row) -> str:
    """The option for another folder beside the one of the record."""
    return f" --out {quote(row.folder + AGAIN)}" if row.folder else ""


AGAIN = "-again"
"""Suffix of the folder for a repeated measurement."""


def on_device(row: Row, seconds: float) -> str:
    """Return the command that measures a row of a bundle again, on its device.

    Args:
        row: the row.
        seconds: the time of its blocks.
    """
    options = f"--engine {row.runtime} --precision {row.precision} --threads {row.threads}"
    options += "" if row.device in ("cpu", "cuda") else f" --device {quote(row.device)}"
    used = row.frames * _frame_seconds(row)
    if row.mode == "sustained":
        options += f" --sustained {max(1, ceil(_SPARE * seconds / 60))}"
    elif used:
        passes = int(row.typed.get("--repeat", "1"))
        options += f" --repeat {ceil(_SPARE * passes * seconds / used)}"
    return f"python3 run.py {quote(_key_in_bundle(row))} {options} --out results{AGAIN}"


def _key_in_bundle(row: Row) -> str:
    """The key of its entry in the bundle, which lacks what is chosen on the device."""
    chosen = ("sustained", row.runtime, row.precision, row.device)
    first, *parts = row.entry.split("+")
    return "+".join([first, *(part for part in parts if part not in chosen)])


def going_on(row: Row) -> str:
    """Return the command that resumes its record, without the option that says when to stop.

    A record of shards is of a certain number of images, so that more of them need another record.
    For a row of a bundle it is the command that writes the bundle again, for other images.
    """
    if not row.timed:
        return run(row) + _beside(row)
    if row.bundled:
        options = _options(row)
        given = {name: options[name] for name in _OF_A_BUNDLE}
        return f"posemark bundle {quote(_entry(row))}{_typed(row, given)} -o bundle.zip"
    return run(row) + (f" --out {quote(row.folder)} --resume" if row.folder else "")


def accuracy_command(row: Row, best: Row, images: int | None) -> str:
    """Return the command that decides its AP against the best: both over the same images.

    Args:
        row: the row.
        best: the row with the best AP.
        images: number of images; None for all images of the data.
    """
    limit = f" --limit {images}" if images else ""
    return " && ".join(f"{going_on(each)}{limit}" for each in (row, best))


def run(row: Row, repeat: int | None = None) -> str:
    """Return the command that ran a row, without the option that says when to stop.

    Names of data and files are as they were typed.

    Args:
        row: the row.
        repeat: how many times to process the data, where that is to change.
    """
    return f"posemark run {quote(_entry(row))}{_typed(row, _options(row, repeat))}"


_OF_A_BUNDLE = (
    *("--data", "--weights", "--boxes", "--codec"),
    *("--persons", "--max-batch", "--min-score"),
)
"""Options that say what a bundle has, and how it is processed."""


def _options(row: Row, repeat: int | None = None) -> dict[str, str]:
    """The values of options by name; empty ones are not typed."""
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
        "--engine": "ray" if row.mode == "accuracy" else "",
        "--streams": str(row.streams) if row.overlapped else "",
        "--fps": f"{row.camera_fps:g}" if row.camera_fps else "",
        "--repeat": str(repeat) if repeat else row.typed.get("--repeat", ""),
        "--machine": row.typed.get("--machine", ""),
    }
    return options | _detector(row)


def _typed(row: Row, options: dict[str, str]) -> str:
    """Options as they are typed behind an entry, flags first."""
    given = (f" {name} {quote(value)}" for name, value in options.items() if value)
    return "".join([*([" --flip"] * row.flip), *([" --smooth"] * row.smooth), *given])


def _entry(row: Row) -> str:
    """The entry as it is typed.

    The name in the record also has the settings, as in "a@gt+flip". An exported model is named by
    its card. Weights from a file have an option of their own, so their tag is dropped.
    """
    typed, _, variant = row.entry.partition("+")[0].rpartition("@")
    typed = row.card or (row.model if "--weights" in row.typed else typed)
    return f"{typed}@{variant}" if typed else variant


def _boxes(row: Row) -> str:
    """The value of --boxes: a file with its folder, where the record has it."""
    return row.typed.get("--boxes", row.boxes if row.boxes.startswith("file:") else "")


def _detector(row: Row) -> dict[str, str]:
    """The options of the person detector, in full because its defaults are not known here."""
    found = row.detector
    if found is None:
        return {}
    return {
        "--min-score": f"{found.min_score:g}",
        "--max-people": str(found.max_people),
        "--detector-size": str(found.size),
        "--detector-runtime": found.runtime,
        "--detector-precision": found.precision,
    }


def _codec(row: Row) -> str:
    """The value of --codec: the codec where the entry's name says that it is not the default."""
    named = row.codec.replace(":", "") in row.entry.split("+")[1:]
    return row.codec if named else ""
