"""Which share of what the machine attains a network reaches, and what that says."""

from typing import Any

from posemark.records import schema

FEW, MANY, ALL = 0.25, 0.7, 1.05


def share(header: schema.Header, frames: list[schema.FrameLine]) -> float | None:
    """Multiply-accumulates that `infer` did a second, over those attained at its precision.

    None where one of them is not known: records without a ceiling for their precision and
    thread count, devices other than the CPU, models without a count, no time measured.
    """
    settings = header.settings
    ceiling = header.facts.ceiling or {}
    attained = ceiling.get(settings.precision)
    same_threads = ceiling.get("threads") == settings.threads
    if not (attained and same_threads and settings.device == "cpu"):
        return None
    infer_ns = sum(frame.stages["infer"] for frame in frames)
    done = _macs(header, frames)
    return done / (infer_ns / 1e9) / attained if done and infer_ns else None


def _macs(header: schema.Header, frames: list[schema.FrameLine]) -> float | None:
    """Of all these frames: the model's own for each crop, or in proportion to the pixels."""
    macs: Any = header.macs  # None for a network that nobody has counted
    if not macs:
        return None
    forwards = 2 if header.settings.flip else 1
    if header.approach == "bottom-up":
        height, width = header.input_hw
        inputs = sum(frame.pixels for frame in frames) / (height * width)
    else:
        inputs = sum(frame.boxes for frame in frames)
    return float(macs) * forwards * inputs


def hint(share: float) -> str:
    """What a share says about where to look for speed."""
    if share > ALL:
        return "more than was measured as attainable: run `posemark machine` on the idle machine"
    if share > MANY:
        return "bound by arithmetic: only fewer operations or a lower precision make it faster"
    if share > FEW:
        return "partly bound by arithmetic; another runtime may reach more"
    return "bound by small layers, memory and calls, not by arithmetic"
