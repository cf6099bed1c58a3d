"""What may make entries fast enough: the settings that were measured, and the gain of others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from posemark.report import common_settings, formats
from posemark.report.result_row import Row


@dataclass(frozen=True)
class Gain:
    """Two rows of one network on one machine, of which the second is faster beyond noise."""

    slow: Row
    fast: Row

    @property
    def times(self) -> float:
        """How many times as fast."""
        return (self.fast.fps_pose or 0.0) / (self.slow.fps_pose or 1.0)


def sentences(rows: Sequence[Row], decided: Sequence[Row]) -> tuple[str, ...]:
    """What was measured, and the largest gain among rows whose speed is decided.

    rows, decided: of one group of comparable rows.
    """
    if not rows:
        return ()
    used = common_settings.distinct(setting(row) for row in rows)
    said = [f"All of these were measured in {used[0]}." if len(used) == 1 else _several(used)]
    found = max(gains(decided), key=lambda gain: gain.times, default=None)
    return tuple(said + ([_gain_words(found)] if found else []))


def _several(used: Sequence[str]) -> str:
    return f"These were measured in {', '.join(used[:-1])} and {used[-1]}."


def setting(row: Row) -> str:
    """What the network ran on: "torch fp32 (eager)", "openvino bf16"."""
    eager = " (eager)" if row.runtime == "torch" else ""
    device = "" if row.device == "cpu" else f" on {row.device}"
    return f"{row.runtime} {row.precision}{eager}{device}"


def gains(rows: Sequence[Row]) -> Iterator[Gain]:
    """Pairs that differ in the setting alone, and whose intervals of FPS do not meet."""
    for slow, fast in permutations(rows, 2):
        if _work(slow) == _work(fast) and setting(slow) != setting(fast) and _apart(slow, fast):
            yield Gain(slow, fast)


def _work(row: Row) -> tuple[object, ...]:
    """What a frame asks of the machine, whatever it runs on."""
    network = (row.network, row.input_hw, row.approach, row.scales, row.flip, row.codec)
    return *network, row.boxes, row.persons_mode, row.data, row.mode, row.machine, row.threads


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
