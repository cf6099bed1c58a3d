"""Makes the header of a record: everything that the figures of a run depend on."""

import secrets
from pathlib import Path

from msgspec import structs

import posemark
from posemark.cards import built_in
from posemark.codecs import VERSION as DECODERS
from posemark.core.errors import RecordError
from posemark.datasets import DataFacts
from posemark.measure import PROTOCOL
from posemark.measure.clock import utc_now
from posemark.measure.environment import environment
from posemark.nn import formula
from posemark.records import files, schema
from posemark.records.identity import changes_between
from posemark.run.options import DETECTOR
from posemark.run.prepare import Prepared
from posemark.runtimes.registry import distributions
from posemark.weights import NONE, Checkpoint, names_file

_FLOAT_BYTES = 4
"""Size of a float32 parameter."""

RUN_BYTES = 4
"""Length of the random name of a run: enough for the runs of a machine to have distinct names."""


def make_header(
    prepared: Prepared,
    own_process: bool,
    turns: int,
    ceiling: dict[str, float] | None = None,
) -> schema.Header:
    """Return the header of a job that starts now on this machine.

    Args:
        prepared: the job.
        own_process: whether no other entry runs in this process.
        turns: the number of entries that take turns, block by block.
        ceiling: the measured peaks of the machine (machine/peak.py); None if not measured.
    """
    job, spec, boxes = prepared.job, prepared.spec, prepared.boxes
    return schema.Header(
        entry=prepared.key,
        letter=job.entry.letter,
        model=spec.name,
        family=spec.family,
        approach=spec.approach,
        input_hw=spec.input_hw,
        licence=spec.licence,
        parameters=spec.parameters,
        macs=spec.macs,
        weights=_weights_source(prepared.checkpoint),
        data=schema.Source(job.options.data, prepared.dataset.fingerprint),
        boxes=schema.Source(boxes.label, boxes.fingerprint),
        box_kind=boxes.kind,
        settings=_settings(prepared),
        published=_published(prepared),
        environment=environment(job.options.machine, distributions())
        | ({"ceiling": ceiling} if ceiling else {}),
        posemark=posemark.__version__,
        protocol=PROTOCOL,
        truth=_truth_file(prepared.dataset),
        started=utc_now(),
        weights_bytes=weights_bytes(prepared),
        sigmas=spec.skeleton.sigmas,
        decoder=DECODERS,
        own_process=own_process,
        turns=turns,
        network=spec.network,
        photographs=prepared.dataset.photographs,
        run=secrets.token_hex(RUN_BYTES),
        data_notes=prepared.data_notes,
        given=_given(prepared),
        detector=prepared.detector.facts if prepared.detector else None,
    )


def _truth_file(dataset: DataFacts) -> str:
    name = dataset.name.replace(":", "-")  # which some systems do not allow in the name of a file
    return f"truth-{name}-{dataset.fingerprint}.json"


def _settings(prepared: Prepared) -> schema.Settings:
    spec, options = prepared.spec, prepared.job.options
    target = options.target
    return schema.Settings(
        convention=spec.convention.name if spec.convention else "",
        codec=prepared.decoder,
        flip=options.flip,
        persons=options.persons,
        min_score=options.least_score,
        threads=options.threads,
        runtime=target.runtime,
        precision=target.precision,
        scales=prepared.job.entry.scales,
        mode=options.mode,
        camera_fps=options.camera_fps,
        device=target.device,
        layout=target.layout,
        calibrated_on=_calibrated_on(prepared),
        max_batch=options.crops_per_pass,
        card=spec.card,
        repeat=options.repeat,
        streams=options.frames_at_once,
        smooth=options.smooth,
    )


def weights_bytes(prepared: Prepared) -> int:
    """Return the size of the weight files; for formula weights, of the parameters as float32."""
    if prepared.spec.artefact:
        return sum(path.stat().st_size for path in prepared.spec.artefact.files)
    if prepared.checkpoint:
        return prepared.checkpoint.path.stat().st_size
    parameters = prepared.spec.parameters or 0  # only exported models may have None
    return parameters * _FLOAT_BYTES


def _calibrated_on(prepared: Prepared) -> str | None:
    """Return the data of the int8 ranges with its fingerprint: other data makes another network."""
    if prepared.job.options.precision != "int8" or prepared.calibration is None:
        return None
    return prepared.calibration.name


def _given(prepared: Prepared) -> schema.Given:
    """Return the options that name files, as they must be typed to run the job again."""
    job = prepared.job
    weights, card = job.options.weights, job.entry.card
    return schema.Given(
        weights=weights if names_file(weights) else "",
        boxes=job.boxes if job.boxes.startswith(("file:", DETECTOR)) else "",
        calibrate=job.options.calibrate or "",
        card=card if card and Path(card) not in built_in().values() else "",
        codec=job.options.codec or "",
    )


def _weights_source(checkpoint: Checkpoint | None) -> schema.Source:
    if checkpoint is None:
        return schema.Source(NONE, formula.VERSION)
    licence = checkpoint.row.licence if checkpoint.row else None
    return schema.Source(checkpoint.label, checkpoint.sha256, licence)


def _published(prepared: Prepared) -> schema.Published | None:
    """Return the published AP of the checkpoint; without a checkpoint, that of the model."""
    row = prepared.checkpoint.row if prepared.checkpoint else None
    if prepared.checkpoint and row is None:
        return None
    reported = prepared.spec.reported(prepared.job.entry.variant, row)
    if reported is None:
        return None
    return schema.Published(reported.ap, reported.boxes, reported.flip, reported.source)


def with_device(header: schema.Header, session_device: str) -> schema.Header:
    """Return the header with the device that the network runs on, as the runtime names it."""
    return structs.replace(header, environment={**header.environment, "ran_on": session_device})


def require_same_run(record: files.Record, header: schema.Header) -> None:
    """Check that a record can be resumed with these settings.

    Args:
        record: the record on disk.
        header: the header of the run that is to resume it.

    Raises:
        RecordError: if the identities of both headers differ; the message names every field.
    """
    changes = changes_between(record.header.identity(), header.identity())
    if changes:
        raise RecordError(
            f"{record.path}: cannot be resumed, because this is another run: {changes}. Use the "
            "same settings, or another --out folder."
        )
