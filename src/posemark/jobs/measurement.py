"""Measuring one job into its record, block by block, so that several can take turns."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from posemark.core.errors import DataError, FrameError
from posemark.core.frame import Frame
from posemark.datasets.boxes import BoxSource, open_boxes
from posemark.geometry.conventions import HRNET
from posemark.jobs.build import build_pipeline
from posemark.jobs.feed import Feed
from posemark.jobs.header import make_header, require_same_run, with_device
from posemark.jobs.lines import block_line, frame_line, people, write_truth
from posemark.jobs.prepare import Prepared
from posemark.measure.camera import Camera
from posemark.measure.clock import POSE_STAGES, now_ns
from posemark.measure.interval import pose_interval
from posemark.measure.loop import BLOCK_SECONDS, FEWEST_FRAMES, run_block, time_of, warm_up
from posemark.measure.watch import Watch
from posemark.pipelines import Pipeline
from posemark.records import files, schema
from posemark.runtimes.sentinel import Sentinel

WARM_UP_BOXES = 2
"""People in the warm-up frame: enough to reach every code path, few enough to be quick."""

CEILING_IMAGES = 200
"""Annotated images that the codec ceiling is made of; the same for every entry of a data set."""

FEWEST_PRECISE = 10
"""Blocks before a run may call itself precise enough to stop: fewer are too easily lucky."""


@dataclass(frozen=True)
class Step:
    """Progress after a frame. done: frames so far. share: of the whole run, 0..1."""

    done: int
    share: float
    line: schema.FrameLine


@dataclass(frozen=True)
class Circumstances:
    """How a job is run beside others; changes no figure's meaning.

    own_process: nothing else ran in this process. turns: entries that take turns. ceiling: what
    the machine attains, for the record. perfect: decode perfect outputs for the codec ceiling.
    fewest_blocks: that a budget leaves at least.
    """

    own_process: bool = True
    turns: int = 1
    ceiling: dict[str, float] | None = None
    perfect: bool = True
    fewest_blocks: int = 1


ALONE = Circumstances()


def existing_record(prepared: Prepared, out: Path, resume: bool) -> files.Record | None:
    """The record that this job would go on with; None if it would start anew.

    Raises:
        RecordError: if there is one and resume is off, or it is of another run.
    """
    path = record_path(prepared, out)
    if not files.begun(path):
        return None
    if not resume:
        raise files.never_overwritten(path)
    record = files.read(path)
    require_same_run(record, make_header(prepared, ALONE.own_process, ALONE.turns))
    return record


def record_path(prepared: Prepared, out: Path) -> Path:
    """Where the record of a job lies."""
    return out / f"{prepared.key}{files.SUFFIX}"


class Measurement:
    """A job being measured into out/KEY.jsonl; with resume it goes on where it stopped.

    Use: open() once, block() until it says that the run is over, close(). Frames that failed
    before are tried again. A resumed run has its whole budget again.
    """

    def __init__(
        self,
        prepared: Prepared,
        out: Path,
        resume: bool,
        on_step: Callable[[Step], None],
        circumstances: Circumstances = ALONE,
    ) -> None:
        self._prepared, self._options, self._on_step = prepared, prepared.job.options, on_step
        self._record = existing_record(prepared, out, resume)
        self._perfect, self._fewest_blocks = circumstances.perfect, circumstances.fewest_blocks
        own_process, turns = circumstances.own_process, circumstances.turns
        self._header = make_header(prepared, own_process, turns, circumstances.ceiling)
        self._out, self.path = out, record_path(prepared, out)
        self._all = prepared.frames[: self._options.limit]
        self._left = self._unfinished()
        self._before = len(self._all) - len(self._left)
        self._done, self._spent_ns, self._began_ns = 0, 0, 0
        self._failures: list[str] = []
        self._timed: list[list[tuple[int, int]]] = []
        self._writer: files.Writer | None = None

    def _unfinished(self) -> list[Frame]:
        if not self._record or self._repeats:
            return self._all
        finished = {f.image_id for f in self._record.good}
        return [f for f in self._all if f.image_id not in finished]

    @property
    def _repeats(self) -> bool:
        return self._options.mode != "burst"

    def open(self) -> None:
        """Build the network, begin the record, decode perfect outputs, warm up."""
        write_truth(self._prepared.frames, self._out / self._header.truth)
        if self._left:
            self._header = with_device(self._header, self._pipeline.session.device)
        self._writer = self._open_record()
        if self._left and self._perfect:
            self._write_perfect(self._writer)
        if self._left:
            _warm_up(self._pipeline, self._prepared.boxes, self._left)

    def _open_record(self) -> files.Writer:
        if not self._record:
            return files.Writer.create(self.path, self._header)
        writer = files.Writer.append(self._record)
        if self._left:
            writer.write(schema.Resumed(self._header.environment, self._header.started))
        return writer

    @cached_property
    def _pipeline(self) -> Pipeline:
        return build_pipeline(self._prepared)

    @cached_property
    def _feed(self) -> Feed:
        fps = self._options.camera_fps
        return Feed(self._left, self._repeats, Camera(fps) if fps else None)

    @cached_property
    def _sentinel(self) -> Sentinel:
        sentinel = Sentinel()
        sentinel()
        return sentinel

    @cached_property
    def _watch(self) -> Watch:
        return Watch()

    def block(self) -> bool:
        """Run frames for about half a second, one at least; False once the run is over.

        Raises:
            DataError: if every single frame failed.
        """
        if not self._writer:
            raise RuntimeError("block() before open()")
        if self._left:
            self._run_block(self._writer)
        reason = self._over()
        if reason and (self._left or not (self._record and self._record.complete)):
            self._writer.write(schema.End(reason))
        return not reason

    def _run_block(self, writer: files.Writer) -> None:
        sentinel_ns, frames = time_of(self._sentinel), self._done
        self._began_ns = now_ns()
        self._watch.start()
        self._timed.append([])
        for frame, work, timed in run_block(
            self._feed, self._prepare, self._pipeline.process, self._block_seconds
        ):
            line = frame_line(frame, work, timed, self._pipeline, self._feed.shot)
            self._feed.handled(timed.frame_ns)
            writer.write(line)
            self._watch.sample()
            self._count(line)
        readings = self._watch.stop()
        self._spent_ns += readings.wall_ns
        writer.write(block_line(self._done - frames, self._began_ns, sentinel_ns, readings))

    def _prepare(self, frame: Frame) -> Any:
        return self._pipeline.prepare(frame, self._prepared.boxes.of(frame))

    @property
    def _block_seconds(self) -> float:
        return min(BLOCK_SECONDS, self._options.budget or BLOCK_SECONDS)

    def _count(self, line: schema.FrameLine) -> None:
        self._done += 1
        if line.error:
            self._failures.append(line.error)
        else:
            self._timed[-1].append((line.load, sum(line.stages[s] for s in POSE_STAGES)))
        self._on_step(Step(self._before + self._done, self._share(), line))
        if not self._before and len(self._failures) == len(self._all) == self._done:
            raise DataError(
                f"every one of {len(self._all)} frames failed. The last: {self._failures[-1]}"
            )

    def _share(self) -> float:
        done = 0.0 if self._repeats else (self._before + self._done) / len(self._all)
        budget, spent_ns = self._options.budget, self._spent_ns + now_ns() - self._began_ns
        return min(1.0, max(done, spent_ns / budget / 1e9 if budget else 0.0))

    def _over(self) -> str:
        """Why the run is over; "" while it is not."""
        budget = self._options.budget
        if not self._left or self._feed.over:
            return "limit" if self._options.limit else "all frames"
        enough = self._done >= FEWEST_FRAMES and len(self._timed) >= self._fewest_blocks
        if budget and self._spent_ns >= budget * 1e9 and enough:
            return "budget"
        return "precision" if self._precise() else ""

    def _precise(self) -> bool:
        until = self._options.until
        if until is None or len(self._timed) < FEWEST_PRECISE:
            return False
        interval = pose_interval(self._timed)
        return interval is not None and interval.half_width <= until

    def _write_perfect(self, writer: files.Writer) -> None:
        """Decode perfect outputs for the people of the first CEILING_IMAGES annotated frames.

        Whatever the budget: a ceiling over other frames could not be compared.
        """
        have = {line.image_id for line in self._record.perfect} if self._record else set[int]()
        convention = self._prepared.spec.convention or HRNET
        source = open_boxes("gt", convention, 0, self._prepared.dataset.name, self._all)
        annotated = ((frame, source.of(frame)) for frame in self._all)
        posed = ((frame, boxes) for frame, boxes in annotated if len(boxes))
        for frame, boxes in islice(posed, CEILING_IMAGES):
            if frame.image_id in have:
                continue
            with suppress(FrameError):  # reported when its turn comes
                poses = self._pipeline.perfect(frame, boxes)
                writer.write(schema.PerfectLine(frame.image_id, people(poses)))

    def close(self) -> None:
        """Close the record and give the network's memory back."""
        if self._writer:
            self._writer.close()
        self.__dict__.pop("_pipeline", None)


def _warm_up(pipeline: Pipeline, source: BoxSource, frames: list[Frame]) -> None:
    """On the first frame that has boxes and can be read; others will be reported in turn."""
    for frame in frames:
        boxes = source.of(frame)
        if not len(boxes) and source.kind != "none":
            continue
        few = replace(
            boxes,
            boxes_xywh=boxes.boxes_xywh[:WARM_UP_BOXES],
            scores=boxes.scores[:WARM_UP_BOXES],
        )
        try:
            warm_up(pipeline.prepare(frame, few), pipeline.process)
        except FrameError:
            continue
        return
