"""L2: one file a runtime, each giving a Session."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Session(Protocol):
    """A network ready to run. runtime, precision and device: what really runs, for the record."""

    runtime: str
    precision: str
    device: str

    def infer(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Named outputs for a batch (N, 3, H, W); returns when they are ready."""
        ...
