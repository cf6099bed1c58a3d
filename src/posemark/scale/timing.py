"""Measures speed on every machine of a cluster: one process at a time on each of them.

Ray gives a process all CPUs and GPUs of a node, so that no other work of the cluster runs beside
it. If several nodes are on one machine, only one of them is used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from posemark.core.errors import RunError
from posemark.core.places import write_whole
from posemark.run.prepare import Prepared
from posemark.scale.cluster import Cluster, Node, Resources
from posemark.scale.node_inputs import contents_of, expected_of
from posemark.scale.timing_worker import Progress, Timings, TimingTask, TimingWorker
from posemark.scale.worker import Failure


class Watcher(Protocol):
    """Receives the progress of a run."""

    def progress(self, machine: str, progress: Progress) -> None:
        """Called every few seconds for each machine."""
        ...

    def say(self, sentence: str) -> None:
        """Called when something is worth a line."""
        ...


@dataclass(frozen=True)
class _Machine:
    """A machine, by its name, and the process that has it."""

    name: str
    process: Any


def run_on_machines(
    jobs: Sequence[Prepared],
    threads: int | None,
    interleave: bool | None,
    within: float | None,
    cluster: Cluster,
    out: Path,
    watcher: Watcher,
) -> list[Path]:
    """Measure every job on every machine of a cluster, into one folder for each machine.

    Args:
        jobs: the jobs.
        threads: the number of threads; None for one for each core of a machine.
        interleave: whether entries take turns; None lets the memory decide.
        within: seconds that all entries share on each machine; None without limit.
        cluster: the machines.
        out: the folder in which a folder for each machine is made.
        watcher: receives the progress.

    Returns:
        The folders.

    Raises:
        RunError: if no machine has measured anything.
    """
    expected = [expected_of(job) for job in jobs]
    task = TimingTask(tuple(zip(jobs, expected, strict=True)), threads, interleave, within)
    files = {digest: content for each in expected for digest, content in contents_of(each)}
    arguments = cluster.arguments(task, files.items())
    processes: list[Any] = []
    try:
        machines = _machines(cluster, arguments, processes, watcher)
        return [_stored(out / name, found) for name, found in _measured(cluster, machines, watcher)]
    finally:
        for process in processes:
            cluster.end(process)


def _machines(
    cluster: Cluster, arguments: tuple[object, ...], processes: list[Any], watcher: Watcher
) -> list[_Machine]:
    """Start a process on each node, wait until it has the node, and keep one of each machine."""
    found: dict[str, _Machine] = {}
    calls: dict[Any, tuple[Node, Any]] = {}
    for node in cluster.nodes():
        if node.cpus:
            whole = Resources(node.cpus, node.gpus)
            process = cluster.start(TimingWorker, node, whole, *arguments)
            processes.append(process)
            calls[process.machine.remote()] = node, process
    while calls:
        call = cluster.first_ready(list(calls), WAIT_SECONDS)
        if call is None:
            names = ", ".join(node.name for node, _ in calls.values())
            watcher.say(f"waiting until all CPUs of {names} are free")
            continue
        node, process = calls.pop(call)
        try:
            machine = str(cluster.result(call))
        except RunError as error:
            watcher.say(f"the node {node.name} is left out: {error}")
            continue
        if machine in found:
            watcher.say(f"a second node on {node.name} is left out: both share one device")
            cluster.end(process)
            continue
        found[machine] = _Machine(_unused(node.name, [m.name for m in found.values()]), process)
    return list(found.values())


WAIT_SECONDS = 30.0
"""Seconds between two lines that say which nodes are not free yet."""


def _unused(name: str, others: Sequence[str]) -> str:
    """Return the name of a host, with a number if another machine has the same name."""
    number, tried = 1, name
    while tried in others:
        number += 1
        tried = f"{name}-{number}"
    return tried


def _measured(
    cluster: Cluster, machines: Sequence[_Machine], watcher: Watcher
) -> Iterator[tuple[str, Timings]]:
    """Yield the results of the machines as they finish.

    Raises:
        RunError: if none has a result.
    """
    for each in machines:
        each.process.begin.remote()
    calls = {each.process.poll.remote(): each for each in machines}
    reasons, any_result = ["no node has a CPU"] * (not machines), False
    while calls:
        call = cluster.first_ready(list(calls), WAIT_SECONDS)
        if call is None:
            continue
        machine = calls.pop(call)
        answer = _answer(cluster, call)
        if isinstance(answer, Progress):
            watcher.progress(machine.name, answer)
            calls[machine.process.poll.remote()] = machine
        elif isinstance(answer, Failure):
            reasons.append(f"{machine.name}: {answer.why}")
            watcher.say(f"{machine.name} has no result: {answer.why}")
        else:
            any_result = True
            for note in answer.notes:
                watcher.say(f"{machine.name}: {note}")
            yield machine.name, answer
    if not any_result:
        raise RunError(f"No machine of the cluster could measure anything. {reasons[-1]}")


def _answer(cluster: Cluster, call: Any) -> Progress | Timings | Failure:
    """Return what a machine answers; that it is lost is a failure, too."""
    try:
        return cluster.result(call)
    except RunError as error:
        return Failure(str(error))


def _stored(folder: Path, timings: Timings) -> Path:
    """Write the files of a machine into its folder."""
    for name, content in timings.files.items():
        path = folder / name
        try:
            write_whole(path, content)
        except OSError as error:
            raise RunError(
                f"{path}: the record cannot be written ({error.strerror}). Make room or correct "
                "the permissions, then run again."
            ) from error
    return folder
