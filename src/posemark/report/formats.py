"""How a figure is written: one place, so that every chart and table agrees."""

from collections.abc import Callable, Iterable

from posemark.core.counting import counted
from posemark.measure.speed_interval import FEWEST_LINE_FRAMES
from posemark.report.result_row import STAGES, Published, Row

DASH = "\N{EN DASH}"
PUBLISHED_MARK = "*"
EXTRAPOLATED_MARK = "†"
PEOPLE = (1, 5, 20)
"""Crowds for which tables and the page tell the FPS: a selfie, a team, a square."""

VERDICTS = {
    "valid": "nothing seen that would make the speed unreliable",
    "noisy": "the interval is too wide",
    "drifting": "the machine or the frames became slower or faster during the run",
    "contended": "other work took the machine's time",
    "throttled": "the processor protected itself from heat",
    "incomparable": "not what was asked for, or not one and the same machine and protocol",
}
"""What each verdict means. Thresholds: report/verdict.py and docs/protocol.md."""


def points(ap: float | None) -> str:
    """An AP in 0..1 as points: 0.7441 -> "74.4"."""
    return DASH if ap is None else f"{100 * ap:.1f}"


def three_digits(value: float | None) -> str:
    """Three digits, never an exponent: 1234.5 -> "1,234", 9.876 -> "9.88", 0.0786 -> "0.079"."""
    if value is None:
        return DASH
    size = abs(value)
    decimals = 0 if size >= 99.95 else 1 if size >= 9.995 else 3 if 0 < size < 0.0995 else 2
    return f"{value:,.{decimals}f}"


def measured_ap(row: Row) -> float | None:
    """The AP of this very run, 0..1; None where none was measured."""
    return row.ap["AP"] if row.ap else None


def common(row: Row) -> str:
    """The AP over common images in words; "" where all have the same: rows.Row.ap_common."""
    own = row.ap_common
    return f"{points(own.AP)} over the {counted(own.images, 'image')} that all have" if own else ""


def ap_known(row: Row) -> bool:
    """Whether there is any AP, of this run or published."""
    return measured_ap(row) is not None or row.ap_published is not None


def published_mark(row: Row) -> str:
    """What stands behind a published AP."""
    return PUBLISHED_MARK if row.ap_published else ""


def published_settings(published: Published) -> str:
    """The settings without which a published AP means nothing."""
    what = "scales" if published.boxes.startswith(("single", "multi")) else "boxes"
    return f"{what}: {published.boxes}; {flip(published.flip)}"


def run_settings(row: Row) -> str:
    """The same settings of this very run."""
    used = scales(row)
    return f"{f'scales: {used}' if used else f'boxes: {row.boxes}'}; {flip(row.flip)}"


def scales(row: Row) -> str:
    """Scales of the input of a bottom-up model: "0.5, 1, 2"; "" for top-down."""
    if row.approach != "bottom-up":
        return ""
    return ", ".join(f"{scale:g}" for scale in row.scales)


def on_truth(row: Row) -> bool:
    """Whether a row was given the annotated boxes, which nobody has outside a data set."""
    return row.boxes.startswith("gt")


def flip(used: bool) -> str:
    """The flip test in words."""
    return "flip test" if used else "no flip test"


def people_per_frame(row: Row) -> float | None:
    """Boxes run through the network or, bottom-up, people found; None without frames."""
    return row.persons / row.frames if row.frames else None


def line(row: Row) -> str:
    """Time of a frame over its people: "8,214 + 31.2" (ms, ms per person).

    From fewer frames than a line needs, what was measured: "435 at 2.50 people".
    """
    if _few_frames(row):
        return _as_measured(row)
    if row.intercept_ms is None or row.ms_per_person is None:
        return DASH
    sign = "-" if row.ms_per_person < 0 else "+"
    return f"{three_digits(row.intercept_ms)} {sign} {three_digits(abs(row.ms_per_person))}"


def _few_frames(row: Row) -> bool:
    """Whether a line over people would go through next to nothing."""
    return 0 < max(row.frames, row.network_frames) < FEWEST_LINE_FRAMES


def _as_measured(row: Row) -> str:
    """The mean pose time of a frame, and its mean people; a dash where no time was measured."""
    if not row.fps_pose:
        return DASH
    people = people_per_frame(row)
    number = f"{people:g}" if people == round(people or 0) else three_digits(people)
    return (
        f"{three_digits(1000 / row.fps_pose)} at {number} {'person' if people == 1 else 'people'}"
    )


def cost(row: Row) -> str:
    """The same in words."""
    told = line(row)
    if told == DASH:
        return DASH
    with_unit = told.replace(" ", " ms ", 1)
    return with_unit if _few_frames(row) else f"{with_unit} ms per person"


