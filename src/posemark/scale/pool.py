"""Keeps workers busy on all nodes of a cluster, and survives the loss of workers and nodes."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from posemark.core.counting import counted
from posemark.core.errors import RunError
from posemark.measure.clock import Budget
from posemark.scale.cluster import Node, Resources
from posemark.scale.dispatch import Dispatch
from posemark.scale.worker import Failure

WorkT = TypeVar("WorkT")

LOOK_SECONDS = 2.0
"""Seconds between two looks for new nodes, and for room on known ones."""

MOST_GIVEN_UP = 3
"""Number of pieces that may be given up while none is finished. If none was ever finished, one."""

MOST_FAILED_STARTS = 3
"""Number of workers that may be lost while they start on a node, before it is left alone."""


class GivenUpError(RunError):
    """Work was tried too often without success. What is finished is kept."""


class Nodes(Protocol):
    """What a pool needs of a cluster; cluster.Cluster documents the methods."""

    def nodes(self) -> list[Node]: ...  # noqa: D102
    def start(self, kind: type, node: Node, resources: Resources, *arguments: object) -> Any: ...  # noqa: D102
    def first_ready(self, calls: list[Any], seconds: float) -> Any | None: ...  # noqa: D102
    def result(self, call: Any) -> Any: ...  # noqa: D102
    def end(self, process: Any) -> None: ...  # noqa: D102


@dataclass
class _Member:
    """A worker process, its node, and the ticket of its work; None while it opens its session."""

    process: Any
    node: Node
    ticket: int | None = None


@dataclass(frozen=True)
class Start:
    """How the workers of a pool are started.

    Attributes:
        kind: their class, with the methods open() and work() of scale.worker.Worker.
        arguments: those of the class.
        resources: what each of them occupies.
        most: the most workers that are of use.
    """

    kind: type
    arguments: tuple[object, ...]
    resources: Resources
    most: int


class Pool(Generic[WorkT]):
    """Workers on the nodes of a cluster.

    Args:
        cluster: the cluster.
        start: how workers are started.
        dispatch: the work.
        say: receives a sentence when a worker is lost, work is tried again, or a node is left out.
    """

    def __init__(
        self,
        cluster: Nodes,
        start: Start,
        dispatch: Dispatch[WorkT],
        say: Callable[[str], None],
    ) -> None:
        self._cluster, self._start, self._dispatch, self._say = cluster, start, dispatch, say
        self._calls: dict[Any, _Member] = {}
        self._idle: list[_Member] = []
        self._unfit: dict[str, str] = {}
        self._failed_starts: Counter[str] = Counter()
        self._look = Budget(0.0)
        self._any_finished, self._given_up_in_a_row = False, 0

    @property
    def workers(self) -> int:
        """Return the number of worker processes, those that are starting among them."""
        return len(self._calls) + len(self._idle)

    def results(self) -> Iterator[Any]:
        """Yield the result of every piece of work, in the order in which they are finished.

        Work that fails too often is in the dispatch's `given_up`.

        Raises:
            RunError: if no node can work.
            GivenUpError: at MOST_GIVEN_UP, because the rest would hardly fare better.
        """
        try:
            while True:
                self._assign()
                self._require_success()
                if self._dispatch.over:
                    return
                self._fill()
                call = self._cluster.first_ready(list(self._calls), LOOK_SECONDS)
                if call is not None:
                    yield from self._handled(self._calls.pop(call), call)
        finally:
            for member in (*self._calls.values(), *self._idle):
                self._cluster.end(member.process)
            self._calls.clear()
            self._idle.clear()

    def _require_success(self) -> None:
        if self._given_up_in_a_row < (MOST_GIVEN_UP if self._any_finished else 1):
            return
        why = self._dispatch.given_up[-1][1]
        if self._any_finished:
            raise GivenUpError(
                f"{self._given_up_in_a_row} shards in a row were tried {self._dispatch.attempts} "
                f"times without success, the last time {why}. The others were not tried any more. "
                "Every finished shard is kept; continue with --resume."
            )
        raise GivenUpError(
            f"a shard was tried {self._dispatch.attempts} times without success, the last time "
            f"{why}. No other succeeded."
        )

    def _assign(self) -> None:
        while self._idle:
            taken = self._dispatch.take()
            if taken is None:
                return
            member = self._idle.pop()
            member.ticket = taken[0]
            self._calls[member.process.work.remote(taken[1])] = member

    def _fill(self) -> None:
        """Start workers where there is room, at most every LOOK_SECONDS."""
        if not self._look.used_up():
            return
        self._look = Budget(LOOK_SECONDS)
        alive = self._cluster.nodes()
        usable = [each for each in alive if each.id not in self._unfit]
        room = {each.id: self._start.resources.fit(each) for each in usable}
        self._require_room(alive, room)
        have = Counter(each.node.id for each in (*self._calls.values(), *self._idle))
        for node in usable:
            for _ in range(room[node.id] - have[node.id]):
                if self.workers >= self._start.most:
                    return
                self._begin(node)

    def _require_room(self, alive: list[Node], room: dict[str, int]) -> None:
        if self.workers or any(room.values()):
            return
        if self._unfit:
            why = next(iter(self._unfit.values()))
            raise RunError(f"None of {counted(len(alive), 'node')} can work. {why}")
        wanted = self._start.resources
        gpus = f" and {counted(wanted.gpus, 'GPU')}" * bool(wanted.gpus)
        raise RunError(
            f"No node of the cluster has {counted(wanted.cpus, 'CPU')}{gpus}, which one worker "
            "needs. Use fewer --threads, another --device, or larger nodes."
        )

    def _begin(self, node: Node) -> None:
        start = self._start
        process = self._cluster.start(start.kind, node, start.resources, *start.arguments)
        self._calls[process.open.remote()] = _Member(process, node)

    def _handled(self, member: _Member, call: Any) -> Iterator[Any]:
        """Handle a call that has ended; yield its result if it is that of work."""
        try:
            result = self._cluster.result(call)
        except RunError as error:
            self._lost(member, str(error))
            return
        if member.ticket is None:
            self._opened(member, result)
        elif isinstance(result, Failure):
            self._failed(member.ticket, f"on {member.node.name}: {result.why}")
            self._idle.append(member)
        else:
            self._dispatch.finished(member.ticket)
            self._any_finished, self._given_up_in_a_row = True, 0
            self._idle.append(member)
            yield result

    def _opened(self, member: _Member, failure: Failure | None) -> None:
        if failure is None:
            self._failed_starts.pop(member.node.id, None)
            self._idle.append(member)
            return
        self._cluster.end(member.process)
        self._leave_out(member.node, failure.why)

    def _leave_out(self, node: Node, why: str) -> None:
        if node.id not in self._unfit:
            self._unfit[node.id] = why
            self._say(f"the node {node.name} is left out: {why}")

    def _lost(self, member: _Member, why: str) -> None:
        """Go on without a worker whose process or machine has ended."""
        self._look = Budget(0.0)  # a replacement is due now
        self._cluster.end(member.process)  # it may only have been out of reach
        if member.ticket is not None:
            self._failed(member.ticket, f"a worker on {member.node.name} was lost ({why})")
            return
        self._failed_starts[member.node.id] += 1
        if self._failed_starts[member.node.id] >= MOST_FAILED_STARTS:
            what = counted(MOST_FAILED_STARTS, "worker")
            self._leave_out(
                member.node,
                f"{what} ended while they started ({why}). Often memory is lacking: each worker "
                "opens the model in a process of its own. Close other programs, choose a smaller "
                "model, or give more --threads, so that fewer workers start.",
            )

    def _failed(self, ticket: int, why: str) -> None:
        why = why.rstrip(".")  # other words follow it
        again = self._dispatch.failed(ticket, why)
        self._given_up_in_a_row += not again
        self._say(f"{why}; {'its work is tried again' if again else 'its work is given up'}")
