"""Measures the steps of tuning on this machine.

A duel measures two settings in turns, block by block. Accuracy is measured outside the clock.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol, TypeVar

from posemark.core.errors import FrameError, PoseMarkError, UsageError
from posemark.core.frame import Frame, Poses
from posemark.datasets import Dataset
from posemark.geometry.crop import image_of
from posemark.measure.clock import Budget
from posemark.measure.contention import contended
from posemark.measure.paired_frames import gain
from posemark.measure.speed_interval import Interval
from posemark.records import files
from posemark.records.files import Record
from posemark.run.build import build_estimator
from posemark.run.calibration import spread
from posemark.run.interleave import Lane, Watcher, take_turns
from posemark.run.measurement import Circumstances, Standing
from posemark.run.options import Options
from posemark.run.plan import Job
from posemark.run.prepare import Prepared, prepare_job, require_order, spec_of_entry, tag_of
from posemark.run.worker import Isolated
from posemark.runtimes.registry import require
from posemark.score.agreement import agreement
from posemark.score.coco import evaluate, results_of, truth_json
from posemark.tune import Goal
from posemark.tune.search import Cost, StepError

FEWEST_BLOCKS = 8
"""Smallest number of blocks of each side in a duel, whatever the budget.

An interval needs blocks. Slow networks would have few of them, and so would networks that their
runtime compiles again for every batch size.
"""

ATTEMPTS = 3
"""Number of attempts at a duel while other programs use the machine.

