"""OpenPose's JSON: a folder with one file per frame, as OpenPose's --write_json writes it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from posemark.core.places import write_whole
from posemark.core.skeleton import Skeleton
from posemark.predict.drafts import explained
from posemark.predict.frames import TrackedFrame

END = "_keypoints.json"
"""The end of the name of every file."""


class OpenPoseFolder:
    """A folder with a file NAME_000000000012_keypoints.json for each frame, also for empty ones.

    The key points have the order of the model's own skeleton (COCO's 17, for most), which OpenPose
    would call another model; a program that reads the files must be told so. A key point that was
    not found is 0, 0, 0.
    """

    def __init__(self, path: Path, skeleton: Skeleton) -> None:  # noqa: ARG002 (others need it)
        self._folder = path
        with explained(path):
            path.mkdir(parents=True, exist_ok=True)
            for old in path.glob(f"*{END}"):
                old.unlink()  # with --overwrite: a shorter video must not leave older frames

    def write(self, frame: TrackedFrame) -> None:
        """Write the file of a frame."""
        name = f"{Path(frame.name).stem}_{frame.index:012d}{END}"
        poses = frame.poses
        ids = np.full(len(poses), -1) if poses.ids is None else poses.ids
        points = np.concatenate([poses.keypoints_xy, poses.keypoint_scores[..., None]], -1)
        points[poses.keypoint_scores <= 0] = 0
        people = [_person(int(i), each) for i, each in zip(ids, points, strict=True)]
        path = self._folder / name
        with explained(path):
            content = json.dumps({"version": 1.3, "people": people}).encode()
            write_whole(path, content, one_of_many=True)

    def close(self) -> None:
        """Do nothing, because every file is complete."""


_OTHER_PARTS = (
    *("face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d"),
    *("pose_keypoints_3d", "face_keypoints_3d", "hand_left_keypoints_3d"),
    "hand_right_keypoints_3d",
)
"""Fields that readers of the format expect, and that stay empty."""


def _person(person_id: int, points: Any) -> dict[str, Any]:
    return {
        "person_id": [person_id],
        "pose_keypoints_2d": [round(value, 4) for value in points.ravel().tolist()],
        **{name: [] for name in _OTHER_PARTS},
    }
