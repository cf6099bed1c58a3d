"""What the card of a chosen entry says, in words."""

from posemark.report import ceiling, figures
from posemark.report.rows import Row


def facts(row: Row) -> list[tuple[str, str]]:
    """(what, figure) in the order of the card; what is not known is left out."""
    found = (
        ("pose FPS", _fps(row)),
        ("pipeline FPS", figures.three_digits(row.fps_pipeline)),
        ("a frame takes", figures.cost(row)),
        ("of peak", _share(row)),
        ("latency", _latency(row)),
        ("camera FPS", _camera(row)),
        ("AP", _ap(row)),
        ("published AP", _published(row)),
        ("checked", row.expected),
        ("ceiling", figures.points(row.codec_ceiling)),
        ("peak memory", figures.size_of(row.peak_memory)),
        ("energy a frame", figures.energy(row)),
        ("weights", _weights(row)),
        ("input", figures.size(row)),
        ("ran as", _ran(row)),
        ("on", row.machine),
        ("people", _people(row)),
        ("licence", figures.licences(row)),
        ("remarks", "; ".join([*figures.flaws(row), *row.notes])),
    )
    return [(what, text) for what, text in found if text and text != figures.DASH]


def _fps(row: Row) -> str:
    if row.fps_interval is None:
        return figures.three_digits(row.fps_pose)
    low, high = map(figures.three_digits, row.fps_interval)
    over = figures.counted(row.blocks, "block")
    return f"{figures.fps(row)} ({low} to {high}; 95% over {over})"


def _ap(row: Row) -> str:
    words = figures.points(figures.measured_ap(row))
    if words == figures.DASH:
        return f"none: {row.unscored}" if row.unscored else ""
    if row.ap_interval:
        low, high = map(figures.points, row.ap_interval)
        words += f" ({low} to {high}, 95% over images)"
    return "; ".join(filter(None, (words, figures.run_settings(row), figures.common(row))))


def _published(row: Row) -> str:
    published = row.ap_published
    if published is None:
        return ""
    settings = figures.published_settings(published)
    return f"{figures.points(published.AP)} ({settings}; {published.source})"


def _latency(row: Row) -> str:
    if not row.latency_ms:
        return ""
    told = (f"{name} {figures.three_digits(ms)}" for name, ms in row.latency_ms.items())
    return f"{' · '.join(told)} ms"


def _share(row: Row) -> str:
    if row.share is None:
        return ""
    reached = figures.short_percent(row.share)
    return f"{reached} of the machine's {row.precision} rate: {ceiling.hint(row.share)}"


def _camera(row: Row) -> str:
    """The fastest that would do, replayed from the run; and the one of the run, if it had one."""
    found: list[str] = []
    if row.sustainable_fps is not None:
        found.append(f"{figures.three_digits(row.sustainable_fps)} at most")
    if row.camera_fps is not None:
        dropped = figures.percent(row.dropped_share)
        found.append(f"from a camera of {row.camera_fps:g} FPS, {dropped} dropped")
    return "; ".join(found)


def _weights(row: Row) -> str:
    size = figures.size_of(row.weights_bytes) if row.weights_bytes else ""
    return ", ".join(filter(None, (row.weights, size)))


def _ran(row: Row) -> str:
    return " ".join(filter(None, (row.runtime, row.precision, row.device, figures.mode(row))))


def _people(row: Row) -> str:
    mean = figures.three_digits(figures.people_per_frame(row))
    frames = figures.counted(row.frames, "frame")
    most = f", {row.most_people} at most" if row.most_people else ""
    return f"{mean} a frame over {frames}{most}"
