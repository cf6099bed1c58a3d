"""What a worker does: it loads the model once, and then annotates shards into Parquet files.

It knows nothing of Ray. What goes wrong is returned, as in scale/worker.py.
"""

import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from posemark.core.errors import FrameError, RunError
from posemark.core.places import write_whole
from posemark.geometry.crop import decode_bgr
from posemark.geometry.image_header import require_whole, size_wh
from posemark.geometry.orientation import orientation_of, upright
from posemark.measure.clock import now_ns
from posemark.predict.many.ledger import Entry
from posemark.predict.many.plan import Shard
from posemark.predict.many.pose_table import Annotated, encoded, file_of
from posemark.predict.many.sources import Content, files_read, rows_read
from posemark.predict.shots import Shot
from posemark.predict.stream import Observer
from posemark.run.build import build_estimator
from posemark.run.prepare import Prepared
from posemark.scale.node_inputs import Expected, Fetch, at_this_node
from posemark.scale.worker import Failure, attempted


@dataclass(frozen=True)
class Task:
    """What a worker is started with.

    Attributes:
        prepared: the model.
        expected: what it depends on.
        out: the folder of results, which all machines share.
    """

    prepared: Prepared = field(repr=False)
    expected: Expected
    out: Path


class Annotator:
    """A worker that annotates shards.

    Args:
        task: the model and the folder of results.
        fetch: returns the content of a file that this machine lacks.
    """

    def __init__(self, task: Task, fetch: Fetch) -> None:
        self._task, self._fetch = task, fetch
        self._observer: Observer | None = None
        self._key_points: tuple[str, ...] = ()

    def open(self) -> Failure | None:
        """Load the model; return why it cannot be loaded on this machine."""
        return attempted(self._open)

    def _open(self) -> None:
        task = self._task
        prepared = at_this_node(task.prepared, task.expected, self._fetch, platform.node())
        self._key_points = tuple(prepared.spec.skeleton.keypoints)
        self._observer = Observer(build_estimator(prepared), is_clip=False)

    def work(self, shard: Shard) -> Entry | Failure:
        """Annotate a shard, or return why it could not be annotated."""
        if self._observer is None:
            raise RuntimeError("work() needs a model: call open() first")
        return attempted(partial(self._annotated, shard, self._observer))

    def _annotated(self, shard: Shard, observer: Observer) -> Entry:
        began_ns = now_ns()
        annotated: list[Annotated] = []
        bytes_in = 0
        for index, content in enumerate(_contents(shard)):
            bytes_in += len(content.read) if isinstance(content.read, bytes) else 0
            annotated.append(_of_image(observer, content, index))
        table = encoded(annotated, self._key_points)
        _write(file_of(self._task.out, shard.number), table)
        return Entry(
            shard=shard.number,
            images=len(annotated),
            failed=sum(each.poses is None for each in annotated),
            people=sum(len(each.poses) for each in annotated if each.poses is not None),
            wall_ns=now_ns() - began_ns,
            bytes_in=bytes_in,
            bytes_out=len(table),
        )


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror}). Make room or correct the permissions, "
            "then continue with --resume."
        ) from error


def _contents(shard: Shard) -> Iterator[Content]:
    if shard.row_groups:
        return rows_read(shard.root, shard.paths[0], shard.row_groups, shard.images)
    return files_read(shard.root, shard.paths)


def _of_image(observer: Observer, content: Content, index: int) -> Annotated:
    """Find the people of an image; one that cannot be used says why."""
    try:
        if isinstance(content.read, FrameError):
            raise content.read
        require_whole(content.read, content.name)
        stored = decode_bgr(content.read, size_wh(content.read, content.name), content.name)
        image = upright(stored, orientation_of(content.read))
        found = observer.see(Shot(content.name, index, 0.0, image), 0)
    except FrameError as error:
        return Annotated(content.name, (0, 0), None, str(error))
    return Annotated(content.name, (image.shape[1], image.shape[0]), found.poses)
