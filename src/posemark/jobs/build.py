"""From a prepared job to a pipeline that runs: the heavy part."""

from typing import TYPE_CHECKING

from posemark.core.spec import ModelSpec
from posemark.jobs.prepare import Prepared
from posemark.nn import formula
from posemark.pipelines import Pipeline
from posemark.pipelines.bottomup import BottomUp
from posemark.pipelines.topdown import TopDown
from posemark.runtimes.torch_eager import TorchSession
from posemark.weights import Checkpoint, load_into

if TYPE_CHECKING:
    from torch import nn


def build_pipeline(prepared: Prepared) -> Pipeline:
    """The network with its weights, in its runtime, between pre- and post-processing."""
    options, spec, codec = prepared.job.options, prepared.spec, prepared.codec
    session = TorchSession(_network(spec, prepared.checkpoint), options.threads)
    _set_image_threads(options.threads)
    trained = prepared.checkpoint is not None
    if spec.sizing:
        scales = prepared.job.entry.scales
        arguments = (scales, options.flip, trained, prepared.rescorer)
        return BottomUp(spec, session, spec.sizing, codec, *arguments)
    return TopDown(spec, session, codec, options.flip, options.persons == "batched", trained)


def _network(spec: ModelSpec, checkpoint: Checkpoint | None) -> "nn.Module":
    network = spec.build()
    if checkpoint:
        load_into(network, checkpoint.path, spec.convert)
    else:
        formula.initialise(network)
    return network


def _set_image_threads(threads: int) -> None:
    import cv2

    cv2.setNumThreads(threads)
