"""What a worker does: it loads the model once, and then annotates shards into Parquet files.

It knows nothing of Ray. What goes wrong with a shard is part of its result.
"""

import platform
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from posemark.core.errors import FrameError, PoseMarkError
from posemark.core.places import write_whole
from posemark.geometry.crop import decode_bgr
from posemark.geometry.image_header import require_whole, size_wh
from posemark.geometry.orientation import orientation_of, upright
from posemark.measure.clock import now_ns
from posemark.predict.many.ledger import Entry
from posemark.predict.many.pose_table import Annotated, encoded
from posemark.predict.many.sources import Content, files_read, rows_read
from posemark.predict.shots import Shot
from posemark.predict.stream import Observer
from posemark.run.build import build_estimator
from posemark.run.prepare import Prepared
from posemark.scale.node_inputs import Expected, Fetch, at_this_node

POSES = "poses"
"""The folder of the files with poses, in the folder of results."""


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


def file_of(out: Path, shard: int) -> Path:
    """Return the file with the poses of a shard, in folders of a thousand files each."""
    return out / POSES / f"{shard // 1000:06}" / f"{shard:09}.parquet"


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

    def annotate(self, row: dict[str, Any]) -> dict[str, Any]:
        """Annotate a shard.

        Args:
            row: the row of the plan.

        Returns:
            The fields of its Entry, and "why": why it could not be annotated, or "".
        """
        try:
            entry = self._annotated(row)
        except PoseMarkError as error:
            return _failure(row, f"on {platform.node()}: {error}")
        except Exception:  # a bug, or a fault of the file system; the caller shows where it is
            return _failure(row, f"on {platform.node()}: {traceback.format_exc()}")
        return {**asdict(entry), "why": ""}

    def _annotated(self, row: dict[str, Any]) -> Entry:
        began_ns, observer = now_ns(), self._opened()
        annotated: list[Annotated] = []
        bytes_in = 0
        for index, content in enumerate(_contents(row)):
            bytes_in += len(content.read) if isinstance(content.read, bytes) else 0
            annotated.append(_of_image(observer, content, index))
        table = encoded(annotated, self._key_points)
        write_whole(file_of(self._task.out, int(row["number"])), table)
        return Entry(
            shard=int(row["number"]),
            images=len(annotated),
            failed=sum(each.poses is None for each in annotated),
            people=sum(len(each.poses) for each in annotated if each.poses is not None),
            wall_ns=now_ns() - began_ns,
            bytes_in=bytes_in,
            bytes_out=len(table),
        )

    def _opened(self) -> Observer:
        if self._observer is None:
            task = self._task
            prepared = at_this_node(task.prepared, task.expected, self._fetch, platform.node())
            self._key_points = tuple(prepared.spec.skeleton.keypoints)
            self._observer = Observer(build_estimator(prepared), is_clip=False)
        return self._observer


def _failure(row: dict[str, Any], why: str) -> dict[str, Any]:
    return {**asdict(Entry(int(row["number"]), 0, 0, 0, 0, 0, 0)), "why": why}


def _contents(row: dict[str, Any]) -> Iterator[Content]:
    paths, groups = list(row["paths"]), [int(each) for each in row["row_groups"]]
    if groups:
        return rows_read(str(row["root"]), paths[0], groups)
    return files_read(str(row["root"]), paths)


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
