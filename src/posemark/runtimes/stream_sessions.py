"""Several sessions on one network as one Session, for threads that infer at the same time."""

from collections.abc import Sequence
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from posemark.runtimes import Maps, Session


class StreamSessions:
    """Lends one of several equal sessions to each thread that calls `infer`.

    As many threads as there are sessions may call it at the same time; a further one waits.

    Args:
        sessions: sessions of one runtime on one network, each with its own CPU threads.

    Attributes:
        runtime: as in Session.
        precision: as in Session.
        device: as in Session.
    """

    def __init__(self, sessions: Sequence[Session]) -> None:
        first = sessions[0]
        self.runtime, self.precision, self.device = first.runtime, first.precision, first.device
        self._sessions = tuple(sessions)
        self._free: SimpleQueue[Session] = SimpleQueue()
        for session in sessions:
            self._free.put(session)

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Prepare every session for this shape (N, 3, H, W); no thread may infer meanwhile."""
        for session in self._sessions:
            session.prepare(shape)

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Return the outputs by name for a batch (N, 3, H, W), from any of the sessions."""
        session = self._free.get()
        try:
            return session.infer(batch)
        finally:
            self._free.put(session)
