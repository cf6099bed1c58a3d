"""Sessions on exported files: between our arrays and the file's own layout, types and names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posemark.core.errors import CheckpointError, PoseMarkError, UsageError
from posemark.core.model_file import Artefact, FileOutput
from posemark.runtimes import Maps, Tensor
from posemark.runtimes.declared_input import input_problems
from posemark.runtimes.export_errors import first_line


class Raw(Protocol):
    """A file in a runtime, fed and answering in its own layout, types and names."""

    runtime: str
    precision: str
    device: str

    def infer(self, batch: NDArray[Any]) -> Maps:
        """Outputs by the file's names, as float32."""
        ...

    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        """Inputs and outputs as the file has them."""
        ...


class FileSession:
    """A file as a Session: normalised batches (N, 3, H, W) in, the artefact's output out."""

    def __init__(self, raw: Raw, artefact: Artefact) -> None:
        self.raw = raw
        self.runtime, self.precision, self.device = raw.runtime, raw.precision, raw.device
        self._artefact = artefact
        self._seen: set[tuple[int, ...]] = set()

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Run once.

        Raises:
            UsageError: if the file does not take this shape, takes another size or type than
                its card says, or lacks an output.
        """
        if shape not in self._seen:
            self.infer(np.zeros(shape, np.float32))

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """The artefact's output, by our name. Turning layouts is part of running the file.

        Raises:
            UsageError: as prepare.
        """
        fed = as_fed(batch, self._artefact)
        if batch.shape in self._seen:
            outputs = self.raw.infer(fed)
        else:
            outputs = self._first(fed)
            self._seen.add(batch.shape)
        return {self._artefact.output.name: as_ours(outputs, self._artefact)}

    def require_runs(self, batch: NDArray[np.float32]) -> None:
        """Run once on these pixels.

        Raises:
            UsageError: as prepare.
        """
        self._first(as_fed(batch, self._artefact))

    def _first(self, fed: NDArray[Any]) -> Maps:
        if not self._seen:
            self._require_declared()
        try:
            outputs = self.raw.infer(fed)
        except PoseMarkError:
            raise
        except Exception as error:  # every runtime has its own kinds
            raise UsageError(
                f"{self._artefact.path.name} does not run on a batch of shape {fed.shape} and "
                f"type {fed.dtype} in {self.runtime} ({first_line(error)}). "
                f"{self._advice(len(fed))}"
            ) from error
        _require_sources(outputs, self._artefact)
        return outputs

    def _advice(self, batch: int) -> str:
        inputs, _ = self.raw.tensors()
        made_for = inputs[0].shape[0] if inputs and inputs[0].shape else None
        if made_for in (None, batch):
            return "`posemark check` on its card compares both."
        if made_for == 1:
            return "It is made for one image at a time: use --persons serial, without --flip."
        return (
            f"It is made for {made_for} images at a time, and a frame has any number of people: "
            "export it with a free batch size, or for one image."
        )

    def _require_declared(self) -> None:
        """Some runtimes turn types and sizes silently, and what comes out is another network's."""
        inputs, _ = self.raw.tensors()
        problems = [text for given in inputs for text in input_problems(self._artefact, given)]
        if problems:
            raise UsageError(
                f"{self._artefact.path.name} is not what its card says: {'; '.join(problems)}."
            )


def as_fed(batch: NDArray[np.float32], artefact: Artefact) -> NDArray[Any]:
    """A batch (N, 3, H, W) as the file wants it; bytes, being whole numbers, stay exact."""
    if artefact.layout == "nhwc":
        batch = batch.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(batch, artefact.dtype)


def as_ours(outputs: Maps, artefact: Artefact) -> NDArray[np.float32]:
    """The artefact's output: maps (N, C, h, w), or rows of points, in our order."""
    wanted = artefact.output
    parts = [outputs[name] for name in wanted.sources] or list(outputs.values())
    if wanted.points:
        rows = parts[0]
        return rows[..., list(wanted.order), :] if wanted.order else rows
    if artefact.layout == "nhwc":
        parts = [maps.transpose(0, 3, 1, 2) for maps in parts]
    maps = parts[0] if len(parts) == 1 else np.concatenate(parts, 1)
    if wanted.order:
        maps = maps[:, list(wanted.order)]
    return np.ascontiguousarray(maps, np.float32)


def missing_sources(names: list[str], wanted: FileOutput) -> list[str]:
    """The outputs that a card names and the file does not have."""
    return [name for name in wanted.sources if name not in names]


def _require_sources(outputs: Maps, artefact: Artefact) -> None:
    has = ", ".join(f"{name} {maps.shape}" for name, maps in outputs.items())
    missing = missing_sources(list(outputs), artefact.output)
    if missing:
        raise UsageError(
            f"{artefact.path.name} has no output called {' or '.join(missing)}; it has {has}. "
            "Name one of these in the card, under [outputs]."
        )
    if not artefact.output.sources and len(outputs) > 1:
        raise UsageError(
            f"{artefact.path.name} has several outputs: {has}. Say in the card, under "
            f"[outputs], which is {artefact.output.name}."
        )


def require_precision(artefact: Artefact, found: str) -> None:
    """Hold what a file was found to be in against its card.

    Raises:
        UsageError: if these differ.
    """
    if found != artefact.precision:
        raise UsageError(
            f"{artefact.path.name} is in {found}, by its operators and weights, but its card says "
            f'file.precision = "{artefact.precision}": correct the card.'
        )


@contextmanager
def reading(path: Path, runtime: str) -> Iterator[None]:
    """Turns whatever a runtime says of a file it cannot read into one error.

    Raises:
        CheckpointError: naming the file.
    """
    try:
        yield
    except PoseMarkError:
        raise
    except Exception as error:
        raise CheckpointError(
            f"{path}: {runtime} cannot read it ({first_line(error)}). It is damaged, or not what "
            "its name says: fetch it again."
        ) from error
