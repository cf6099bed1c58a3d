"""Measures one entry into its record on the device, by the rules of `posemark run`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from posemark.bundle.runner.entry_file import EntryFile
from posemark.bundle.runner.numpy_sentinel import NumpySentinel
from posemark.bundle.runner.record import Existing, RecordWriter
from posemark.core.errors import DataError
from posemark.core.frame import Frame
from posemark.measure.clock import now_ns
from posemark.measure.loop import BLOCK_SECONDS, FEWEST_FRAMES, run_block, time_of
from posemark.measure.watch import BlockWatch
from posemark.pipelines import Pipeline, Work
from posemark.run.frame_order import Feed, unfinished
from posemark.run.record_lines import block_fields, frame_fields
from posemark.run.warm_up import warm_up_pipeline


@dataclass(frozen=True)
class Plan:
    """What is measured, and for how long.

    Attributes:
        pipeline: the pipeline of the entry.
        frames: all frames of the bundle.
        entry: the boxes of the entry, and its header at home.
        seconds: the time of the blocks; None for all passes over the frames.
        repeat: how many times the run goes through its frames; None if frames repeat until the
            time is over.
        watch: reads the activity of the device during a block.
        sentinel: the fixed workload before each block.
        stopped: returns whether the run is to stop after the present frame.
    """

    pipeline: Pipeline[Any]
    frames: list[Frame]
    entry: EntryFile
    seconds: float | None
    repeat: int | None
    watch: BlockWatch
    sentinel: NumpySentinel
    stopped: Callable[[], bool]


@dataclass(frozen=True)
class Step:
    """The progress after a frame.

    Attributes:
        done: frames so far, those of an earlier process included.
        total: frames in total; None if they repeat.
        fps: frames per second of this process, over all stages.
        seconds_left: the expected time until the end.
    """

    done: int
    total: int | None
    fps: float
    seconds_left: float


def warm_up(pipeline: Pipeline[Any], frames: list[Frame], entry: EntryFile) -> float:
    """Warm up as `posemark run` does; return the expected seconds of a frame, 0.0 if unknown."""
    whole = entry.header["box_kind"] == "none"
    boxes = [entry.boxes_of(frame.image_id) for frame in frames]
    people = [1 if whole else len(each) for each in boxes]
    usual = sum(people) / max(1, len(people))
    return warm_up_pipeline(pipeline, zip(frames, boxes, people, strict=True), lambda: usual)


class EntryMeasurement:
    """Measures the frames of an entry that its record does not have yet.

    Args:
        plan: what is measured.
        writer: the record, whose header is written.
        existing: the record as it was before; None for a new one.
        on_step: called after each frame.
    """

    def __init__(
        self,
        plan: Plan,
        writer: RecordWriter,
        existing: Existing | None,
        on_step: Callable[[Step], None],
    ) -> None:
        self._plan, self._writer, self._on_step = plan, writer, on_step
        measured = [line["image_id"] for line in existing.measured] if existing else []
        # Sustained runs begin again, because the device has cooled down meanwhile.
        endless = plan.repeat is None
        self._left = plan.frames if endless else unfinished(plan.frames, measured, plan.repeat or 1)
        self._total = None if endless else len(plan.frames) * (plan.repeat or 1)
        self._before = len(measured)
        self._feed = Feed(self._left, endless, None)
        self._done, self._good, self._spent_ns, self._frames_ns = 0, 0, 0, 0
        self._last_error = ""
        lines = existing.measured if existing else []
        self._inferred = any(line["stages"]["infer"] > 0 for line in lines)

    def expected_seconds(self, frame_seconds: float) -> float:
        """Return the expected time of the run.

        Args:
            frame_seconds: the expected seconds of a frame.
        """
        everything = [] if self._total is None else [frame_seconds * len(self._left)]
        return min(everything + ([] if self._plan.seconds is None else [self._plan.seconds]))

    def run(self) -> bool:
        """Measure block after block, until the run is over or is to stop.

        Returns:
            Whether the run is over; then the record has its end.

        Raises:
            DataError: if frames failed, and the network ran on none of the others.
            RunError: if the record cannot be written.
        """
        while not self._over():
            if self._plan.stopped():
                return False
            self._block()
        self._writer.write("end", {"reason": self._over()})
        self._writer.sync()
        return True

    def _block(self) -> None:
        plan = self._plan
        sentinel_ns, before = time_of(plan.sentinel), self._done
        began_ns = now_ns()
        plan.watch.start()
        for frame, work, timed in run_block(
            self._until_stopped(), self._prepare, plan.pipeline.process, self._block_seconds
        ):
            fields = frame_fields(frame, work, timed, plan.pipeline, None)
            plan.watch.sample()
            self._writer.write("frame", fields)
            self._count(fields, began_ns)
        readings = plan.watch.stop()
        self._spent_ns += readings.wall_ns
        if self._done > before:
            fields = block_fields(self._done - before, began_ns, sentinel_ns, readings)
            self._writer.write("block", fields)
            self._writer.sync()
        if self._done == len(plan.frames) and self._last_error and not self._inferred:
            raise DataError(
                f"{self._done - self._good} of {self._done} frames failed, and the network ran on "
                f"none of the others. The last: {self._last_error}"
            )

    def _until_stopped(self) -> Iterator[Frame]:
        """Yield frames, but none any more once the run is to stop: the block then ends in order."""
        for frame in self._feed:
            yield frame
            if self._plan.stopped():
                return

    def _prepare(self, frame: Frame) -> Work[Any]:
        return self._plan.pipeline.prepare(frame, self._plan.entry.boxes_of(frame.image_id))

    @property
    def _block_seconds(self) -> float:
        return min(BLOCK_SECONDS, self._plan.seconds or BLOCK_SECONDS)

    def _count(self, fields: dict[str, Any], began_ns: int) -> None:
        self._done += 1
        if fields.get("error"):
            self._last_error = fields["error"]
        else:
            self._good += 1
            self._inferred = self._inferred or fields["stages"]["infer"] > 0
            self._frames_ns += fields["frame_ns"]
        used = (self._spent_ns + now_ns() - began_ns) / 1e9
        fps = self._good * 1e9 / self._frames_ns if self._frames_ns else 0.0
        left = self._left_after(used)
        self._on_step(Step(self._before + self._done, self._total, fps, left))

    def _left_after(self, used: float) -> float:
        budget = self._plan.seconds
        by_budget = [] if budget is None else [max(0.0, budget - used)]
        remaining = len(self._left) - self._done
        by_frames = [] if self._total is None else [remaining * used / self._done]
        return min(by_budget + by_frames)

    def _over(self) -> str:
        """Return why the run is over, as in schema.End; "" while it is not."""
        if not self._left or self._feed.over:
            return "all frames"
        seconds, enough = self._plan.seconds, self._done >= FEWEST_FRAMES
        return "budget" if seconds and enough and self._spent_ns >= seconds * 1e9 else ""
