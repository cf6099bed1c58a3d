"""From a prepared job to a pipeline that runs: the heavy part."""

from functools import partial
from typing import TYPE_CHECKING

import posemark
from posemark.artefacts import Store
from posemark.cards.trial_run import require_shapes
from posemark.core.places import user_cache
from posemark.core.spec import ModelSpec
from posemark.estimator import Estimator
from posemark.nn import formula
from posemark.pipelines.build import Processing
from posemark.run.prepare import Prepared
from posemark.runtimes import Session, Source
from posemark.runtimes.model_file import FileSession
from posemark.runtimes.registry import open_session
from posemark.weights import Checkpoint, load_into

if TYPE_CHECKING:
    from torch import nn


def build_estimator(prepared: Prepared) -> Estimator:
    """The network with its weights, in its runtime, between pre- and post-processing.

    Raises:
        UsageError, ExportError: as registry.open_session; UsageError where the outputs of an
            exported file are not what its card says.
    """
    options = prepared.job.options
    session = _session(prepared)
    _set_image_threads(options.threads)
    how = Processing(
        scales=prepared.job.entry.scales,
        flip=options.flip,
        most=options.crops_per_pass,
        trained=prepared.checkpoint is not None,
        rescorer=prepared.rescorer,
    )
    return Estimator.of(prepared.spec, session, how)


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
