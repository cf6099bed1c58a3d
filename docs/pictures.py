"""The two pictures on the first screen of README.md, and the command that writes them again.

Run it from the repository, with the folder of the model's files, which its card names:

    POSEMARK_ARTEFACTS=DIR python docs/pictures.py

people.jpg: four drawn scenes of the data set `sample`, with the poses that a trained model finds
in them on the annotated boxes. The scenes are a choice, the poses are not: nothing of the
annotated keypoints is drawn.

light-small.svg: the measured points of benchmarks/light.svg (`posemark report`), read from the
labels of its marks and drawn again so that they read well at half the width of a page.
"""

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import posemark
from posemark.core.frame import Poses
from posemark.core.skeleton import COCO_17, Skeleton
from posemark.datasets.sample import Sample
from posemark.report import chart_places, charts, rendering
from posemark.report.result_row import Row

HERE = Path(__file__).parent
PEOPLE, CHART = HERE / "people.jpg", HERE / "benchmarks" / "light-small.svg"
MEASURED = HERE / "benchmarks" / "light.svg"

Picture = NDArray[np.uint8]

MODEL = "tinypose-256x192"
SCENES = (325, 304, 50, 299)  # image_id: several people, near and far, standing and sitting
TILE_WH = (480, 360)
GAP = 8  # pixels between the scenes
GAP_BGR = (255, 255, 255)
QUALITY = 82  # of JPEG, in percent; the file stays below 200 kB

LEFT_BGR, RIGHT_BGR, MIDDLE_BGR = (255, 170, 40), (60, 120, 255), (80, 230, 255)
OUTLINE_BGR = (20, 20, 20)
CONFIDENT = 0.3  # keypoint score from which on a keypoint is drawn
_SHIFT = 4  # OpenCV draws at 1/16 pixel

# Much narrower, and the longest name finds no place beside its mark.
BESIDE = chart_places.Layout(width=372, height=272, legend="", captions=False)


def draw_skeletons(image_bgr: Picture, poses: Poses, skeleton: Skeleton) -> Picture:
    """A copy of the image with the limbs and keypoints of every person, the nearest on top.

    Args:
        image_bgr: (H, W, 3).
        poses: in pixels of the image; keypoints with a score below CONFIDENT are left out.
        skeleton: which keypoints are joined, and which are left and right.

    Returns:
        (H, W, 3): left limbs blue, right limbs orange, those between the sides yellow, all with
        a dark outline that sets them off from light clothes.
    """
    drawn = image_bgr.copy()
    heights = np.ptp(poses.keypoints_xy[..., 1], axis=1)
    for person in np.argsort(heights):
        seen = poses.keypoint_scores[person] >= CONFIDENT
        _draw_person(drawn, poses.keypoints_xy[person], seen, skeleton)
    return drawn


