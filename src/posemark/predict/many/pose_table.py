"""The Parquet file with the poses of a shard: one row per image, also without people."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posemark.core.frame import Poses
from posemark.predict.many.sources import arrow

POSES = "poses"
"""The folder of the files with poses, in the folder of results."""


def file_of(out: Path, shard: int) -> Path:
    """Return the file with the poses of a shard, in folders of a thousand files each."""
    return out / POSES / f"{shard // 1000:06}" / f"{shard:09}.parquet"


@dataclass(frozen=True)
class Annotated:
    """An image and the people in it.

    Attributes:
        image: its name.
        size_wh: width and height in pixels, upright; (0, 0) if it could not be used.
        poses: the people; None if it could not be used.
        error: why it could not be used; "" if it could.
    """

    image: str
    size_wh: tuple[int, int]
    poses: Poses | None
    error: str = ""


def encoded(rows: Sequence[Annotated], key_points: Sequence[str]) -> bytes:
    """Return the content of the file.

    Its columns are image, width, height, scores (one per person), keypoints (per person and key
    point x, y in pixels and score, in the order of the metadata `keypoints`) and error.

    Args:
        rows: the images.
        key_points: names of the key points, in their order.
    """
    pa, parquet = arrow("pyarrow"), arrow("pyarrow.parquet")
    schema = pa.schema(
        [
            ("image", pa.string()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("scores", pa.list_(pa.float32())),
            ("keypoints", pa.list_(pa.list_(pa.float32()))),
            ("error", pa.string()),
        ],
        metadata={"keypoints": ",".join(key_points)},
    )
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist([_row(each) for each in rows], schema), sink)
    return bytes(sink.getvalue().to_pybytes())


def _row(each: Annotated) -> dict[str, Any]:
    width, height = each.size_wh
    row = {"image": each.image, "width": width, "height": height, "error": each.error or None}
    if each.poses is None:
        return {**row, "scores": None, "keypoints": None}
    poses = each.poses
    points = np.concatenate([poses.keypoints_xy, poses.keypoint_scores[..., None]], -1)
    flat = points.reshape(len(poses), 3 * points.shape[1])
    return {**row, "scores": poses.scores.tolist(), "keypoints": flat.tolist()}
