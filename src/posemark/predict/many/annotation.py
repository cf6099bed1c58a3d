"""Annotates all images of a plan with the workers of a cluster, and keeps the ledger."""

from pathlib import Path
from typing import Protocol

from posemark.core.counting import counted
from posemark.core.errors import RunError
from posemark.predict.many.annotator import Annotator, Task
from posemark.predict.many.ledger import Entry, Ledger
from posemark.predict.many.plan import Plan, Shard, unfinished
from posemark.predict.many.pose_table import file_of
from posemark.run.prepare import Prepared
from posemark.scale.accuracy import resources_of
from posemark.scale.cluster import Cluster
from posemark.scale.dispatch import Dispatch
from posemark.scale.node_inputs import Expected, contents_of
from posemark.scale.pool import Pool, Start


class Watcher(Protocol):
    """Receives the progress."""

    def finished(self, total: Entry, workers: int) -> None:
        """Called after each shard with the sums of the ledger and the number of workers."""
        ...

    def say(self, sentence: str) -> None:
        """Called when something is worth a line."""
        ...


def annotate(
    plan: Plan,
    ledger: Ledger,
    prepared: Prepared,
    expected: Expected,
    cluster: Cluster,
    watcher: Watcher,
) -> None:
    """Annotate every shard of a plan that is not in the ledger.

    Args:
        plan: the shards.
        ledger: the finished ones; each further one is added.
        prepared: the model.
        expected: what it depends on.
        cluster: the machines.
        watcher: receives the progress.

    Raises:
        RunError: if shards could not be annotated, or the machines do not share the folder. The
            finished shards are kept.
    """
    out = ledger.path.parent.absolute()
    arguments = cluster.arguments(Task(prepared, expected, out), contents_of(expected))
    most = plan.shards - ledger.total.shard
    dispatch = Dispatch(unfinished(plan, ledger.has))
    start = Start(Annotator, arguments, resources_of(prepared), most)
    pool = Pool(cluster, start, dispatch, watcher.say)
    for entry in pool.results():
        _require_shared(out, entry)
        ledger.add(entry)
        watcher.finished(ledger.total, pool.workers)
    if dispatch.given_up:
        shard, why = dispatch.given_up[-1]
        raise RunError(
            f"{counted(len(dispatch.given_up), 'shard')} of {plan.shards:,} could not be "
            f"annotated, each was tried {dispatch.attempts} times. The last one has "
            f"{_described(shard)}: {why}. Every finished shard is kept; --resume tries only the "
            "others."
        )


def _described(shard: Shard) -> str:
    if shard.row_groups:
        return f"{counted(shard.images, 'image')} of {shard.paths[0]}"
    first, last = shard.paths[0], shard.paths[-1]
    return first if first == last else f"{counted(shard.images, 'image')}, {first} to {last}"


def _require_shared(out: Path, entry: Entry) -> None:
    path = file_of(out, entry.shard)
    if not path.is_file():
        raise RunError(
            f"{path}: a worker has written this file on its machine, but it is not here. Name a "
            "folder on a file system that all machines share."
        )
