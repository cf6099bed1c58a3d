"""How steady poses are in clips, and when the detector looked, in words and cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from posemark.report import formats
from posemark.report.clip_figures import (
    FEWEST_CHANCES,
    FEWEST_NEWCOMERS,
    Happened,
    Looks,
    Steadiness,
)
from posemark.report.result_row import Row

HEADING = "How steady poses are"

CAPTION = (
    "Clips only; docs/video.md defines the figures. jitter: RMS of the movement of key points from "
    "frame to frame that is neither the people's nor the camera's, as a share of the body size. "
    "jumps: movements that are too long for that. drop-outs: frames in which a person is missed "
    "who was found before. swaps: left and right key points change places. newcomers: mean frames "
    "until people who appear later are found. lag: frames behind the truth. Without annotated "
    "people (the poses alone) the figures are estimates: the jitter is an upper bound, and "
    "drop-outs are gaps in tracks. detector looks: as scheduled, and early because somebody was "
    f"lost. Fewer than {FEWEST_CHANCES} chances or {FEWEST_NEWCOMERS} newcomers give no figure "
    "(too few)."
)

TOO_FEW = "too few"


@dataclass(frozen=True)
class _Figure:
    """A column of the table; a cell is "" if there is nothing to say."""

    title: str
    text: Callable[[Steadiness], str] = lambda _: ""
    looks: Callable[[Looks], str] = lambda _: ""

    def cell(self, row: Row) -> str:
        """Return the cell of a row."""
        steady = self.text(row.steadiness) if row.steadiness else ""
        return steady or (self.looks(row.looks) if row.looks else "")


def _against(steady: Steadiness) -> str:
    return "annotated people" if steady.annotated else "the poses alone"


def jitter(steady: Steadiness) -> str:
    """Return the jitter: "1.23%" of the body size, or its upper bound: "at most 1.23%"."""
    return _jitter(steady.jitter, steady.annotated)


def _jitter(share: float | None, annotated: bool) -> str:
    if share is None:
        return TOO_FEW
    return formats.body_size(share) if annotated else f"at most {formats.body_size(share)}"


def often(found: Happened | None) -> str:
    """Return how often something happened: "0.8% of 3,912"; "" if that was not measured."""
    if found is None or not found.chances:
        return ""
    share = TOO_FEW if found.share is None else formats.percent(found.share)
    return f"{share} of {found.chances:,}"


def _newcomers(steady: Steadiness) -> str:
    found = steady.newcomers
    if found is None or not found.people:
        return ""
    frames = TOO_FEW if found.frames is None else f"{found.frames:.1f} frames"
    never = f", {found.never:,} never" if found.never else ""
    return f"{frames} ({found.people:,}{never})"


def _lag(frames: float | None) -> str:
    # The sum has no negative zero.
    return "" if frames is None else f"{round(frames, 1) + 0.0:.1f} frames"


def _smoothing(steady: Steadiness) -> str:
    effect = steady.smoothing
    if effect is None:
        return ""
    lag = _lag(effect.lag) or "unknown lag"
    return f"jitter {_jitter(effect.jitter_before, steady.annotated)} before, {lag} behind"


def looks(found: Looks) -> str:
    """Return when the detector looked: "120 + 9 early of 600"."""
    frames = found.scheduled + found.early + found.followed
    return f"{found.scheduled:,} + {found.early:,} early of {frames:,}"


def _milliseconds(ms: dict[str, float]) -> str:
    return " / ".join(
        formats.three_digits(ms[name]) if name in ms else TOO_FEW for name in ("p50", "p95")
    )


_FIGURES = (
    _Figure("measured\nagainst", _against),
    _Figure("jitter", jitter),
    _Figure("jumps", lambda steady: often(steady.jumps)),
    _Figure("drop-outs", lambda steady: often(steady.drop_outs)),
    _Figure("swaps", lambda steady: often(steady.swaps)),
    _Figure("identity\nswitches", lambda steady: often(steady.identity_switches)),
    _Figure("newcomers", _newcomers),
    _Figure("lag", lambda steady: _lag(steady.lag)),
    _Figure("smoothing", _smoothing),
    _Figure("detector\nlooks", looks=looks),
    _Figure("p50 / p95 ms\nwith a look", looks=lambda found: _milliseconds(found.looked_ms)),
    _Figure("p50 / p95 ms\nwithout", looks=lambda found: _milliseconds(found.followed_ms)),
)


def shown(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that have figures of clips."""
    return [row for row in rows if row.steadiness or row.looks]


def titles(rows: Sequence[Row]) -> list[str]:
    """Return the titles of the figures that any of the rows has."""
    return [figure.title for figure in _FIGURES if any(figure.cell(row) for row in rows)]


def cells(row: Row, wanted: Sequence[str]) -> list[str]:
    """Return the figures of a row under these titles."""
    found = {figure.title: figure.cell(row) for figure in _FIGURES}
    return [found[title] or formats.DASH for title in wanted]


def sentence(row: Row) -> str:
    """Return the figures of a row in one line: "jitter 1.2% · drop-outs ..."; "" without any."""
    words = (
        f"{' '.join(figure.title.split())} {cell}"
        for figure in _FIGURES
        if (cell := figure.cell(row))
    )
    return " · ".join(words)
