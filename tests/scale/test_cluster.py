"""Addresses of clusters, and what fits on a node."""

import os
import socket
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from posemark.core.errors import RunError, UsageError
from posemark.scale import cluster
from posemark.scale.cluster import Node, Resources


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """What connected() sets for Ray is not left to other tests."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


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


class Answering:
    """A connection to a program that answers with some bytes, a few at a time."""

    def __init__(self, answer):
        self._answer, self.received = answer, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def sendall(self, content):
        self.received += content

    def recv(self, most):
        part, self._answer = self._answer[: min(4, most)], self._answer[min(4, most) :]
        return part


class Ray:
    """What connected() calls of Ray."""

    def __init__(self):
        self.begun, self.folder_at_the_end, self.temporary = [], None, None

    def init(self, **options):
        self.begun.append(options)
        self.temporary = os.environ.get("TMPDIR")

    def shutdown(self):
        own = self.begun[-1].get("_temp_dir")
        self.folder_at_the_end = own and Path(own).is_dir()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n", b"", b"+OK"])
def test_another_program_at_the_address_is_reported_at_once(answer, monkeypatch):
    ray, opened = Ray(), Answering(answer)
    monkeypatch.setattr(cluster, "library", lambda: ray)
    monkeypatch.setattr(socket, "create_connection", lambda *_: opened)
    with (
        pytest.raises(RunError, match="no Ray cluster answers there .another program answers"),
        cluster.connected("10.0.0.9:80"),
    ):
        pass
    assert not ray.begun


def test_a_server_of_grpc_is_left_to_ray(monkeypatch):
    ray, opened = Ray(), Answering(bytes((0, 0, 6, 4, 0, 0, 0, 0, 0)) + b"settings")
    monkeypatch.setattr(cluster, "library", lambda: ray)
    monkeypatch.setattr(socket, "create_connection", lambda *_: opened)
    with cluster.connected("10.0.0.9:6379"):
        assert [each["address"] for each in ray.begun] == ["10.0.0.9:6379"]
    assert opened.received.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


@pytest.mark.parametrize(
    ("address", "file", "given", "mode"),
    [
        (None, False, {}, "token"),
        (None, True, {"RAY_AUTH_MODE": "disabled"}, "disabled"),
        ("10.0.0.9:6379", True, {}, "token"),
        ("10.0.0.9:6379", False, {}, None),
        ("10.0.0.9:6379", False, {"RAY_AUTH_TOKEN": "x"}, "token"),
        ("10.0.0.9:6379", True, {"RAY_AUTH_MODE": "disabled"}, "disabled"),
    ],
)
def test_a_cluster_is_met_with_the_token_of_its_user(
    address, file, given, mode, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path), **given})
    if file:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text("x")
    seen = []
    monkeypatch.setattr(cluster, "library", lambda: seen.append(dict(os.environ)) or Ray())
    monkeypatch.setattr(cluster, "_require_answer", lambda _: None)
    with cluster.connected(address):
        pass
    assert seen[0].get("RAY_AUTH_MODE") == mode, "Ray reads it when it is imported"
    fresh = "RAY_AUTH_TOKEN" in seen[0] and not given
    assert fresh == (address is None and not given), "no token is left in the home folder"


@pytest.mark.parametrize(("free", "starts"), [(10**9, True), (300 * 10**6, False)])
def test_ray_is_not_started_where_its_own_processes_do_not_fit(free, starts, monkeypatch):
    ray = Ray()
    monkeypatch.setattr(cluster, "library", lambda: ray)
    monkeypatch.setattr(cluster, "free_memory", lambda: free)
    expected = nullcontext() if starts else pytest.raises(RunError, match="need 400 MB .* 300 MB")
    with expected, cluster.connected(None):
        pass
    assert bool(ray.begun) == starts


@pytest.mark.parametrize("own", [None, "/elsewhere"])
@pytest.mark.parametrize("parent", ["/tmp", "a folder with a name that is too long for sockets"])
def test_nothing_stays_of_what_ray_writes_on_this_machine(parent, own, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", parent)
    monkeypatch.setenv("TMPDIR", own) if own else monkeypatch.delenv("TMPDIR", raising=False)
    ray = Ray()
    monkeypatch.setattr(cluster, "library", lambda: ray)
    with cluster.connected(None):
        folder = Path(ray.begun[0]["_temp_dir"])
        (folder / "session").mkdir()
    assert ray.temporary == str(folder), "so nothing stays of a worker that is killed, either"
    assert os.environ.get("TMPDIR") == own
    socket_name = f"{folder}/session_2026-11-29_21-24-44_295208_4194304/sockets/plasma_store"
    assert len(socket_name) < 107
    assert ray.folder_at_the_end, "Ray ends before its folder is removed"
    assert not folder.exists()


@pytest.mark.parametrize(
    ("resources", "room"),
    [(Resources(1), 8), (Resources(3), 2), (Resources(16), 0), (Resources(1, 1), 2)],
)
def test_as_many_workers_fit_as_there_are_cpus_and_gpus_for(resources, room):
    assert resources.fit(Node("1", "a", 8, 2)) == room
