"""Builds the estimator of a prepared job: loads its weights and opens its runtime."""

from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

import posemark
from posemark.artefacts import Store
from posemark.cards.trial_run import require_shapes
from posemark.core.places import user_cache
from posemark.core.spec import ModelSpec
from posemark.estimator import Estimator
from posemark.nn import formula
from posemark.pipelines.build import Processing
from posemark.pipelines.follow import Tracked
from posemark.pipelines.people import GIVEN, People
from posemark.pipelines.smoothed import Smoothed
from posemark.run.prepare import Prepared
from posemark.runtimes import Session, Source
from posemark.runtimes.model_file import FileSession
from posemark.runtimes.registry import open_session
from posemark.runtimes.stream_sessions import StreamSessions
from posemark.tracking.tracker import Tracker
from posemark.weights import Checkpoint, load_into

if TYPE_CHECKING:
    from torch import nn


def build_estimator(prepared: Prepared) -> Estimator:
    """Return the estimator of a job: its network in its runtime, with pre- and post-processing.

    If the job has a person detector, it is opened, too. OpenCV's number of threads is set to that
    of one frame, for the whole process.

    Raises:
        UsageError: if the runtime cannot run the network as asked, or the outputs of an exported
            file differ from its card.
        CheckpointError: if the checkpoint cannot be read, or does not fit the network.
        ExportError: if the runtime cannot convert the network, or its outputs differ from
            torch's.
    """
    options = prepared.job.options
    session = _session(prepared)
    set_image_threads(options.threads_per_frame)
    how = Processing(
        scales=prepared.job.entry.scales,
        flip=options.flip,
        most=options.crops_per_pass,
        trained=prepared.checkpoint is not None,
        rescorer=prepared.rescorer,
        people=_people(prepared),
    )
    return Estimator.of(prepared.spec, session, how)


def _people(prepared: Prepared) -> People:
    """Return the provider of person boxes. In clips, it gives people ids, whoever finds them."""
    options = prepared.job.options
    people = prepared.detector.open(options) if prepared.detector else GIVEN
    if not prepared.in_clips or options.mode == "overlapped":
        return people
    people = people if people.remembers else Tracked(people, Tracker())
    return Smoothed(people) if options.smooth else people


def artefacts() -> Store:
    """Return the store of this user's exported, quantised and compiled networks."""
    return Store(user_cache() / "artefacts")


def _session(prepared: Prepared) -> Session:
    streams = prepared.job.options.frames_at_once
    source = _source(prepared)
    if streams == 1:
        return _one_session(prepared, source)
    # Sessions of eager torch share the memory of one network, which they only read.
    source = replace(source, build=cache(source.build))
    return StreamSessions([_one_session(prepared, source) for _ in range(streams)])


def _one_session(prepared: Prepared, source: Source) -> Session:
    session = open_session(prepared.job.options.target, source)
    if isinstance(session, FileSession):  # only exported models, which have a card
        require_shapes(prepared.spec, session)
    return session


def _source(prepared: Prepared) -> Source:
    spec, checkpoint = prepared.spec, prepared.checkpoint
    return Source(
        spec=spec,
        build=partial(network_of, spec, checkpoint),
        weights=weights_identity(checkpoint),
        version=posemark.__version__,
        store=artefacts(),
        threads=prepared.job.options.threads_per_frame,
        calibration=prepared.calibration,
    )


def weights_identity(checkpoint: Checkpoint | None) -> str:
    """Return what identifies a network's weights.

    Args:
        checkpoint: the checkpoint; None for formula weights.

    Returns:
        The SHA-256 of the checkpoint, or the version of the formula.
    """
    return checkpoint.sha256 if checkpoint else formula.VERSION


def network_of(spec: ModelSpec, checkpoint: Checkpoint | None) -> "nn.Module":
    """Return the torch module of a model with its weights.

    Args:
        spec: a model of the zoo; an exported model has no torch module.
        checkpoint: the checkpoint; None for formula weights.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or does not fit the network.
    """
    network = spec.build()
    if checkpoint:
        load_into(network, checkpoint.path, spec.convert)
    else:
        formula.initialise(network)
    return network


def set_image_threads(threads: int) -> None:
    """Set the number of threads of OpenCV, for the whole process."""
    import cv2

    cv2.setNumThreads(threads)
