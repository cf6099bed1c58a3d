"""The facts on the card of a chosen entry, in words."""

from posemark.report import formats, steady, utilisation
from posemark.report.result_row import Row


def facts(row: Row) -> list[tuple[str, str]]:
    """Return (label, text) in the order of the card, without facts that are unknown."""
    found = (
        (_speed_name(row), _fps(row)),
        ("pipeline FPS", formats.three_digits(row.fps_pipeline)),
        ("a frame takes", formats.cost(row)),
        ("of peak", _share(row)),
        ("gain of overlapping", _gain(row)),
        ("latency", _percentiles(row.latency_ms)),
        ("age of the poses", _percentiles(row.age_ms)),
        ("camera FPS", _camera(row)),
        ("AP", _ap(row)),
        ("model AP", _model_ap(row)),
        ("published AP", _published(row)),
        ("checked", row.expected),
        ("ceiling", formats.points(row.codec_ceiling)),
        ("in clips", steady.sentence(row)),
        ("peak memory", formats.size_of(row.peak_memory)),
        ("energy per frame", formats.energy(row)),
        ("weights", _weights(row)),
        ("input", formats.size(row)),
        ("detector", formats.detector(row) or ""),
        ("boxes", _boxes(row)),
        ("ran as", _ran(row)),
        ("machine", row.machine),
        ("people", _people(row)),
        ("licence", formats.licences(row)),
        ("remarks", "; ".join([*formats.flaws(row), *row.notes])),
    )
    return [(what, text) for what, text in found if text and text != formats.DASH]


def _speed_name(row: Row) -> str:
    return "throughput, FPS" if row.overlapped else "pose FPS"


def _fps(row: Row) -> str:
    ends = row.throughput_interval if row.overlapped else row.fps_interval
    if ends is None:
        return formats.three_digits(formats.speed(row))
    low, high = map(formats.three_digits, ends)
    over = formats.counted(row.blocks, "block")
    return f"{formats.fps(row)} ({low} to {high}; 95% over {over})"


def _ap(row: Row) -> str:
    words = formats.points(formats.measured_ap(row))
    if words == formats.DASH:
        return f"none: {row.unscored}" if row.unscored else ""
    if row.ap_interval:
        low, high = map(formats.points, row.ap_interval)
        words += f" ({low} to {high}, 95% over images)"
    return "; ".join(filter(None, (words, formats.run_settings(row), formats.common(row))))


def _model_ap(row: Row) -> str:
    words = formats.points(row.model_ap)
    return words if words == formats.DASH else f"{words} on ground-truth boxes of the same images"


def _boxes(row: Row) -> str:
    """The accuracy of a detector's boxes."""
    found = row.box_accuracy
    if found is None:
        return ""
    words = (
        f"{name} {formats.points(found[key])}"
        for name, key in (("AP", "AP"), ("AR", "AR100"), ("people with a box", "recall"))
    )
    return " · ".join(words)


def _published(row: Row) -> str:
    published = row.ap_published
    if published is None:
        return ""
    settings = formats.published_settings(published)
    return f"{formats.points(published.AP)} ({settings}; {published.source})"


def _percentiles(ms_by_name: dict[str, float]) -> str:
    words = (f"{name} {formats.three_digits(ms)}" for name, ms in ms_by_name.items())
    return f"{' · '.join(words)} ms" if ms_by_name else ""


def _gain(row: Row) -> str:
    if row.overlap_gain is None:
        return ""
    against = "against one frame after the other"
    predicted = f", predicted {formats.times(row.predicted_gain)}" if row.predicted_gain else ""
    return f"{formats.times(row.overlap_gain)} {against}{predicted}"


def _share(row: Row) -> str:
    if row.share is None:
        return ""
    reached = formats.short_percent(row.share)
    return f"{reached} of the machine's {row.precision} rate: {utilisation.hint(row.share)}"


def _camera(row: Row) -> str:
    """The fastest camera that the entry keeps up with, and the camera of the run if it had one."""
    found: list[str] = []
    if row.sustainable_fps is not None:
        found.append(f"{formats.three_digits(row.sustainable_fps)} at most")
    if row.camera_fps is not None:
        dropped = formats.percent(row.dropped_share)
        found.append(f"from a camera of {row.camera_fps:g} FPS, {dropped} dropped")
    return "; ".join(found)


def _weights(row: Row) -> str:
    size = formats.size_of(row.weights_bytes) if row.weights_bytes else ""
    return ", ".join(filter(None, (row.weights, size)))


def _ran(row: Row) -> str:
    return " ".join(filter(None, (row.runtime, row.precision, row.device, formats.mode(row))))


def _people(row: Row) -> str:
    mean = formats.three_digits(formats.people_per_frame(row))
    frames = formats.counted(row.frames, "frame")
    most = f", {row.most_people} at most" if row.most_people else ""
    return f"{mean} per frame over {frames}{most}"
