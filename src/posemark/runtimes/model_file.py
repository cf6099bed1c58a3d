"""Sessions on exported model files: conversion to and from a file's own layout, type and names."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posemark.core.codec import CHANNEL_AXIS
from posemark.core.errors import CheckpointError, PoseMarkError, UsageError
from posemark.core.model_file import Artefact, FileOutput
from posemark.runtimes import Maps, Tensor
from posemark.runtimes.declared_input import input_problems
from posemark.runtimes.export_errors import first_line


class RawSession(Protocol):
    """A model file in a runtime, with inputs and outputs in the file's layout, type and names.

    Attributes:
        runtime: name of the runtime.
        precision: the precision that runs.
        device: the device that runs it.
    """

    runtime: str
    precision: str
    device: str

    def infer(self, batch: NDArray[Any]) -> Maps:
        """Run a batch in the file's layout and type; return outputs by the file's names."""
        ...

    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the inputs and outputs that the file declares."""
        ...


class FileSession:
    """A model file as a Session: takes normalised batches (N, 3, H, W), returns the card's output.

    Attributes:
        raw: the session on the file in its own layout, type and names.
        runtime: as in Session.
        precision: as in Session.
        device: as in Session.
    """

    def __init__(self, raw: RawSession, artefact: Artefact) -> None:
        self.raw = raw
        self.runtime, self.precision, self.device = raw.runtime, raw.precision, raw.device
        self._artefact = artefact
        self._seen: set[tuple[int, ...]] = set()

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Run once on zeros.

        Raises:
            UsageError: if the file does not accept this shape, if its size or type is not what
                its card says, or if an output is missing.
        """
        if shape not in self._seen:
            self.infer(np.zeros(shape, np.float32))

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Run the file; conversion of layouts is part of it, and so of the measured time.

        Args:
            batch: normalised network input (N, 3, H, W).

        Returns:
            The output that the card declares, by its name in PoseMark.

        Raises:
            UsageError: as prepare.
        """
        fed = as_fed(batch, self._artefact)
        if batch.shape in self._seen:
            outputs = self.raw.infer(fed)
        else:
            outputs = self._first(fed)
            self._seen.add(batch.shape)
        return {self._artefact.output.name: declared_output(outputs, self._artefact)}

    def require_runs(self, batch: NDArray[np.float32]) -> None:
        """Check that the file runs on this batch (N, 3, H, W).

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
        except Exception as error:  # every runtime has its own exception classes
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
            return "Run `posemark check` on its card to compare the two."
        if made_for == 1:
            return "It accepts one image at a time only: use --persons serial, without --flip."
        return (
            f"It accepts exactly {made_for} images at a time, but a frame may have any number of "
            "people: export it with a free batch size, or for one image."
        )

    def _require_declared(self) -> None:
        """Some runtimes convert types and sizes silently, and then compute something else."""
        inputs, _ = self.raw.tensors()
        problems = [text for given in inputs for text in input_problems(self._artefact, given)]
        if problems:
            raise UsageError(
                f"{self._artefact.path.name} is not what its card says: {'; '.join(problems)}."
            )


def as_fed(batch: NDArray[np.float32], artefact: Artefact) -> NDArray[Any]:
    """Convert a batch (N, 3, H, W) to the layout and type of the file's input.

    Conversion to uint8 is exact, because such files have unscaled bytes as input.
    """
    if artefact.layout == "nhwc":
        batch = batch.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(batch, artefact.dtype)


def declared_output(outputs: Maps, artefact: Artefact) -> NDArray[np.float32]:
    """Build the output that the card declares from the outputs of the file.

    Args:
        outputs: outputs by the file's names, in its layout.
        artefact: says which outputs are joined, and in what order.

    Returns:
        The output in PoseMark's order of channels, with the axes of its form (core.codec.Form).
    """
    wanted = artefact.output
    parts = [outputs[name] for name in wanted.sources] or list(outputs.values())
    if wanted.form == "maps" and artefact.layout == "nhwc":
        parts = [maps.transpose(0, 3, 1, 2) for maps in parts]
    if wanted.form == "boxes":  # an output (N, R), such as the classes, is one column
        parts = [part[..., None] if part.ndim == 2 else part for part in parts]
    axis = CHANNEL_AXIS[wanted.form]
    joined = parts[0] if len(parts) == 1 else np.concatenate(parts, axis)
    if wanted.order:
        joined = joined.take(wanted.order, axis)
    return np.ascontiguousarray(joined, np.float32)


def missing_sources(names: list[str], wanted: FileOutput) -> list[str]:
    """Return the outputs that a card names and the file does not have.

    Args:
        names: the outputs of the file.
        wanted: the output as the card declares it.
    """
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
    """Compare the precision found in a file with the one that its card declares.

    Args:
        artefact: the file as the card describes it.
        found: the precision of its operators and weights.

    Raises:
        UsageError: if they differ.
    """
    if found != artefact.precision:
        raise UsageError(
            f"{artefact.path.name} is in {found}, by its operators and weights, but its card says "
            f'file.precision = "{artefact.precision}": correct the card.'
        )


@contextmanager
def reading_errors(path: Path, runtime: str) -> Generator[None, None, None]:
    """Turn exceptions while a file is read into one error.

    Args:
        path: the file.
        runtime: who reads it, for the message.

    Raises:
        CheckpointError: if the block raises anything but PoseMark's own errors.
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
