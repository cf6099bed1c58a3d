"""Replaces `--weights best` by actual weights, and writes the lines that name them."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posemark.run.plan import Job


def with_weights(
    jobs: "list[Job]", out: Path | None, trained_only: bool = False
) -> "tuple[list[Job], list[str]]":
    """Choose the actual weights of every job that asks for "best".

    Args:
        jobs: The planned jobs.
        out: Folder with the records of an earlier run that is being resumed. Its choice of weights
            is kept.
        trained_only: Whether to leave out jobs that have no trained weights here.

    Returns:
        The jobs with actual weights, and the lines that name these weights. There are no lines if
        no job asked for "best".
    """
    from posemark.run.best_weights import trained, with_best
    from posemark.weights import BEST

    chosen = with_best(jobs, out)
    if trained_only:
        chosen = trained(chosen)
    asked_for_best = any(job.options.weights == BEST for job in jobs)
    return chosen, _weights_lines(chosen) if asked_for_best else []


def _weights_lines(jobs: "list[Job]") -> list[str]:
    from posemark.run.best_weights import is_trained

    # The weights of a card are in its own file: there was nothing to choose.
    networks = [job for job in jobs if not job.entry.card]
    trained = dict.fromkeys(job.name(job.options.weights) for job in networks if is_trained(job))
    untrained = dict.fromkeys(job.name(None) for job in networks if not is_trained(job))
    lines = [f"best weights on this machine: {', '.join(trained)}"] if trained else []
    if untrained:
        lines.append(
            f"no trained weights on this machine, so only the speed is measured: "
            f"{', '.join(untrained)} (`posemark weights list` shows how to get them; "
            "--trained-only leaves these entries out)"
        )
    return lines
