"""Advice where every entry is too slow: the measured settings, and how much faster others ran."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from posemark.report import common_settings, formats
from posemark.report.result_row import Row


@dataclass(frozen=True)
class Gain:
    """Two rows of one network on one machine whose speeds differ by more than noise."""

    slow: Row
    fast: Row

    @property
    def times(self) -> float:
        """How many times as fast the faster row is."""
        return (self.fast.fps_pose or 0.0) / (self.slow.fps_pose or 1.0)


def sentences(rows: Sequence[Row], decided: Sequence[Row]) -> tuple[str, ...]:
    """Say which settings were measured, and state the largest gain between two of them.

    Args:
        rows: rows of one group of comparable rows.
        decided: those of them whose speed is decided; gains are searched among these.
    """
    if not rows:
        return ()
    used = common_settings.distinct(setting(row) for row in rows)
    text = f"All of these were measured in {used[0]}." if len(used) == 1 else _several(used)
    found = max(gains(decided), key=lambda gain: gain.times, default=None)
    return (text, _gain_words(found)) if found else (text,)


def _several(used: Sequence[str]) -> str:
    return f"These were measured in {', '.join(used[:-1])} and {used[-1]}."


def setting(row: Row) -> str:
    """Return what the network ran on: "torch fp32 (eager)", "openvino bf16"."""
    eager = " (eager)" if row.runtime == "torch" else ""
    device = "" if row.device == "cpu" else f" on {row.device}"
    return f"{row.runtime} {row.precision}{eager}{device}"


def gains(rows: Sequence[Row]) -> Iterator[Gain]:
    """Yield pairs that differ in the setting alone, and whose intervals of FPS do not overlap."""
    for slow, fast in permutations(rows, 2):
        if _work(slow) == _work(fast) and setting(slow) != setting(fast) and _apart(slow, fast):
            yield Gain(slow, fast)


def _work(row: Row) -> tuple[object, ...]:
    """Everything that decides the work of a frame, except runtime, precision and device."""
    network = (row.network, row.input_hw, row.approach, row.scales, row.flip, row.codec)
    return (
        *network,
        row.boxes,
        row.persons_mode,
        row.data,
        formats.mode(row),
        row.machine,
        row.threads,
    )


def _apart(slow: Row, fast: Row) -> bool:
    if not (slow.fps_interval and fast.fps_interval):
        return False
    return slow.fps_interval[1] < fast.fps_interval[0]


def _gain_words(gain: Gain) -> str:
    slow, fast = (formats.three_digits(row.fps_pose) for row in (gain.slow, gain.fast))
    return (
        f"On this machine {setting(gain.fast)} ran {gain.slow.model} {gain.times:.1f} times as "
        f"fast as {setting(gain.slow)}: {fast} against {slow} FPS."
    )
