"""Fixtures for all tests, among them a local web server for tests that download files.

Each test process uses one thread: two workers on two cores would otherwise wait for each other.
"""

import os
import signal
import subprocess

import hypothesis
import pytest

# The duration of a case means nothing here: other programs may use the machine.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def stoppable():
    """Restore Ctrl-C: a command that ends ignores it for the rest of the test process."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def disk(tmp_path):
    """Return a function that mounts a small disk; skip where that is not permitted."""
    from small_disk import SmallDisk

    disks = []

    def mounted(size):
        folder = tmp_path / "disk"
        folder.mkdir()
        try:
            disks.append(SmallDisk(folder, size))
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("only root may mount a small disk")
        return disks[0]

    yield mounted
    for each in disks:
        each.end()


@pytest.fixture(scope="session")
def authority():
    """The certificate authority that is trusted in tests that use `server`."""
    import https_server

    return https_server.authority()


@pytest.fixture(scope="session")
def _running(authority):
    import https_server

    with https_server.running(authority) as server:
        yield server


@pytest.fixture
def server(_running, authority, tmp_path, monkeypatch):
    """A server without files, with short timeouts and an empty folder for PoseMark's files."""
    import https_server
    from posemark.downloads import transfer

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(https_server.trusted(authority, tmp_path)))
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    patience = transfer.Patience(attempts=3, pause=0.01, silence=1.0, least_rate=1000, window=0.3)
    monkeypatch.setattr(transfer, "PATIENCE", patience)
    _running.ways.clear()
    _running.log.clear()
    return _running
