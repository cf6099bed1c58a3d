"""The row of a record before its frames are read: what was run, and where."""

from posemark.records import schema
from posemark.report import formats
from posemark.report.result_row import Published, Row, Verdict


def row_of_header(header: schema.Header) -> Row:
    """Return a row with the facts of a header and without any measured figure."""
    settings = header.settings
    return Row(
        entry=header.entry,
        letter=header.letter,
        model=header.model,
        network=header.network or header.model,
        inference=(str(settings.max_batch), settings.layout or ""),
        weights=header.weights.name,
        runtime=settings.runtime,
        precision=settings.precision,
        boxes=header.boxes.name,
        frames=0,
        persons=0,
        fps_pose=None,
        fps_pipeline=None,
        stage_ms={},
        ap=None,
        ap_published=_published(header.published),
        codec_ceiling=None,
        family=header.family,
        approach=header.approach,
        input_hw=header.input_hw,
        licence=header.licence,
        weights_licence=header.weights.licence,
        codec=settings.codec,
        flip=settings.flip,
        persons_mode=settings.persons,
        data=header.data.name,
        threads=settings.threads,
        parameters=header.parameters,
        macs=header.macs,
        machine=_machine(header.facts),
        host=_host(header.facts),
        scales=settings.scales,
        mode=settings.mode,
        camera_fps=settings.camera_fps,
        streams=settings.streams,
        smooth=settings.smooth,
        device=settings.device,
        min_score=settings.min_score,
        weights_bytes=header.weights_bytes,
        started=header.started,
        typed=_typed(header),
        card=header.given.card,
        detector=header.detector,
        bundled=header.bundled,
        verdict=Verdict() if header.timed else UNMEASURED,
    )


UNMEASURED = Verdict("unmeasured", ("workers shared the images (--mode accuracy)",))
"""The verdict on the speed of a run that measured none."""


def _typed(header: schema.Header) -> dict[str, str]:
    given, settings = header.given, header.settings
    options = {
        "--weights": given.weights,
        "--boxes": given.boxes,
        "--calibrate": given.calibrate,
        "--machine": header.facts.label or "",
        "--repeat": str(settings.repeat) if settings.repeat > 1 else "",
    }
    return {name: text for name, text in options.items() if text}


def _published(published: schema.Published | None) -> Published | None:
    if published is None:
        return None
    return Published(published.ap, published.boxes, published.flip, published.source)


def _machine(facts: schema.Environment) -> str:
    """Everything that distinguishes one machine from another, as far as the record has it."""
    cores = formats.counted(facts.cores, "core")
    memory = f"{facts.memory_gib:.0f} GiB" if facts.memory_gib and facts.os else ""
    mode = facts.power_mode and f"power mode {facts.power_mode}"
    parts = (facts.label, facts.board, mode, facts.cpu, cores, memory, *facts.gpus, facts.os)
    return ", ".join(dict.fromkeys(part for part in parts if part))


def _host(facts: schema.Environment) -> str:
    return facts.label or facts.board or facts.cpu
