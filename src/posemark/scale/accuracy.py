"""Measures the accuracy of jobs on all nodes of a cluster, shard by shard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from posemark.core.counting import counted
from posemark.core.errors import RunError, UsageError
from posemark.core.places import write_whole
from posemark.datasets import kind_of
from posemark.records import files, shards, truth
from posemark.run.codec_ceiling import of_ceiling
from posemark.run.header import make_header
from posemark.run.measurement import NothingMeasuredError, require_none_failed
from posemark.run.model_accuracy import truth_boxes
from posemark.run.prepare import Prepared
from posemark.scale.cluster import Cluster, Resources
from posemark.scale.dispatch import Dispatch
from posemark.scale.layout import Part, folder_of, is_sound, unfinished
from posemark.scale.node_inputs import contents_of, expected_of
from posemark.scale.pool import GivenUpError, Pool, Start
from posemark.scale.session import Measured
from posemark.scale.worker import Task, Worker
from posemark.score.coco import truth_json

Failed = GivenUpError | NothingMeasuredError
"""The errors that end one job, while the others continue."""


class Watcher(Protocol):
    """Receives the progress of a run; a place is the index of a job in the whole run."""

    def begin(self, place: int, images: int) -> None:
        """Called before the workers of a job are started.

        Args:
            place: the job.
            images: the number of its images that have no record yet.
        """
        ...

    def finished(self, place: int, shard: Measured, workers: int) -> None:
        """Called after each shard, with the number of worker processes."""
        ...

    def over(self, place: int, path: Path) -> None:
        """Called when a job has all its shards, with its record."""
        ...

    def died(self, place: int, error: Failed) -> None:
        """Called when a job cannot continue; the other jobs do."""
        ...

    def say(self, sentence: str) -> None:
        """Called when something is worth a line, such as the loss of a node."""
        ...


def require_shareable(prepared: Prepared) -> None:
    """Check that workers can share the images of a job, and that this tells an accuracy.

    Raises:
        UsageError: if frames follow each other, or the weights are not trained.
    """
    options = prepared.job.options
    kind = kind_of(options.data)
    if prepared.in_clips or (kind and not kind.any_order):
        raise UsageError(
            f"--mode accuracy lets workers share the images, but the frames of {options.data} "
            "follow each other in time. Use --mode burst, or data whose images stand alone, such "
            "as coco:DIR."
        )
    if prepared.checkpoint is None:
        raise UsageError(
            f"{prepared.key} has no trained weights, so that it has no accuracy to measure. Name "
            "weights (MODEL.TAG or --weights), or use --mode burst to measure its speed."
        )


def resources_of(prepared: Prepared) -> Resources:
    """Return what a worker of a job occupies: its threads, and the GPU that it runs on."""
    options = prepared.job.options
    return Resources(options.threads, 0 if options.device == "cpu" else 1)


def run_in_shards(
    jobs: Sequence[Prepared], out: Path, resume: bool, cluster: Cluster, watcher: Watcher
) -> None:
    """Measure the accuracy of every job, one after the other, into shards in a folder.

    If the work of one of several jobs fails too often, or nothing of it can be measured, the
    watcher receives the reason and the other jobs continue.

    Args:
        jobs: the jobs, for which require_shareable() and unfinished() were called.
        out: the folder of the run.
        resume: whether shards that are there are kept.
        cluster: the machines.
        watcher: receives the progress.

    Raises:
        RunError: if no node can work, or a record cannot be written. The finished shards are kept.
        GivenUpError, NothingMeasuredError: for a single job.
    """
    for place, prepared in enumerate(jobs):
        try:
            _run_job(place, prepared, out, resume, cluster, watcher)
        except (GivenUpError, NothingMeasuredError) as error:
            if len(jobs) == 1:
                raise
            watcher.died(place, error)


def _run_job(
    place: int, prepared: Prepared, out: Path, resume: bool, cluster: Cluster, watcher: Watcher
) -> None:
    parts, folder = unfinished(prepared, out, resume), folder_of(prepared, out)
    watcher.begin(place, sum(len(part.frames) for part in parts))
    truth_file = out / make_header(prepared, own_process=True, turns=1).truth
    truth.write(truth_json(prepared.frames), truth_file)
    if parts:
        _measure(place, prepared, parts, out, cluster, watcher)
    _require_inference(prepared.key, folder)
    watcher.over(place, folder)


def _measure(
    place: int,
    prepared: Prepared,
    parts: Sequence[Part],
    out: Path,
    cluster: Cluster,
    watcher: Watcher,
) -> None:
    folder, dispatch = folder_of(prepared, out), Dispatch(parts)
    start = Start(Worker, arguments_of(prepared, cluster), resources_of(prepared), len(parts))
    pool = Pool(cluster, start, dispatch, watcher.say)
    try:
        for measured in pool.results():
            _store(shards.file_of(folder, measured.shard), measured.content)
            watcher.finished(place, measured, pool.workers)
    except GivenUpError as error:
        raise GivenUpError(f"{prepared.key}: {error}") from error
    if dispatch.given_up:
        lost = counted(len(dispatch.given_up), "shard")
        raise GivenUpError(
            f"{prepared.key}: {lost} of {parts[0].shard.of} could not be measured. The last reason "
            f"{dispatch.given_up[-1][1]}. Every finished shard is kept. Run the same command again "
            "with --resume to try only these."
        )


def arguments_of(prepared: Prepared, cluster: Cluster) -> tuple[object, ...]:
    """Return the arguments of a worker: large ones are stored once per machine."""
    expected = expected_of(prepared)
    return cluster.arguments(
        Task(prepared, expected, ceiling_images(prepared)), contents_of(expected)
    )


def ceiling_images(prepared: Prepared) -> frozenset[int]:
    """Return the ids of the images of a job whose perfect outputs are decoded, too."""
    convention = truth_boxes(prepared)
    frames = prepared.frames[: prepared.job.options.limit]
    ceiling = of_ceiling((frame, convention(frame)) for frame in frames)
    return frozenset(frame.image_id for frame, _ in ceiling)


def _store(path: Path, content: bytes) -> None:
    """Write the record of a shard, unless another run has written it in the meantime.

    A damaged record is kept beside it.
    """
    try:
        if path.exists():
            if is_sound(files.read_to_resume(path)):
                return
            path.replace(path.with_name(f"{path.name}.damaged"))
        write_whole(path, content)
    except OSError as error:
        raise RunError(
            f"{path}: the record cannot be written ({error.strerror}). Every finished shard is "
            "kept. Make room or correct the permissions, then continue with --resume."
        ) from error


def _require_inference(key: str, folder: Path) -> None:
    """Raise an error if images failed, and the network ran on none of the others."""
    record = shards.read(folder)
    if record.failed and not any(line.inferred for line in record.good):
        last = record.failed[-1].error or ""
        require_none_failed(key, len(record.failed), len(record.frames), last)
