"""A record's first line: everything a figure depends on."""

import secrets
from pathlib import Path
from typing import Any

from msgspec import structs

import posemark
from posemark.cards import built_in
from posemark.codecs import VERSION as DECODERS
from posemark.core.errors import RecordError
from posemark.measure import PROTOCOL
from posemark.measure.clock import utc_now
from posemark.measure.environment import environment
from posemark.nn import formula
from posemark.records import files, schema
from posemark.run.prepare import Prepared
from posemark.runtimes.registry import distributions
from posemark.weights import NONE, Checkpoint, names_file

FLOAT_BYTES = 4
"""Of a parameter as float32."""


_RUN_BYTES = 4
"""Of the arbitrary name of a run: ample to tell the runs of a machine apart."""


def make_header(
    prepared: Prepared,
    own_process: bool,
    turns: int,
    ceiling: dict[str, float] | None = None,
) -> schema.Header:
    """What this job will be, on this machine, now; own_process, turns: as in the schema.

    ceiling: what the machine attains (machine/peak.py), if that was measured.
    """
    job, spec = prepared.job, prepared.spec
    boxes, options = prepared.boxes, job.options
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
        data=schema.Source(options.data, prepared.dataset.fingerprint),
        boxes=schema.Source(boxes.label, boxes.fingerprint),
        box_kind=boxes.kind,
        settings=schema.Settings(
            convention=spec.convention.name if spec.convention else "",
            codec=prepared.decoder,
            flip=options.flip,
            persons=options.persons,
            min_score=options.min_score,
            threads=options.threads,
            runtime=options.runtime,
            precision=options.precision,
            scales=job.entry.scales,
            mode=options.mode,
            camera_fps=options.camera_fps,
            device=options.device,
            layout=options.layout,
            calibrated_on=_calibrated_on(prepared),
            max_batch=options.max_batch if options.persons == "batched" else 1,
            card=spec.card,
            repeat=options.repeat,
        ),
        published=_published(prepared),
        environment=environment(options.machine, distributions())
        | ({"ceiling": ceiling} if ceiling else {}),
        posemark=posemark.__version__,
        protocol=PROTOCOL,
        truth=f"truth-{prepared.dataset.name}-{prepared.dataset.fingerprint}.json",
        started=utc_now(),
        weights_bytes=weights_bytes(prepared),
        sigmas=spec.skeleton.sigmas,
        decoder=DECODERS,
        own_process=own_process,
        turns=turns,
        network=spec.network,
        photographs=prepared.dataset.photographs,
        run=secrets.token_hex(_RUN_BYTES),
        data_notes=prepared.data_notes,
        given=_given(prepared),
    )


def weights_bytes(prepared: Prepared) -> int:
    """Of the weights as they are stored; of the parameters as float32 without any."""
    if prepared.spec.artefact:
        return sum(path.stat().st_size for path in prepared.spec.artefact.files)
    if prepared.checkpoint:
        return prepared.checkpoint.path.stat().st_size
    return prepared.spec.parameters * FLOAT_BYTES


def _calibrated_on(prepared: Prepared) -> str | None:
    """The data of int8 ranges with its fingerprint: other data, other network."""
    if prepared.job.options.precision != "int8" or prepared.calibration is None:
        return None
    return prepared.calibration.name


def _given(prepared: Prepared) -> schema.Given:
    """What to type for the files, beside their names and hashes."""
    job = prepared.job
    weights, card = job.options.weights, job.entry.card
    return schema.Given(
        weights=weights if names_file(weights) else "",
        boxes=job.boxes if job.boxes.startswith("file:") else "",
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
    """What the authors reported for these weights, or for the model where there are none."""
    row = prepared.checkpoint.row if prepared.checkpoint else None
    if prepared.checkpoint and row is None:
        return None
    reported = prepared.spec.reported(prepared.job.entry.variant, row)
    if reported is None:
        return None
    return schema.Published(reported.ap, reported.boxes, reported.flip, reported.source)


def with_device(header: schema.Header, session_device: str) -> schema.Header:
    """The header with what the network really runs on, in the runtime's own words."""
    return structs.replace(header, environment={**header.environment, "ran_on": session_device})


def require_same_run(record: files.Record, header: schema.Header) -> None:
    """Refuse to go on with a record of other settings.

    Raises:
        RecordError: naming every field that differs.
    """
    theirs, ours = _flat(record.header.identity()), _flat(header.identity())
    different = sorted(k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k))
    if different:
        changes = "; ".join(f"{k} was {theirs.get(k)!r}, is {ours.get(k)!r}" for k in different)
        raise RecordError(
            f"{record.path}: cannot be resumed, because this is another run: {changes}. Use the "
            "same settings, or another --out folder."
        )


def _flat(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one, with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        full = f"{prefix}{name}"
        flat |= _flat(value, f"{full}.") if isinstance(value, dict) else {full: value}
    return flat
