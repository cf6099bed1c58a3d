"""One thread a test process: two workers on two cores would otherwise wait for each other.

And a web server on this machine for all tests that fetch something.
"""

import os
import signal

import hypothesis
import pytest

# How long a case takes says nothing here: other programs may use the machine.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def stoppable():
    """The command, whose end ignores Ctrl-C for the rest of its process, is called in this one."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def authority():
    """Whose certificates are trusted where `server` is used."""
    import https_server

    return https_server.authority()


@pytest.fixture(scope="session")
def _running(authority):
    import https_server

    with https_server.running(authority) as server:
        yield server


@pytest.fixture
def server(_running, authority, tmp_path, monkeypatch):
    """A server that serves nothing yet; patience for a test, and PoseMark's own empty folder."""
    import https_server
    from posemark.downloads import files

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(https_server.trusted(authority, tmp_path)))
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    patience = files.Patience(attempts=3, pause=0.01, silence=1.0, least_rate=1000, window=0.3)
    monkeypatch.setattr(files, "PATIENCE", patience)
    _running.ways.clear()
    _running.log.clear()
    return _running
