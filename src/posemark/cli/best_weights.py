"""The weights that --weights best stands for, and what is said of them."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posemark.run.plan import Job


def with_weights(
    jobs: "list[Job]", out: Path | None, trained_only: bool = False
) -> "tuple[list[Job], list[str]]":
    """The jobs with the weights that "best" stands for, and lines that say which they are.

    out: the records of a run that goes on.
    """
    from posemark.run.best_weights import trained, with_best
    from posemark.weights import BEST

    settled = with_best(jobs, out)
    if trained_only:
        settled = trained(settled)
    left_open = any(job.options.weights == BEST for job in jobs)
    return settled, _weights_lines(settled) if left_open else []


def _weights_lines(jobs: "list[Job]") -> list[str]:
    from posemark.run.best_weights import is_trained

    own = [job for job in jobs if not job.entry.card]
    with_some = dict.fromkeys(job.name(job.options.weights) for job in own if is_trained(job))
    without = dict.fromkeys(job.name(None) for job in own if not is_trained(job))
    lines = [f"weights, the best here: {', '.join(with_some)}"] if with_some else []
    if without:
        lines.append(
            f"no weights here, so only the speed is measured: {', '.join(without)} (`posemark "
            "weights list` shows how to get them; --trained-only leaves such entries out)"
        )
    return lines
