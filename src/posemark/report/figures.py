"""How a figure is written: one place, so that every chart and table agrees."""

from collections.abc import Callable, Iterable

from posemark.report.rows import STAGES, Published, Row

DASH = "\N{EN DASH}"
PUBLISHED_MARK = "*"


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
    """Time of a frame over its people: "8,214 + 31.2" (ms, ms a person)."""
    if row.intercept_ms is None or row.ms_per_person is None:
        return DASH
    sign = "-" if row.ms_per_person < 0 else "+"
    return f"{three_digits(row.intercept_ms)} {sign} {three_digits(abs(row.ms_per_person))}"


def cost(row: Row) -> str:
    """The same in words."""
    return DASH if line(row) == DASH else f"{line(row).replace(' ', ' ms ', 1)} ms a person"


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


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 frame", "5,000 frames"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def span(values: Iterable[float], write: Callable[[float], str] | None = None) -> str:
    """One figure, or the range of several: "2.31", "2.31–5.07"; three digits by default."""
    ordered = sorted(values)
    low, high = map(write or three_digits, (ordered[0], ordered[-1]))
    return low if low == high else low + DASH + high
