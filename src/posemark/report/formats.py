"""Figures as text, written in one place so that all charts and tables agree."""

from collections.abc import Callable, Iterable

from posemark.core.counting import counted
from posemark.measure.speed_interval import FEWEST_LINE_FRAMES
from posemark.report.result_row import STAGES, Published, Row

DASH = "\N{EN DASH}"
PUBLISHED_MARK = "*"
EXTRAPOLATED_MARK = "†"
TIMES = "\N{MULTIPLICATION SIGN}"
PEOPLE = (1, 5, 20)
"""Numbers of people for which tables and the page give the FPS: a selfie, a team, a square."""

VERDICTS = {
    "valid": "nothing was found that would make the speed unreliable",
    "noisy": "the interval is too wide",
    "drifting": "the machine or the frames became slower or faster during the run",
    "contended": "other programs used the machine's time",
    "throttled": "the processor reduced its clock because of heat or its power supply",
    "incomparable": "measured by another protocol, or resumed in another environment",
    "unmeasured": "workers shared the images, which tells the accuracy only",
}
"""Meanings of the verdicts. Thresholds: report/verdict.py and docs/protocol.md."""


def points(ap: float | None) -> str:
    """Return an AP in 0..1 as points: 0.7441 -> "74.4"."""
    return DASH if ap is None else f"{100 * ap:.1f}"


def three_digits(value: float | None) -> str:
    """Return three digits without exponent: 1234.5 -> "1,234", 9.876 -> "9.88", 0.0786 -> "0.079".

    Digits before the decimal point are never rounded away.
    """
    if value is None:
        return DASH
    size = abs(value)
    decimals = 0 if size >= 99.95 else 1 if size >= 9.995 else 3 if 0 < size < 0.0995 else 2
    return f"{value:,.{decimals}f}"


def body_size(share: float | None) -> str:
    """Return a length as a share of the body size: 0.0123 -> "1.23%"."""
    return DASH if share is None else f"{100 * share:.2f}%"


def measured_ap(row: Row) -> float | None:
    """Return the AP of this very run in 0..1; None where none was measured."""
    return row.ap["AP"] if row.ap else None


def common(row: Row) -> str:
    """Return the AP over common images in words; "" for a row without (Row.ap_common)."""
    own = row.ap_common
    if own is None:
        return ""
    return f"{points(own.AP)} over the {counted(own.images, 'image')} that all entries have"


def ap_known(row: Row) -> bool:
    """Return whether an AP is known, measured in this run or published."""
    return measured_ap(row) is not None or row.ap_published is not None


def published_mark(row: Row) -> str:
    """Return the footnote mark for a published AP; "" for a row without one."""
    return PUBLISHED_MARK if row.ap_published else ""


def published_settings(published: Published) -> str:
    """Return the settings of a published AP, without which it means nothing."""
    what = "scales" if published.boxes.startswith(("single", "multi")) else "boxes"
    return f"{what}: {published.boxes}; {flip(published.flip)}"


def run_settings(row: Row) -> str:
    """Return the same settings for this very run."""
    used = scales(row)
    return f"{f'scales: {used}' if used else f'boxes: {row.boxes}'}; {flip(row.flip)}"


def scales(row: Row) -> str:
    """Return the input scales of a bottom-up model: "0.5, 1, 2"; "" for a top-down model."""
    if row.approach != "bottom-up":
        return ""
    return ", ".join(f"{scale:g}" for scale in row.scales)


def on_truth(row: Row) -> bool:
    """Return whether a row ran on annotated boxes, which exist only in data sets."""
    return row.boxes.startswith("gt")


def flip(used: bool) -> str:
    """Return in words whether the flip test was used."""
    return "flip test" if used else "no flip test"


def people_per_frame(row: Row) -> float | None:
    """Return the mean boxes run (top-down) or people found (bottom-up); None without frames."""
    return row.persons / row.frames if row.frames else None


def line(row: Row) -> str:
    """Return the time of a frame over its people: "8,214 + 31.2" (ms, ms per person).

    With fewer frames than a line needs it is the measured mean: "435 at 2.50 people".
    """
    if _few_frames(row):
        return _as_measured(row)
    if row.intercept_ms is None or row.ms_per_person is None:
        return DASH
    sign = "-" if row.ms_per_person < 0 else "+"
    return f"{three_digits(row.intercept_ms)} {sign} {three_digits(abs(row.ms_per_person))}"


def _few_frames(row: Row) -> bool:
    """Whether a line over people would rest on too few frames."""
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
    """Return the same with units: "8,214 ms + 31.2 ms per person"."""
    text = line(row)
    if text == DASH:
        return DASH
    with_unit = text.replace(" ", " ms ", 1)
    return with_unit if _few_frames(row) else f"{with_unit} ms per person"


def stages(row: Row) -> str:
    """Return the stages that took time, in the order of the pipeline: "infer 86.9 · ..." (ms)."""
    used = ((name, row.stage_ms.get(name, 0.0)) for name in STAGES)
    return " · ".join(f"{name} {three_digits(ms)}" for name, ms in used if ms > 0)


def licences(row: Row) -> str:
    """Return the licence of the code and, for trained weights, that of the weights."""
    code = f"code {row.licence or 'unknown'}"
    if row.weights == "none":
        return code
    return f"{code}, weights {row.weights_licence or 'unknown'}"


