"""A connection to a Ray cluster: on this machine alone, or to the machines at an address.

Ray is imported when a connection is made. It is told to send no usage statistics, and to start no
dashboard.
"""

import importlib
import os
import secrets
import socket
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, cast

from posemark.core.errors import RunError, UsageError
from posemark.core.places import is_file, with_home
from posemark.measure.environment import free_memory, usable_cores

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Skips every line that Ray would print on stdout, among our results, when it loses a process.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
}
"""Variables that Ray reads when it is imported."""

MISSING = (
    "--engine ray needs the package ray, which is not installed. Install it with: pip install "
    "'posemark[ray]'."
)


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, or one of several nodes on the same machine.

    Attributes:
        id: its id.
        name: the name of its host.
        cpus: the CPUs that Ray may use on it.
        gpus: the GPUs that Ray may use on it.
    """

    id: str
    name: str
    cpus: int
    gpus: int


@dataclass(frozen=True)
class Resources:
    """What a worker occupies of a node.

    Attributes:
        cpus: number of CPUs.
        gpus: number of GPUs.
    """

    cpus: int
    gpus: int = 0

    def fit(self, node: Node) -> int:
        """Return the number of such workers that a node has room for."""
        rooms = [node.cpus // self.cpus] + ([node.gpus // self.gpus] if self.gpus else [])
        return min(rooms)


def require_installed() -> None:
    """Check that Ray is installed, without the time that importing it takes.

    Raises:
        UsageError: if it is not; the message says how to install it.
    """
    if find_spec("ray") is None:
        raise UsageError(MISSING)


def library() -> Any:
    """Return the package ray.

    Raises:
        UsageError: if it is not installed; the message says how to install it.
    """
    os.environ |= _QUIET
    try:
        # An extra, which need not be installed where the types are checked.
        import ray  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
    except ImportError as error:
        raise UsageError(MISSING) from error
    return cast("Any", ray)


@contextmanager
def connected(address: str | None) -> Generator["Cluster"]:
    """Connect to a cluster for the duration of the block.

    Args:
        address: HOST:PORT of the head node, or auto for the cluster that this machine is part of;
            None starts nodes on this machine alone, and ends them with the block.

    Raises:
        UsageError: if Ray is not installed, or the address is of another form.
        RunError: if there is no cluster at the address, or no memory to start one.
    """
    _agree_on_token(address)
    ray = library()
    if not address:
        _require_memory()
    elif address != "auto":
        _require_answer(address)
    quiet = {"log_to_driver": False, "logging_level": "error"}
    with ExitStack() as stack:
        try:
            wanted = {"address": address} if address else _own_cluster(stack)
            stack.callback(ray.shutdown)  # also if Ray fails, or is stopped, while it starts
            with _temporary_files_in(wanted.get("_temp_dir")):
                ray.init(**wanted, **quiet)
        except Exception as error:  # Ray raises many kinds, also plain RuntimeError and ValueError
            raise RunError(_not_connected(address, error)) from error
        yield Cluster(ray)


def _own_cluster(stack: ExitStack) -> dict[str, object]:
    """Return the options of a cluster on this machine alone.

    What Ray writes is in a folder that is removed with the stack; Ray itself would keep it for
    ever. The names of its sockets must be short.
    """
    parent = tempfile.gettempdir()
    parent = parent if len(parent) <= _LONGEST_PARENT else "/tmp"  # noqa: S108 (see above)
    folder = stack.enter_context(
        tempfile.TemporaryDirectory(prefix="posemark-ray-", dir=parent, ignore_cleanup_errors=True)
    )
    return {
        "address": "local",
        "num_cpus": usable_cores(),
        "include_dashboard": False,
        "_temp_dir": folder,
    }


@contextmanager
def _temporary_files_in(folder: object) -> Generator[None]:
    """Let processes that start in the block, and their workers, have their temporary files there.

    A worker that is killed cannot remove them.
    """
    before = os.environ.get("TMPDIR")
    if folder:
        os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("TMPDIR", None)
        os.environ |= {} if before is None else {"TMPDIR": before}


_LONGEST_PARENT = 15
"""Of the 107 bytes of a socket's name, folder and session need the others."""


def _agree_on_token(address: str | None) -> None:
    """Let Ray (from 2.60 on) use the token of a cluster, or a fresh one for this machine alone.

    By itself, it would use no token for an address, although `ray start` uses that of the user, and
    would leave a token in the home folder, so that every later `ray start` uses it.
    """
    if _AUTH_MODE in os.environ:
        return
    if not address:
        os.environ |= {_AUTH_MODE: "token", _TOKEN: secrets.token_hex(32)}
    elif {_TOKEN, f"{_TOKEN}_PATH"} & {*os.environ} or is_file(with_home("~/.ray/auth_token")):
        os.environ[_AUTH_MODE] = "token"


