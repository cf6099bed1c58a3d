"""Utilisation: the share of the machine's attainable arithmetic that a network reaches."""

from posemark.records import schema

FEW, MANY, ALL = 0.25, 0.7, 1.05
"""Shares above which the hint changes: partly bound by arithmetic, bound by it, beyond the peak."""


def share(header: schema.Header, frames: list[schema.FrameLine]) -> float | None:
    """Return multiply-accumulates per second of `infer`, over those attained at its precision.

    Args:
        header: of the record.
        frames: the measured frames.

    Returns:
        The share, or None where one of the two is unknown: records without a measured peak for
        their precision and thread count, devices other than the CPU, models whose operations were
        not counted, and runs without a measured time.
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
    """Multiply-accumulates of all these frames; None where those of the network are unknown.

    The count of one forward pass is taken for each crop (top-down), or scaled with the pixels of
    the input (bottom-up).
    """
    if not header.macs:  # None for a network whose operations were not counted
        return None
    forwards = 2 if header.settings.flip else 1
    if header.approach == "bottom-up":
        height, width = header.input_hw
        inputs = sum(frame.pixels for frame in frames) / (height * width)
    else:
        inputs = sum(frame.boxes for frame in frames)
    return float(header.macs) * forwards * inputs


def hint(share: float) -> str:
    """Say what a share means for making the network faster."""
    if share > ALL:
        return "above the measured peak: run `posemark machine` again on the idle machine"
    if share > MANY:
        return "bound by arithmetic: only fewer operations or a lower precision make it faster"
    if share > FEW:
        return "partly bound by arithmetic; another runtime may reach more"
    return "bound by small layers, memory and calls, not by arithmetic"
