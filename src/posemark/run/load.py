"""Loads a model for an application, by the name that `posemark run` takes."""

from dataclasses import replace
from typing import Unpack

from posemark.core.errors import UsageError
from posemark.datasets.sample import Sample
from posemark.estimator import Estimator
from posemark.measure.environment import usable_cores
from posemark.run.best_weights import with_best
from posemark.run.build import build_estimator
from posemark.run.options import Choices, Options, out_of_range
from posemark.run.plan import Job, plan
from posemark.run.prepare import prepare_job
from posemark.run.setting import with_setting
from posemark.weights import BEST, NONE


def load(
    name: str, weights: str | None = None, setting: str | None = None, **choices: Unpack[Choices]
) -> Estimator:
    """Return the estimator of one entry; posemark.load documents it."""
    options = _options(weights or NONE, choices)
    jobs = plan([name], options)
    if len(jobs) != 1:
        named = ", ".join(job.entry.name for job in jobs[:8])
        raise UsageError(f"{name!r} matches {len(jobs)} entries; load one of them: {named}.")
    (job,) = with_best(jobs)
    _require_weights(job, weights)
    job = with_setting(job, setting, choices) if setting else job
    prepared = prepare_job(job, Sample(), [])
    return build_estimator(prepared)


def _options(weights: str, choices: Choices) -> Options:
    unknown = choices.keys() - Choices.__annotations__.keys()
    if unknown:
        known = ", ".join(Choices.__annotations__)
        raise UsageError(f"load() takes no option {min(unknown)!r}; it takes {known}.")
    # No frame of the data set is read.
    options = replace(Options("sample", usable_cores(), weights=weights), **choices)
    wrong = out_of_range(options)
    if wrong:
        raise UsageError(f"load(): {wrong}.")
    return options


def _require_weights(job: Job, weights: str | None) -> None:
    if job.entry.card:  # its weights are in its own file
        return
    if weights != NONE and job.options.weights == NONE:
        model = job.entry.model
        why = "finds no imported weights" if weights == BEST else "names no weights"
        raise UsageError(
            f"load({model!r}) {why}, and an untrained network finds no people. Name an imported "
            f"tag ('{model}.TAG') or weights='best', give weights='FILE', or weights='none' if "
            "only its speed matters."
        )
