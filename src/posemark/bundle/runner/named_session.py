"""Sessions on networks that PoseMark has exported, in any engine."""

import numpy as np
from numpy.typing import NDArray

from posemark.core.errors import UsageError
from posemark.runtimes import Maps
from posemark.runtimes.export_errors import first_line
from posemark.runtimes.model_file import RawSession


class NamedSession:
    """A network that PoseMark has exported, as a Session (posemark.runtimes).

    Args:
        raw: the network in its engine.
        names: the names of its outputs, in the order of the file.

    Attributes:
        runtime: as in Session.
        precision: as in Session.
        device: as in Session.
    """

    def __init__(self, raw: RawSession, names: tuple[str, ...]) -> None:
        self._raw, self._names = raw, names
        self.runtime, self.precision, self.device = raw.runtime, raw.precision, raw.device
        self._seen: set[tuple[int, ...]] = set()

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Run once on zeros, unless this shape ran before.

        Raises:
            UsageError: if the engine cannot run the network, or has other outputs.
        """
        if shape in self._seen:
            return
        try:
            outputs = self._raw.infer(np.zeros(shape, np.float32))
        except UsageError:
            raise
        except Exception as error:  # every engine has its own exception classes
            raise UsageError(
                f"{self.runtime} cannot run this network on a batch of the shape {shape} "
                f"({first_line(error)}). Use another engine (--engine)."
            ) from error
        self._named(outputs)
        self._seen.add(shape)
        self.device = self._raw.device  # some engines know it after the first run only

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Return the outputs by name for a batch (N, 3, H, W)."""
        self.prepare(batch.shape)
        return self._named(self._raw.infer(batch))

    def _named(self, outputs: Maps) -> Maps:
        """Name the outputs of an engine that has kept their names, or only one output."""
        if all(name in outputs for name in self._names):
            return {name: outputs[name] for name in self._names}
        if len(outputs) == len(self._names) == 1:
            return dict(zip(self._names, outputs.values(), strict=True))
        raise UsageError(
            f"{self.runtime} gives the outputs {', '.join(outputs)}, expected "
            f"{', '.join(self._names)}. Use another engine (--engine)."
        )