_AUTH_MODE, _TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"


def _require_memory() -> None:
    """Check that Ray's own processes fit; else the system would end this one without a word.

    Raises:
        RunError: if they do not.
    """
    free = free_memory()
    if free < OWN_BYTES:
        raise RunError(
            f"Ray's own processes need {OWN_BYTES / 1e6:.0f} MB of memory, and {free / 1e6:.0f} MB "
            "are free for this process. Leave --engine ray out, close other programs, or raise the "
            "limit of this container."
        )


OWN_BYTES = 400_000_000
"""What the processes of Ray take on one machine, measured as 396 MB; workers come on top of it."""


def _require_answer(address: str) -> None:
    """Check in seconds that something answers at an address; Ray would try for minutes.

    Raises:
        UsageError: if it is no HOST:PORT.
        RunError: if nothing answers.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise UsageError(
            f"--address {address}: expected HOST:PORT of a cluster's head node, or auto. Run this "
            "command on one of the machines of the cluster."
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS) as opened:
            if "RAY_USE_TLS" not in os.environ:  # else it answers nobody without a certificate
                _require_http2(opened)
    except (OSError, OverflowError) as error:
        raise RunError(_not_connected(address, error)) from error


ANSWER_SECONDS = 10.0
"""Longest time until the head node of a cluster must answer."""

_FRAME, _SETTINGS = 9, 4
"""Bytes of the head of an HTTP/2 frame, and the type of the first frame, in its fourth byte."""

_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0))
"""How a client of HTTP/2 begins (RFC 9113, 3.4), with empty settings. Ray speaks gRPC, which is on
top of it, and says nothing to other programs."""


def _require_http2(opened: socket.socket) -> None:
    """Check that a server answers in HTTP/2.

    Raises:
        OSError: if it does not.
    """
    opened.sendall(_HTTP2)
    answer = b""
    while len(answer) < _FRAME:
        answer += (more := opened.recv(_FRAME - len(answer)))
        if not more:
            break
    if answer[3:4] != bytes((_SETTINGS,)):
        raise ConnectionError("another program answers")


def _not_connected(address: str | None, error: Exception) -> str:
    why = " ".join(str(error).split())[:_LONGEST_REASON]
    if address:
        return (
            f"--address {address}: no Ray cluster answers there ({why}). Start one with `ray start "
            "--head` on its first machine, or leave --address out to use this machine alone."
        )
    return f"Ray could not be started on this machine ({why}). Leave --engine ray out."


_LONGEST_REASON = 300


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process is connected to.

    Attributes:
        ray: the package.
    """

    ray: Any

    def nodes(self) -> list[Node]:
        """Return the nodes that are alive."""
        found = cast("Sequence[Mapping[str, Any]]", self.ray.nodes())
        return [
            Node(
                str(each["NodeID"]),
                str(each["NodeManagerHostname"]),
                int(each["Resources"].get("CPU", 0)),
                int(each["Resources"].get("GPU", 0)),
            )
            for each in found
            if each["Alive"]
        ]

    def start(self, kind: type, node: Node, resources: Resources, *arguments: object) -> Any:
        """Start a process on a node with an object of a class; Ray starts no second one for it."""
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        return (
            self.ray.remote(kind)
            .options(
                num_cpus=resources.cpus,
                num_gpus=resources.gpus,
                max_restarts=0,
                scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(node.id, soft=False),
            )
            .remote(*arguments)
        )

    def first_ready(self, calls: Sequence[Any], seconds: float) -> Any | None:
        """Wait until one of the calls has ended, and return it; None after this time."""
        ready, _ = self.ray.wait(list(calls), num_returns=1, timeout=seconds)
        return ready[0] if ready else None

    def result(self, call: Any) -> Any:
        """Return the result of a call.

        Raises:
            RunError: if its process or its machine was lost.
        """
        try:
            return self.ray.get(call)
        except self.ray.exceptions.RayError as error:
            first = str(error).strip().splitlines() or [""]
            raise RunError(f"{type(error).__name__}: {first[0]}") from error

    def arguments(self, task: object, contents: Iterable[tuple[str, bytes]]) -> tuple[Any, Any]:
        """Store what workers are started with once per machine.

        Args:
            task: what they do.
            contents: SHA-256 and content of the files that their machines may lack.

        Returns:
            The task and the function that fetches a content, as start() takes them.
        """
        references = {digest: self.ray.put(content) for digest, content in contents}
        return self.ray.put(task), partial(_fetched, references)

    def end(self, process: Any) -> None:
        """End a process that start() has started."""
        self.ray.kill(process)


def _fetched(references: Mapping[str, Any], digest: str) -> bytes:
    """Return the content with a SHA-256, in a worker."""
    return cast("bytes", library().get(references[digest]))
