"""Records of made-up poses on drawn scenes in COCO's layout, as a gallery takes them."""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

import made_records
from posemark.core.frame import Frame, Poses
from posemark.core.skeleton import COCO_17
from posemark.datasets.coco import ANNOTATIONS, IMAGES, Coco
from posemark.datasets.sample import Sample
from posemark.gallery.judged_frames import judged_entry
from posemark.records import files
from posemark.records.schema import End, People, Source
from posemark.report.measured_accuracy import judged_poses
from posemark.score.coco import truth_json

SCENES = 16


@cache
def scenes() -> tuple[Frame, ...]:
    """Drawn scenes with at least one labelled key point: from one to six people."""
    return tuple(f for f in Sample(SCENES).frames() if f.truth.keypoints_xyv[..., 2].any())


def exact(frame: Frame) -> Poses:
    """Return the poses of a flawless network: of everybody with labelled key points."""
    truth = frame.truth
    labelled = (truth.keypoints_xyv[..., 2] > 0).any(1) & ~truth.is_crowd
    points = truth.keypoints_xyv[labelled]
    scores = (points[..., 2] > 0).astype(float)
    return Poses(points[..., :2], scores, np.full(len(points), 0.9), COCO_17)


def without(poses: Poses, *people: int) -> Poses:
    """Return the poses without those of some people."""
    return replace(
        poses,
        keypoints_xy=np.delete(poses.keypoints_xy, people, 0),
        keypoint_scores=np.delete(poses.keypoint_scores, people, 0),
        scores=np.delete(poses.scores, people, 0),
    )


def moved(poses: Poses, x: float) -> Poses:
    """Return the poses, some pixels to the right."""
    return replace(poses, keypoints_xy=poses.keypoints_xy + np.array([x, 0.0]))


def people_of(poses: Poses) -> People:
    points = np.concatenate([poses.keypoints_xy, poses.keypoint_scores[..., None]], -1)
    return People(poses.scores.tolist(), points.reshape(len(poses), 51).tolist())


@dataclass(frozen=True)
class Made:
    """A data set in COCO's layout, and a folder for records on it."""

    data: Path
    runs: Path

    @property
    def name(self) -> str:
        return f"coco:{self.data}"

    def record(
        self, entry, change=lambda frame, poses: poses, frames=None, truth=None, **changes
    ) -> Path:
        """Write a record whose poses are exact, but for a change by frame; None keeps none.

        Args:
            entry: the name of the entry.
            change: returns the poses of a frame; called with the frame and its exact poses.
            frames: the measured frames; all scenes by default.
            truth: the frames whose annotations are beside the record; all scenes by default.
            changes: fields of the header.
        """
        fields = {"data": Source(self.name, Coco(self.data).fingerprint), "truth": "truth.json"}
        lines = []
        for frame in scenes() if frames is None else frames:
            poses = change(frame, exact(frame))
            found = None if poses is None else people_of(poses)
            lines.append(made_records.frame(frame.image_id, 10_000_000, poses=found))
        self.runs.mkdir(parents=True, exist_ok=True)
        annotated = json.dumps(truth_json(truth or scenes()))
        (self.runs / "truth.json").write_text(annotated, encoding="utf-8")
        head = made_records.header(entry, **fields | changes)
        path = self.runs / f"{entry}{files.SUFFIX}"
        path.unlink(missing_ok=True)
        return made_records.written(path, head, [*lines, End("all frames")])


def made(folder: Path) -> Made:
    """Write the data set."""
    data = folder / "data"
    (data / IMAGES).mkdir(parents=True)
    (data / ANNOTATIONS).parent.mkdir()
    (data / ANNOTATIONS).write_text(json.dumps(truth_json(scenes())), encoding="utf-8")
    for frame in scenes():
        (data / IMAGES / frame.name).write_bytes(frame.read())
    return Made(data, folder / "runs")


def judged(path: Path):
    """Return the judged entry of a record on the scenes."""
    record = files.read(path)
    sources = {frame.image_id: frame for frame in scenes()}
    return judged_entry(record.header.entry, record, judged_poses(record, {}), sources)