def _draw_person(
    image: Picture, keypoints_xy: NDArray[np.floating], seen: NDArray[np.bool_], skeleton: Skeleton
) -> None:
    height = np.ptp(keypoints_xy[seen, 1]) if seen.any() else 0.0
    width = int(np.clip(height / 45, 2, 7))  # small people keep their shape
    limbs = [limb for limb in skeleton.limbs if seen[list(limb)].all()]
    points = [(int(x), int(y)) for x, y in np.rint(keypoints_xy * 2**_SHIFT)]
    for outline in (True, False):
        for a, b in limbs:
            colour = OUTLINE_BGR if outline else _colour((a, b), skeleton)
            thickness = width + 2 * outline
            cv2.line(image, points[a], points[b], colour, thickness, cv2.LINE_AA, _SHIFT)
        for index in np.flatnonzero(seen):
            colour = OUTLINE_BGR if outline else _colour((index,), skeleton)
            radius = round((0.8 * width + outline) * 2**_SHIFT)
            cv2.circle(image, points[index], radius, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _colour(keypoints: tuple[int, ...], skeleton: Skeleton) -> tuple[int, int, int]:
    """By the side of the body that all of these keypoints belong to; the nose is of neither."""
    left, right = map(set, zip(*skeleton.flip_pairs, strict=True))
    if left.issuperset(keypoints):
        return LEFT_BGR
    return RIGHT_BGR if right.issuperset(keypoints) else MIDDLE_BGR


def people() -> Picture:
    """The scenes in two columns, with the poses found in them."""
    estimator = posemark.load(MODEL)
    frames = {frame.image_id: frame for frame in Sample().frames()}
    tiles = []
    for frame in map(frames.__getitem__, SCENES):
        image = cv2.imdecode(np.frombuffer(frame.read(), np.uint8), cv2.IMREAD_COLOR)
        poses = estimator(image, frame.truth.boxes_xywh)
        drawn = draw_skeletons(image, poses, COCO_17)
        tiles.append(cv2.resize(_cut(drawn), TILE_WH, interpolation=cv2.INTER_AREA))
    return _stacked([_stacked(tiles[:2], axis=1), _stacked(tiles[2:], axis=1)], axis=0)


def _cut(image: Picture) -> Picture:
    """The largest part in the middle that has the shape of a tile."""
    (height, width), (across, down) = image.shape[:2], TILE_WH
    kept_w, kept_h = min(width, height * across // down), min(height, width * down // across)
    left, top = (width - kept_w) // 2, (height - kept_h) // 2
    return image[top : top + kept_h, left : left + kept_w]


def _stacked(pictures: list[Picture], axis: int) -> Picture:
    shape = list(pictures[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, GAP_BGR, np.uint8)
    return np.concatenate([pictures[0], gap, pictures[1]], axis)


def measured(svg: str) -> list[Row]:
    """The rows behind the marks of a chart that `posemark report` wrote, as far as it shows them.

    Args:
        svg: the document; the label of a mark lists what its tooltip says.

    Returns:
        One row per entry, in the order of the chart; what no label says is empty.

    Raises:
        SystemExit: where no mark has such a label.
    """
    labels = [_fields(text) for text in dict.fromkeys(re.findall(r'aria-label="([^"]*)"', svg))]
    marks = {each["entry"]: each for each in labels if "entry" in each}
    if not marks:
        raise SystemExit(f"{MEASURED} holds no marks with labels: is it a chart of AP and FPS?")
    ap = {each["fps"]: each for each in labels if "ap_low" in each}
    fps = {each["ap"]: each for each in labels if "fps_low" in each}
    return [_row(each, ap[each["fps"]], fps[each["ap"]]) for each in marks.values()]


def _fields(label: str) -> dict[str, str]:
    return dict(part.split(": ", 1) for part in label.split("; ") if ": " in part)


def _row(mark: dict[str, str], ap: dict[str, str], fps: dict[str, str]) -> Row:
    model, boxes = mark["entry"].split("@")
    runtime, precision = mark["runtime"].split()
    return Row(
        entry=mark["entry"],
        letter=None,
        model=model,
        weights=mark["weights"],
        runtime=runtime,
        precision=precision,
        boxes=boxes,
        frames=0,
        persons=0,
        fps_pose=float(mark["fps"]),
        fps_pipeline=None,
        stage_ms={},
        ap={"AP": float(mark["ap"]) / 100} if mark["solid"] == "1" else None,
        ap_published=None,
        codec_ceiling=None,
        family=mark["family"],
        approach="bottom-up" if "bottom-up" in mark["boxes"] else "top-down",
        ap_interval=(float(ap["ap_low"]) / 100, float(ap["ap_high"]) / 100),
        fps_interval=(float(fps["fps_low"]), float(fps["fps_high"])),
    )


if __name__ == "__main__":
    rows = measured(MEASURED.read_text(encoding="utf-8"))
    CHART.write_text(rendering.svg(charts.ap_fps_spec(rows, BESIDE)), encoding="utf-8")
    cv2.imwrite(str(PEOPLE), people(), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
