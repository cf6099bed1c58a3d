"""Annotates all images of a plan with Ray Data, shard by shard, and keeps the ledger."""

import importlib
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from posemark.core.counting import counted
from posemark.core.errors import RunError
from posemark.predict.many.annotator import Annotator, Task, file_of
from posemark.predict.many.ledger import Entry, Ledger, is_set
from posemark.predict.many.plan import Plan
from posemark.predict.many.sources import arrow
from posemark.run.prepare import Prepared
from posemark.scale.cluster import Cluster, Resources, fetched
from posemark.scale.node_inputs import Expected, Fetch, contents_of

ATTEMPTS = 3
"""How often a shard is tried whose worker says that it cannot be annotated. Shards of workers that
are lost are tried again by Ray Data."""


class Watcher(Protocol):
    """Receives the progress."""

    def finished(self, total: Entry) -> None:
        """Called after each shard with the sums of the ledger."""
        ...

    def say(self, sentence: str) -> None:
        """Called when something is worth a line."""
        ...


class Mapper:
    """An Annotator as Ray Data calls it, with batches of one shard."""

    def __init__(self, task: Any, references: dict[str, Any]) -> None:
        fetch: Fetch = partial(fetched, references)
        self._annotator = Annotator(importlib.import_module("ray").get(task), fetch)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Annotate the shard of a batch."""
        row = {name: values[0] for name, values in batch.items()}
        return {name: [value] for name, value in self._annotator.annotate(row).items()}


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
    options = prepared.job.options
    resources = Resources(options.threads, 0 if options.device == "cpu" else 1)
    out = ledger.path.parent.absolute()
    task = cluster.share(Task(prepared, expected, out))
    references = {digest: cluster.share(content) for digest, content in contents_of(expected)}
    workers = sum(resources.fit(node) for node in cluster.nodes())
    if not workers:
        raise RunError(
            f"No node of the cluster has {counted(resources.cpus, 'CPU')} for a worker. Use fewer "
            "--threads, or larger nodes."
        )
    whys: dict[int, str] = {}
    for _ in range(ATTEMPTS):
        whys = {}
        results = _results(plan, ledger, (task, references), resources, workers)
        for result in _without_native_errors(results, cluster):
            why = str(result.pop("why"))
            entry = Entry(**{name: int(value) for name, value in result.items()})
            if why:
                whys[entry.shard] = why
                watcher.say(f"shard {entry.shard} {why}")
                continue
            _require_shared(out, entry)
            ledger.add(entry)
            watcher.finished(ledger.total)
        if not whys:
            return
    raise RunError(
        f"{counted(len(whys), 'shard')} of {plan.shards:,} could not be annotated, each was tried "
        f"{ATTEMPTS} times. The last {list(whys.values())[-1]} Every finished shard is kept; "
        "--resume tries only the others."
    )


def _results(
    plan: Plan, ledger: Ledger, arguments: tuple[Any, ...], resources: Resources, workers: int
) -> Iterator[dict[str, Any]]:
    """Yield the result of each unfinished shard, in the order in which they are finished."""
    data = _library()
    files = [str(each.absolute()) for each in plan.files]
    shards = data.from_items(files, override_num_blocks=len(files)).map_batches(
        partial(_left, bytes(ledger.finished)), batch_size=1, num_cpus=READER_CPUS
    )
    yield from shards.map_batches(
        Mapper,
        batch_size=1,
        fn_constructor_args=arguments,
        compute=data.ActorPoolStrategy(min_size=1, max_size=workers),
        num_cpus=resources.cpus - READER_CPUS,
        num_gpus=resources.gpus or None,
    ).iter_rows()


def _without_native_errors(
    results: Iterator[dict[str, Any]], cluster: Cluster
) -> Iterator[dict[str, Any]]:
    """Yield results; an error of Ray itself becomes one of ours.

    Raises:
        RunError: if Ray Data ends with an error, for example because a file of the plan is damaged.
    """
    try:
        yield from results
    except cluster.ray.exceptions.RayError as error:
        why = " ".join(str(error).split())[-_LONGEST_REASON:]
        raise RunError(
            f"Ray Data ended with an error: ... {why} Every finished shard is kept; continue with "
            "--resume, or name another folder with --poses."
        ) from error


_LONGEST_REASON = 300

READER_CPUS = 0.01
"""The share of a CPU that Ray counts for reading the plan. Workers leave it free: on a cluster with
a single CPU, reading would otherwise wait for ever until the worker has ended."""


def _left(bits: bytes, batch: dict[str, Any]) -> Iterator[Any]:
    """Yield the rows of a file of the plan that are not finished, by the bits of the ledger."""
    for path in batch["item"]:
        table = arrow("pyarrow.parquet").read_table(str(path))
        left = table.filter([not is_set(bits, each) for each in table["number"].to_pylist()])
        for row in range(left.num_rows):
            yield left.slice(row, 1)


def _library() -> Any:
    """Return ray.data, told to print nothing."""
    data = importlib.import_module("ray.data")
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = 1  # byte: every row passes on at once, in a block of its own
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    return data


def _require_shared(out: Path, entry: Entry) -> None:
    path = file_of(out, entry.shard)
    if not path.is_file():
        raise RunError(
            f"{path}: a worker has written this file on its machine, but it is not here. Name a "
            "folder on a file system that all machines share."
        )
