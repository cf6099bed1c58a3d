"""Completes the header of a record on the device."""

import secrets
from collections.abc import Mapping
from typing import Any

from posemark.core.target import Target
from posemark.measure.clock import utc_now
from posemark.runtimes import Session

_RUN_BYTES = 4
"""Length of the random name of a run, as in run/header."""


def completed(
    header: Mapping[str, Any],
    key: str,
    session: Session,
    target: Target,
    threads: int,
    repeat: int | None,
    environment: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the header of a record that begins now.

    Args:
        header: the header as it would be at home.
        key: the key of the record.
        session: the network in its engine, whose precision is recorded.
        target: where the network was to run.
        threads: number of CPU threads.
        repeat: how many times the run goes through its frames; None if frames repeat until the
            time is over.
        environment: the device and its software.
    """
    settings = dict(header["settings"])
    settings.update(
        runtime=session.runtime,
        precision=session.precision,
        device=target.device,
        threads=threads,
        mode="sustained" if repeat is None else "burst",
        repeat=repeat or 1,
    )
    whole = dict(header)
    whole.update(
        entry=key,
        settings=settings,
        environment=dict(environment, ran_on=session.device),
        started=utc_now(),
        own_process=True,
        turns=1,
        run=secrets.token_hex(_RUN_BYTES),
    )
    return whole
