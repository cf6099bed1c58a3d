"""From a prepared job to a pipeline that runs: the heavy part."""

from functools import partial
from typing import TYPE_CHECKING

import posemark
from posemark.artefacts import Store
from posemark.cards.trial_run import require_shapes
from posemark.core.places import user_cache
from posemark.core.spec import ModelSpec
from posemark.nn import formula
from posemark.pipelines import Pipeline
from posemark.pipelines.topdown import TopDown
from posemark.pipelines.whole_image import BottomUp
from posemark.run.prepare import Prepared
from posemark.runtimes import Session, Source
from posemark.runtimes.model_file import FileSession
from posemark.runtimes.registry import open_session
from posemark.weights import Checkpoint, load_into

if TYPE_CHECKING:
    from torch import nn


def build_pipeline(prepared: Prepared) -> Pipeline:
    """The network with its weights, in its runtime, between pre- and post-processing.

    Raises:
        UsageError, ExportError: as opening.open_session; UsageError where the outputs of an
            exported file are not what its card says.
    """
    options, spec, codec = prepared.job.options, prepared.spec, prepared.codec
    session = _session(prepared)
    _set_image_threads(options.threads)
    trained = prepared.checkpoint is not None
    if spec.sizing:
        scales = prepared.job.entry.scales
        arguments = (scales, options.flip, trained, prepared.rescorer)
        return BottomUp(spec, session, spec.sizing, codec, *arguments)
    most = options.max_batch if options.persons == "batched" else 1
    return TopDown(spec, session, codec, options.flip, most, trained)


def artefacts() -> Store:
    """Exported, quantised and compiled networks of this user."""
    return Store(user_cache() / "artefacts")


def _session(prepared: Prepared) -> Session:
    spec, checkpoint, options = prepared.spec, prepared.checkpoint, prepared.job.options
    source = Source(
        spec=spec,
        build=partial(network_of, spec, checkpoint),
        weights=weights_identity(checkpoint),
        version=posemark.__version__,
        store=artefacts(),
        threads=options.threads,
        calibration=prepared.calibration,
    )
    session = open_session(options.target, source)
    if isinstance(session, FileSession):  # then spec has a card
        require_shapes(spec, session)
    return session


def weights_identity(checkpoint: Checkpoint | None) -> str:
    """What tells a network's weights from others: their SHA-256, or the formula's version."""
    return checkpoint.sha256 if checkpoint else formula.VERSION


def network_of(spec: ModelSpec, checkpoint: Checkpoint | None) -> "nn.Module":
    """The torch module with these weights, or with formula weights."""
    network = spec.build()
    if checkpoint:
        load_into(network, checkpoint.path, spec.convert)
    else:
        formula.initialise(network)
    return network


def _set_image_threads(threads: int) -> None:
    import cv2

    cv2.setNumThreads(threads)
