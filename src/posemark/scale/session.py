"""Finds the poses of one shard after the other with one open session, each into its own record."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import structs

from posemark.core.frame import Boxes, Frame, Poses
from posemark.geometry.crop import image_of
from posemark.measure.clock import now_ns, utc_now
from posemark.measure.loop import run_block
from posemark.measure.watch import Watch
from posemark.pipelines import Work
from posemark.records import files, schema
from posemark.run.build import build_estimator
from posemark.run.codec_ceiling import Perfect
from posemark.run.header import RUN_BYTES, make_header, with_device
from posemark.run.model_accuracy import OnTruth, needs_poses_on_truth, truth_boxes
from posemark.run.prepare import Prepared
from posemark.run.record_lines import block_line, frame_line
from posemark.scale.layout import Part


@dataclass(frozen=True)
class Measured:
    """A finished shard.

    Attributes:
        shard: its number.
        content: its record.
        frames: the number of its images.
        failures: why images could not be used, one sentence for each.
        wall_ns: nanoseconds that it took.
    """

    shard: schema.Shard
    content: bytes
    frames: int
    failures: tuple[str, ...]
    wall_ns: int


class ShardSession:
    """An open session of a job, which several shards use.

    Args:
        prepared: the job.
        ceiling: the ids of the images whose perfect outputs are decoded, in all shards together.

    Raises:
        PoseMarkError: as build_estimator() does.
    """

    def __init__(self, prepared: Prepared, ceiling: frozenset[int]) -> None:
        self._prepared, self._ceiling = prepared, ceiling
        self._pipeline = build_estimator(prepared).pipeline
        header = make_header(prepared, own_process=True, turns=1)
        self._header = with_device(header, self._pipeline.session.device)
        self._truth = truth_boxes(prepared)

    def measure(self, part: Part) -> Measured:
        """Find the poses of a shard.

        Raises:
            PoseMarkError: if the record cannot be written. Images that cannot be used are lines in
                it.
        """
        began_ns = now_ns()
        with TemporaryDirectory(prefix="posemark-shard-") as folder:
            path = Path(folder) / f"shard{files.SUFFIX}"
            failures = self._write(path, part)
            content = path.read_bytes()
        return Measured(part.shard, content, len(part.frames), failures, now_ns() - began_ns)

    def _write(self, path: Path, part: Part) -> tuple[str, ...]:
        header = structs.replace(
            self._header, shard=part.shard, run=secrets.token_hex(RUN_BYTES), started=utc_now()
        )
        with files.Writer.create(path, header) as writer:
            pairs = ((f, self._truth(f)) for f in part.frames if f.image_id in self._ceiling)
            for perfect in Perfect(pairs, set(), self._pipeline.perfect).go_on(None):
                writer.write(perfect)
            good, failures = self._write_frames(writer, part.frames)
            if needs_poses_on_truth(self._prepared):
                for on_truth in OnTruth(self._truth, self._poses_of, set()).lines(good):
                    writer.write(on_truth)
            writer.write(schema.End("shard"))
        return failures

    def _write_frames(
        self, writer: files.Writer, frames: list[Frame]
    ) -> tuple[list[Frame], tuple[str, ...]]:
        """Write the lines of frames; return those that could be used, and what failed."""
        good: list[Frame] = []
        failures: list[str] = []
        watch, began_ns = Watch(), now_ns()
        watch.start()
        for frame, work, timed in run_block(
            iter(frames), self._prepare, self._pipeline.process, None
        ):
            line = frame_line(frame, work, timed, self._pipeline, None)
            writer.write(line)
            if line.error is None:
                good.append(frame)
            else:
                failures.append(line.error)
        writer.write(block_line(len(frames), began_ns, 0, watch.stop()))
        return good, tuple(failures)

    def _poses_of(self, frame: Frame, boxes: Boxes) -> Poses:
        return self._pipeline.poses_of(image_of(frame), boxes)

    def _prepare(self, frame: Frame) -> Work[Any]:
        return self._pipeline.prepare(frame, self._prepared.boxes.of(frame))
