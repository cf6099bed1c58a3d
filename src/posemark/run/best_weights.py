"""Chooses the weights of entries that leave the choice open: the best on this machine."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from posemark.core.errors import UsageError
from posemark.datasets import kind_of
from posemark.records import shards
from posemark.run.plan import Job
from posemark.run.prepare import spec_of_entry
from posemark.weights import BEST, NONE, at_hand


def default_weights(data: str) -> str:
    """Return the default of --weights for a data set.

    The default is NONE for drawn scenes, where poses of trained weights cannot be scored.

    Args:
        data: the name of the data set, as given to --data.
    """
    kind = kind_of(data)
    return NONE if kind and not kind.photographs else BEST


def with_best(jobs: Iterable[Job], out: Path | None = None) -> list[Job]:
    """Return the jobs, each once, with the weights "best" replaced by a tag or "none".

    Args:
        jobs: the jobs of the run.
        out: the folder with the records of a run that is resumed. An entry keeps the weights
            that its record began with, even if a better checkpoint was imported since.
    """
    begun = {path.stem for path in shards.records_of(out)} if out else set[str]()
    return list(dict.fromkeys(_with_best(job, begun) for job in jobs))


def _with_best(job: Job, begun: Collection[str]) -> Job:
    if job.options.weights != BEST:
        return job
    return replace(job, options=replace(job.options, weights=_chosen(job, begun)))


def _chosen(job: Job, begun: Collection[str]) -> str:
    if job.entry.card:
        return NONE  # an exported model has its weights in its own file
    tags = [*at_hand(spec_of_entry(job.entry), job.entry.variant), NONE]
    return next((tag for tag in tags if _is_begun(job, tag, begun)), tags[0])


def _is_begun(job: Job, tag: str, begun: Collection[str]) -> bool:
    """Return whether the names of begun records include one of the job with these weights."""
    name = job.name(None if tag == NONE else tag)
    return any(each == name or each.startswith(f"{name}+") for each in begun)


def is_trained(job: Job) -> bool:
    """Return whether a job that `with_best` returned has trained weights."""
    return job.entry.card is not None or job.options.weights != NONE


def trained(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs that have trained weights.

    Raises:
        UsageError: if no job has trained weights.
    """
    found = [job for job in jobs if is_trained(job)]
    if not found:
        raise UsageError(
            "--trained-only: none of these entries has trained weights on this machine. "
            "`posemark weights list` shows which weights exist and how to get them; on drawn "
            "scenes add --weights best, or leave --trained-only out."
        )
    return found