def detector(row: Row) -> str | None:
    """Return the person detector and its settings in words; None where boxes were given."""
    found = row.detector
    if found is None:
        return None
    looks = f"every {found.every} frames, " if found.every else ""
    return (
        f"{found.name} at {found.size}, {found.runtime} {found.precision}, {looks}scores from "
        f"{found.min_score:g}, {found.max_people} boxes at most"
    )


def size(row: Row) -> str:
    """Return the network input as height x width."""
    return f"{row.input_hw[0]}x{row.input_hw[1]}" if any(row.input_hw) else DASH


def flaws(row: Row) -> list[str]:
    """Return phrases on what went wrong, which a reader must know to trust the figures."""
    found = [
        (not row.complete, "the run stopped early"),
        (row.failed_frames > 0, counted(row.failed_frames, "frame") + " failed"),
        (row.dropped_boxes > 0, counted(row.dropped_boxes, "box", "boxes") + " dropped"),
    ]
    return [text for applies, text in found if applies]


def span(values: Iterable[float], write: Callable[[float], str] | None = None) -> str:
    """Return one figure, or the range of several: "2.31", "2.31–5.07".

    Args:
        values: at least one value.
        write: how a value is written; three digits by default.
    """
    ordered = sorted(values)
    low, high = map(write or three_digits, (ordered[0], ordered[-1]))
    return low if low == high else low + DASH + high


def half_width(row: Row) -> float | None:
    """Return the larger side of the interval of the speed, as a share; None without an interval."""
    point, ends = speed(row), row.throughput_interval if row.overlapped else row.fps_interval
    if not point or ends is None:
        return None
    low, high = ends
    return max(high - point, point - low) / point


def speed(row: Row) -> float | None:
    """Return the pose FPS; for overlapped frames, the throughput."""
    return row.throughput if row.overlapped else row.fps_pose


def speed_name(row: Row) -> str:
    """Return what `speed` returns, in words."""
    return "FPS throughput" if row.overlapped else "pose FPS"


def plus_minus(share: float | None) -> str:
    """Return a half width: 0.0213 -> "±2.1%"; two decimals below one per cent."""
    if share is None:
        return DASH
    return _plus_minus(share, 2 if share < 0.00995 else 1)


def _plus_minus(share: float, decimals: int) -> str:
    """Return a half width; how far one exceeds the figure itself says nothing more."""
    return f"±{100 * share:.{decimals}f}%" if share < 10 else "±>1000%"


def fps(row: Row) -> str:
    """Return the speed with its interval, if there is one: "7.26 ±2.1%"."""
    width = half_width(row)
    return " ".join([three_digits(speed(row)), *([plus_minus(width)] if width else [])])


def short_fps(row: Row) -> str:
    """Return the same for narrow tables: "7.26 ±2%"."""
    width = half_width(row)
    if width is None:
        return three_digits(speed(row))
    return f"{three_digits(speed(row))} {_plus_minus(width, 1 if width < 0.00995 else 0)}"


def percent(share: float | None) -> str:
    """Return a share in per cent: 0.123 -> "12.3%"."""
    return DASH if share is None else f"{100 * share:.1f}%"


def times(factor: float | None) -> str:
    """Return a factor: 1.412 -> "×1.41"."""
    return DASH if factor is None else f"{TIMES}{factor:.2f}"


def short_percent(share: float | None) -> str:
    """Return a share in whole per cent, with one decimal below ten: "61%", "4.3%"."""
    return DASH if share is None else f"{100 * share:.{0 if share >= 0.0995 else 1}f}%"


def fps_at(row: Row, people: int) -> float | None:
    """Return the pose FPS of a frame with `people` people by the row's line; None without one."""
    if row.intercept_ms is None or row.ms_per_person is None:
        return None
    milliseconds = row.intercept_ms + row.ms_per_person * people
    return 1000 / milliseconds if milliseconds > 0 else None


def extrapolated(row: Row, people: int) -> bool:
    """Return whether no frame of the run had `people` people or more."""
    return people > row.most_people


def extrapolated_mark(row: Row, people: int) -> str:
    """Return the footnote mark for an FPS with `people` people; "" where it is not extrapolated."""
    return EXTRAPOLATED_MARK if extrapolated(row, people) else ""


def size_of(count: int | None) -> str:
    """Return a number of bytes in decimal units: 1234567890 -> "1.23 GB"."""
    if count is None:
        return DASH
    unit = next((unit for unit in _BYTES if count >= _BYTES[unit]), "B")
    return f"{three_digits(count / _BYTES[unit])} {unit}" if unit != "B" else f"{count} B"


_BYTES = {"GB": 10**9, "MB": 10**6, "kB": 10**3}


def energy(row: Row) -> str:
    """Return joules per frame by counter: "package 2.31 J, dram 0.41 J"; "" without a counter."""
    counters = row.energy_mj or {}
    return ", ".join(f"{name} {three_digits(mj / 1e3)} J" for name, mj in counters.items())


def mode(row: Row) -> str:
    """Return how frames were fed: "burst", "paced at 30 FPS", "overlapped in 2 streams"."""
    if row.overlapped:
        return f"{row.mode} in {counted(row.streams, 'stream')}"
    return f"{row.mode} at {row.camera_fps:g} FPS" if row.camera_fps else row.mode
