"""Addresses of clusters, and what fits on a node."""

import socket

import pytest

from posemark.core.errors import RunError, UsageError
from posemark.scale import cluster
from posemark.scale.cluster import Node, Resources


@pytest.mark.parametrize("address", ["nonsense", "ray://x:1", "http://x:80", ":5", "x:", "x:port"])
def test_an_address_of_another_form_is_refused(address, monkeypatch):
    monkeypatch.setattr(cluster, "library", lambda: None)
    with (
        pytest.raises(UsageError, match="expected HOST:PORT .* or auto"),
        cluster.connected(address),
    ):
        pass


@pytest.mark.parametrize("error", [ConnectionRefusedError("refused"), TimeoutError("timed out")])
def test_an_address_where_nothing_answers_is_told_at_once(error, monkeypatch):
    def refused(place, seconds):
        assert (place, seconds) == (("10.0.0.9", 6379), cluster.ANSWER_SECONDS)
        raise error

    monkeypatch.setattr(cluster, "library", lambda: None)
    monkeypatch.setattr(socket, "create_connection", refused)
    with (
        pytest.raises(RunError, match=f"no Ray cluster answers there .{error}"),
        cluster.connected("10.0.0.9:6379"),
    ):
        pass


@pytest.mark.parametrize(
    ("resources", "room"),
    [(Resources(1), 8), (Resources(3), 2), (Resources(16), 0), (Resources(1, 1), 2)],
)
def test_as_many_workers_fit_as_there_are_cpus_and_gpus_for(resources, room):
    assert resources.fit(Node("1", "a", 8, 2)) == room