They slow down both sides, but not by the same factor.
"""

ACCURACY_SECONDS = 60.0
"""After this many seconds, the reference takes no further frames for the accuracy."""

Lanes = Callable[..., Lane]
T = TypeVar("T")


class _Trial:
    """A lane whose errors belong to the step that is tried, and do not end the search."""

    def __init__(self, lane: Lane) -> None:
        self._lane, self.path = lane, lane.path

    @property
    def standing(self) -> Standing:
        """The progress of the lane."""
        return self._lane.standing

    def open(self) -> None:
        """Open the lane."""
        _or_failed(self._lane.open)

    def block(self) -> bool:
        """Measure a block of the lane."""
        return _or_failed(self._lane.block)

    def close(self) -> None:
        """Close the lane."""
        self._lane.close()


def _or_failed(act: Callable[[], T]) -> T:
    try:
        return act()
    except PoseMarkError as error:
        raise StepError(str(error)) from error


class Audience(Watcher, Protocol):
    """A watcher that also receives the name of each measurement."""

    def about(self, what: str) -> None:
        """Take the name of the next measurement, before each duel and each accuracy test."""
        ...


@dataclass
class Bench:
    """Measures settings of one entry on this machine; it implements search.Bench.

    Attributes:
        reference: The job with which the accuracy of every step is compared.
        dataset: The frames and their annotations.
        out: Folder for the records; every duel gets a subfolder.
        budget: Seconds for each side of a duel.
        frames: Largest number of frames on which the accuracy is measured.
        watcher: Shows the progress.
        lane: Makes the measurement of one side; by default in a process of its own.
        goal: Whether the pose stages of a frame are compared, or its wall time.
    """

    reference: Job
    dataset: Dataset
    out: Path
    budget: float
    frames: int
    watcher: Audience
    lane: Lanes = Isolated
    goal: Goal = "latency"
    _duels: int = field(default=0, init=False)

    def refusal(self, options: Options) -> str:
        """Why these options cannot be run here, as far as that is known without trying."""
        try:
            require_order(options)
            artefact = self._reference_prepared.spec.artefact
            require(options.target, options.calibrate is not None, artefact)
        except UsageError as error:
            return str(error)
        return ""

    def duel(self, name: str, best: Options, tried: Options) -> Interval | None:
        """Measure how many times as fast `tried` is: both run in turns, each in a process."""
        for _ in range(ATTEMPTS):
            base, new = self._records(name, best, tried)
            if not (contended(base) or contended(new)):
                return gain(base, new, wall=self.goal == "throughput")
        raise StepError(f"undecided: other programs used the machine in all {ATTEMPTS} attempts")

    def _records(self, name: str, best: Options, tried: Options) -> tuple[Record, Record]:
        self._duels += 1
        self.watcher.about(name)
        folder = self.out / f"{self._duels:02d} {name}".replace(" ", "-").replace(":", "")
        lanes = self._lane(best, folder / "best", 0), self._trial(tried, folder / "tried")
        take_turns(lanes, 0, self.watcher)
        return files.read(lanes[0].path), files.read(lanes[1].path)

    def _trial(self, options: Options, folder: Path) -> "_Trial":
        try:
            return _Trial(self._lane(options, folder, 1))
        except PoseMarkError as error:
            raise StepError(str(error)) from error

    def _lane(self, options: Options, folder: Path, place: int) -> Lane:
        prepared = self._prepared(replace(options, budget=self.budget))
        circumstances = Circumstances(
            turns=2, perfect_seconds=0, fewest_blocks=FEWEST_BLOCKS, trial=False
        )
        return self.lane(prepared, folder, False, partial(self.watcher.step, place), circumstances)

    @property
    def name(self) -> str:
        """The entry with its weights; settings are saved under this name."""
        prepared = self._reference_prepared
        return self.reference.name(tag_of(prepared.spec, prepared.checkpoint))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of the data or filled in."""
        return self._reference_prepared.data_notes

    @cached_property
    def _reference_prepared(self) -> Prepared:
        return self._prepared(self.reference.options)

    def _prepared(self, options: Options) -> Prepared:
        return prepare_job(replace(self.reference, options=options), self.dataset, self._all)

    @cached_property
    def _all(self) -> list[Frame]:
        return self.dataset.frames()

    def cost(self, tried: Options) -> Cost:
        """Compare the accuracy of `tried` with that of the reference, on the same frames."""
        self.watcher.about("accuracy")
        frames, reference_poses = self._reference_poses
        found = _or_failed(lambda: list(_poses(self._prepared(tried), frames)))
        tried_poses = [poses for _, poses in found]
        oks = agreement(zip(reference_poses, tried_poses, strict=True))
        if self.unjudged:
            return Cost(len(frames), oks, unknown=self.unjudged)
        before, after = (_ap(frames, poses) for poses in (reference_poses, tried_poses))
        return Cost(len(frames), oks, 100 * (before - after))

    @cached_property
    def _reference_poses(self) -> tuple[list[Frame], list[Poses]]:
        """The frames that fit into ACCURACY_SECONDS, and the reference's poses on them."""
        budget = Budget(ACCURACY_SECONDS)
        chosen = spread(self._annotated or self._all, self.frames)
        found: list[tuple[Frame, Poses]] = []
        for pair in _poses(self._reference_prepared, chosen):
            found.append(pair)
            if budget.used_up():
                break
        return [frame for frame, _ in found], [poses for _, poses in found]

    @cached_property
    def _annotated(self) -> list[Frame]:
        """The frames with annotated people."""
        return [f for f in self._all if (f.truth.keypoints_xyv[..., 2] > 0).any()]

    @property
    def unjudged(self) -> str:
        """Why the AP is unknown; "" if it is known."""
        if self._reference_prepared.checkpoint is None:
            return "no trained weights"
        if not self.dataset.photographs:
            return "drawn scenes have no meaningful AP"
        return "" if self._annotated else "no annotated people"


def first_runnable(job: Job, runtimes: Sequence[str]) -> str:
    """The job's own runtime if it is among `runtimes`; otherwise the first one that can run it.

    Raises:
        UsageError: If none of the runtimes can be used.
    """
    own, spec = job.options.target, spec_of_entry(job.entry)
    refusals: list[str] = []
    for name in sorted(runtimes, key=lambda name: name != own.runtime):
        try:
            require(replace(own, runtime=name), artefact=spec.artefact)
        except UsageError as error:
            refusals.append(str(error))
        else:
            return name
    raise UsageError(f"None of these runtimes can be used: {' '.join(refusals)}")


def _poses(prepared: Prepared, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Poses]]:
    """Yield each readable frame with the poses that the network finds in it."""
    pipeline = build_estimator(prepared).pipeline
    for frame in frames:
        try:
            image = image_of(frame)
        except FrameError:  # the records of the duels name the frame and the error
            continue
        yield frame, pipeline.poses(image, prepared.boxes.of(frame))


def _ap(frames: list[Frame], poses: list[Poses]) -> float:
    results = [
        one for f, own in zip(frames, poses, strict=True) for one in results_of(f.image_id, own)
    ]
    sigmas = frames[0].truth.skeleton.sigmas
    figures = evaluate(truth_json(frames), results, [f.image_id for f in frames], sigmas)
    return (figures["AP"] or 0.0) if figures else 0.0