def stages(row: Row) -> str:
    """The stages that cost time, in the order of the pipeline: "infer 86.9 · ..." (ms)."""
    used = ((name, row.stage_ms.get(name, 0.0)) for name in STAGES)
    return " · ".join(f"{name} {three_digits(ms)}" for name, ms in used if ms > 0)


def licences(row: Row) -> str:
    """Licence of the code and, where there are real weights, of the weights."""
    code = f"code {row.licence or 'unknown'}"
    if row.weights == "none":
        return code
    return f"{code}, weights {row.weights_licence or 'unknown'}"


def size(row: Row) -> str:
    """Network input as height x width."""
    return f"{row.input_hw[0]}x{row.input_hw[1]}" if any(row.input_hw) else DASH


def flaws(row: Row) -> list[str]:
    """What a reader must know before trusting this row's figures."""
    found = [
        (not row.complete, "the run stopped early"),
        (row.failed_frames > 0, counted(row.failed_frames, "frame") + " failed"),
        (row.dropped_boxes > 0, counted(row.dropped_boxes, "box", "boxes") + " dropped"),
    ]
    return [text for applies, text in found if applies]


def span(values: Iterable[float], write: Callable[[float], str] | None = None) -> str:
    """One figure, or the range of several: "2.31", "2.31–5.07"; three digits by default."""
    ordered = sorted(values)
    low, high = map(write or three_digits, (ordered[0], ordered[-1]))
    return low if low == high else low + DASH + high


def half_width(row: Row) -> float | None:
    """The larger side of the interval of pose FPS as a share of it; None without an interval."""
    if not row.fps_pose or row.fps_interval is None:
        return None
    low, high = row.fps_interval
    return max(high - row.fps_pose, row.fps_pose - low) / row.fps_pose


def plus_minus(share: float | None) -> str:
    """A half width: 0.0213 -> "±2.1%"; two digits below one per cent."""
    if share is None:
        return DASH
    return f"±{100 * share:.{2 if share < 0.00995 else 1}f}%"


def fps(row: Row) -> str:
    """Pose FPS with its interval: "7.26 ±2.1%"; without one the figure alone."""
    width = half_width(row)
    return " ".join([three_digits(row.fps_pose), *([plus_minus(width)] if width else [])])


def short_fps(row: Row) -> str:
    """The same for narrow tables: "7.26 ±2%"."""
    width = half_width(row)
    if width is None:
        return three_digits(row.fps_pose)
    return f"{three_digits(row.fps_pose)} ±{100 * width:.{1 if width < 0.00995 else 0}f}%"


def percent(share: float | None) -> str:
    """A share as per cent: 0.123 -> "12.3%"."""
    return DASH if share is None else f"{100 * share:.1f}%"


def short_percent(share: float | None) -> str:
    """The same in whole per cent, with a digit below ten: "61%", "4.3%"."""
    return DASH if share is None else f"{100 * share:.{0 if share >= 0.0995 else 1}f}%"


def fps_at(row: Row, people: int) -> float | None:
    """Pose FPS of a frame with so many people, by the row's line; None without one."""
    if row.intercept_ms is None or row.ms_per_person is None:
        return None
    milliseconds = row.intercept_ms + row.ms_per_person * people
    return 1000 / milliseconds if milliseconds > 0 else None


def extrapolated(row: Row, people: int) -> bool:
    """Whether no frame of the run held so many people."""
    return people > row.most_people


def extrapolated_mark(row: Row, people: int) -> str:
    """What stands behind an FPS at so many people: a mark where it is extrapolated."""
    return EXTRAPOLATED_MARK if extrapolated(row, people) else ""


def size_of(count: int | None) -> str:
    """Bytes in decimal units: 1234567890 -> "1.23 GB"."""
    if count is None:
        return DASH
    unit = next((unit for unit in _BYTES if count >= _BYTES[unit]), "B")
    return f"{three_digits(count / _BYTES[unit])} {unit}" if unit != "B" else f"{count} B"


_BYTES = {"GB": 10**9, "MB": 10**6, "kB": 10**3}


def energy(row: Row) -> str:
    """Joules a frame by counter: "package 2.31 J, dram 0.41 J"; "" where there is no counter."""
    counters = row.energy_mj or {}
    return ", ".join(f"{name} {three_digits(mj / 1e3)} J" for name, mj in counters.items())


def mode(row: Row) -> str:
    """How frames came: "burst", "sustained", "paced at 30 FPS"."""
    return f"{row.mode} at {row.camera_fps:g} FPS" if row.camera_fps else row.mode
