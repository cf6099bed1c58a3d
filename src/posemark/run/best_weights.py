"""Which weights entries run with where that is left open: the best that are on this machine."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from posemark.core.errors import UsageError
from posemark.datasets import kind_of
from posemark.records import files
from posemark.run.plan import Job
from posemark.run.prepare import spec_of_entry
from posemark.weights import BEST, NONE, at_hand


def default_weights(data: str) -> str:
    """What is run where --weights is left out: nobody can score poses in drawn scenes."""
    kind = kind_of(data)
    return NONE if kind and not kind.photographs else BEST


def with_best(jobs: Iterable[Job], out: Path | None = None) -> list[Job]:
    """The jobs, each once, with a tag, or "none", where their weights were "best".

    Args:
        jobs: of the run.
        out: the records of a run that goes on; what they were begun with stays chosen, also
            where a better checkpoint has come since.
    """
    begun = {path.stem for path in out.glob(f"*{files.SUFFIX}")} if out else set[str]()
    return list(dict.fromkeys(_settled(job, begun) for job in jobs))


def _settled(job: Job, begun: Collection[str]) -> Job:
    if job.options.weights != BEST:
        return job
    return replace(job, options=replace(job.options, weights=_chosen(job, begun)))


def _chosen(job: Job, begun: Collection[str]) -> str:
    if job.entry.card:
        return NONE  # its weights are in its file
    tags = [*at_hand(spec_of_entry(job.entry), job.entry.variant), NONE]
    return next((tag for tag in tags if _is_begun(job, tag, begun)), tags[0])


def _is_begun(job: Job, tag: str, begun: Collection[str]) -> bool:
    """Whether a record of the entry with these weights is among those of that name."""
    name = job.name(None if tag == NONE else tag)
    return any(each == name or each.startswith(f"{name}+") for each in begun)


def is_trained(job: Job) -> bool:
    """Whether an entry whose weights are settled has any."""
    return job.entry.card is not None or job.options.weights != NONE


def trained(jobs: Sequence[Job]) -> list[Job]:
    """The jobs that have trained weights.

    Raises:
        UsageError: if none has.
    """
    found = [job for job in jobs if is_trained(job)]
    if not found:
        raise UsageError(
            "--trained-only: of these entries none has trained weights on this machine. "
            "`posemark weights list` shows which there are and how to get them; on drawn scenes "
            "add --weights best, or leave --trained-only out."
        )
    return found
