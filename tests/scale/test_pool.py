"""The pool of workers, on a cluster that is only pretended and loses what a test says."""

from dataclasses import dataclass, field

import pytest

from posemark.core.errors import RunError
from posemark.scale.cluster import Node, Resources
from posemark.scale.dispatch import Dispatch
from posemark.scale.pool import Pool, Start
from posemark.scale.worker import Failure

ONE = Resources(1)
LOST = object()
"""What a call gives whose process is lost."""


@dataclass(eq=False)
class Call:
    result: object


@dataclass(eq=False)
class Process:
    """A process whose open() and work() give what `opens` and `works` say."""

    opens: object
    works: object

    @property
    def open(self):
        return Remote(lambda: self.opens)

    @property
    def work(self):
        return Remote(self.works)


@dataclass
class Remote:
    function: object

    def remote(self, *arguments):
        return Call(self.function(*arguments))


@dataclass
class Pretended:
    """A cluster. `opens` gives the result of open() by node and number of the process."""

    alive: list
    works: object = lambda node, piece: piece
    opens: object = lambda node, number: None
    started: list = field(default_factory=list)
    ended: list = field(default_factory=list)

    def nodes(self):
        return list(self.alive)

    def start(self, kind, node, resources, *arguments):
        number = len(self.started)
        process = Process(self.opens(node, number), lambda piece: self.works(node, piece))
        self.started.append(node.name)
        return process

    def first_ready(self, calls, seconds):
        return calls[0] if calls else None

    def result(self, call):
        if call.result is LOST:
            raise RunError("ActorDiedError: gone")
        return call.result

    def end(self, process):
        self.ended.append(process)


def node(name, cpus=1, gpus=0):
    return Node(name, name, cpus, gpus)


def carried_out(cluster, pieces=6, most=10, resources=ONE):
    """Return the results, the dispatch and what was said."""
    said, work = [], Dispatch(range(pieces))
    pool = Pool(cluster, Start(Process, (), resources, most), work, said.append)
    return list(pool.results()), work, said


def test_every_piece_is_done_once_by_as_many_workers_as_fit():
    cluster = Pretended([node("a", 2), node("b", 3)])
    results, work, said = carried_out(cluster, most=10, resources=Resources(2))
    assert sorted(results) == list(range(6))
    assert (work.failures, said, cluster.started) == (0, [], ["a", "b"])
    assert len(cluster.ended) == 2, "no process is left behind"


def test_no_more_workers_than_are_of_use():
    cluster = Pretended([node("a", 64)])
    carried_out(cluster, pieces=3, most=3)
    assert len(cluster.started) == 3


def test_a_lost_worker_is_replaced_and_its_piece_is_done():
    losses = [2]

    def works(node, piece):
        return LOST if piece in losses and not losses.clear() else piece

    cluster = Pretended([node("a")], works)
    results, work, said = carried_out(cluster)
    assert sorted(results) == list(range(6))
    assert (work.failures, cluster.started) == (1, ["a", "a"])
    assert "a worker on a was lost (ActorDiedError: gone); its work is tried again" in said


def test_a_lost_node_is_done_without():
    cluster = Pretended([node("a"), node("b")])

    def works(own, piece):
        if own.name == "b":
            cluster.alive = [node("a")]
            return LOST
        return piece

    cluster.works = works
    results, _, _ = carried_out(cluster)
    assert sorted(results) == list(range(6))
    assert set(cluster.started[2:]) <= {"a"}


def test_a_node_that_comes_later_is_used(monkeypatch):
    monkeypatch.setattr("posemark.scale.pool.LOOK_SECONDS", 0.0)
    cluster = Pretended([node("a")])

    def works(own, piece):
        cluster.alive = [node("a"), node("b")]
        return piece

    cluster.works = works
    carried_out(cluster)
    assert "b" in cluster.started


def test_a_piece_that_ends_every_worker_is_given_up_and_the_others_are_done():
    cluster = Pretended([node("a")], lambda node, piece: LOST if piece == 4 else piece)
    results, work, _ = carried_out(cluster)
    assert sorted(results) == [0, 1, 2, 3, 5]
    assert [piece for piece, _ in work.given_up] == [4]
    assert work.failures == work.attempts


def test_if_not_even_the_first_piece_succeeds_nothing_else_is_tried():
    cluster = Pretended([node("a")], lambda node, piece: Failure("the network is broken"))
    with pytest.raises(RunError, match=r"tried 4 times .* on a: the network is broken. No other"):
        carried_out(cluster, pieces=10**9)


def test_a_first_piece_that_always_fails_does_not_keep_the_others_from_being_done():
    why = Failure("x.parquet is damaged. Replace it.")
    cluster = Pretended([node("a")], lambda node, piece: why if piece == 0 else piece)
    results, work, said = carried_out(cluster)
    assert sorted(results) == [1, 2, 3, 4, 5]
    assert work.given_up == [(0, "on a: x.parquet is damaged. Replace it")]
    assert said[-1] == "on a: x.parquet is damaged. Replace it; its work is given up"


def test_if_everything_begins_to_fail_the_rest_is_not_tried():
    full = Failure("no space left")
    cluster = Pretended([node("a")], lambda node, piece: full if piece >= 2 else piece)
    with pytest.raises(
        RunError, match="3 shards in a row were tried 4 times .* no space left. The .* --resume"
    ):
        carried_out(cluster, pieces=10**9)


def test_an_unfit_node_is_left_out_with_its_reason():
    cluster = Pretended(
        [node("a"), node("b")],
        opens=lambda own, _: Failure("no image there") if own.name == "b" else None,
    )
    results, _, said = carried_out(cluster)
    assert sorted(results) == list(range(6))
    assert "the node b is left out: no image there" in said
    assert cluster.started.count("b") == 1


def test_without_any_fit_node_the_reason_is_the_error():
    cluster = Pretended([node("a")], opens=lambda *_: Failure("no image there"))
    with pytest.raises(RunError, match=r"None of 1 node can work. no image there"):
        carried_out(cluster)


def test_a_node_whose_workers_end_while_they_start_is_left_out():
    cluster = Pretended([node("a")], opens=lambda *_: LOST)
    with pytest.raises(
        RunError, match="3 workers ended while they started .* Often memory is lacking"
    ):
        carried_out(cluster)


@pytest.mark.parametrize(
    ("resources", "words"),
    [(Resources(8), "has 8 CPUs, which one worker needs"), (Resources(1, 1), "1 CPU and 1 GPU")],
)
def test_a_cluster_that_is_too_small_is_named(resources, words):
    with pytest.raises(RunError, match=words):
        carried_out(Pretended([node("a", 2)]), resources=resources)
