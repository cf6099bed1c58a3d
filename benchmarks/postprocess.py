"""The cost of pre- and post-processing, compared with a plain implementation: a Markdown table.

"plain" enlarges whole maps and loops over people, joints and pairs, as the official procedures are
described. It is written here from those descriptions, with numpy and OpenCV, and shares only the
last step of grouping with PoseMark. Both start at the network's output (the crop: at the decoded
image) and end at poses in image coordinates; they take turns in this process. Maps are the outputs
of perfect networks for people of the built-in scenes. It takes two minutes.

    python benchmarks/postprocess.py [--rounds N] [--only WORD]
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter_ns
from typing import Any, NamedTuple

import cv2
import numpy as np

from posemark.codecs import paf
from posemark.codecs.associative_embedding import AssociativeEmbedding
from posemark.codecs.centre_offset import CentreOffset
from posemark.codecs.heatmap import Heatmap
from posemark.core.codec import GroupCodec
from posemark.core.frame import Truth
from posemark.core.skeleton import COCO_17
from posemark.core.spec import IMAGENET, ONE_SCALE
from posemark.core.whole_image import Pass
from posemark.datasets.sample import Sample
from posemark.geometry.affine import apply, crop_affines, invert
from posemark.geometry.boxes import centre_scale
from posemark.geometry.conventions import HRNET
from posemark.geometry.crop import crop_batch, image_of
from posemark.models import spec_of

THREE_SCALES = (0.5, 1.0, 2.0)


class Row(NamedTuple):
    """A row of the table; `check` returns whether both implementations have equal results."""

    name: str
    limit_ms: float | None
    plain: Callable[[], Any]
    ours: Callable[[], Any]
    check: Callable[[Any, Any], bool]


# ----------------------------------------------------------------------------------- people


def people(count: int, size_wh: tuple[int, int]) -> Truth:
    """Return this many people of the built-in scenes, in an image of this size.

    They are moved off the grid: a key point in the middle between two pixels makes both equally
    high, and then the rounding of each implementation decides which one is the peak.
    """
    each = min(count, 10)
    frames = [f for f in Sample().frames() if len(f.truth) == each][: count // each]
    zooms = [[*np.divide(size_wh, f.size_wh).tolist(), 1] for f in frames]
    keypoints = [
        f.truth.keypoints_xyv * zoom + (0.13, 0.29, 0)
        for f, zoom in zip(frames, zooms, strict=True)
    ]
    return Truth(
        np.concatenate(keypoints),
        np.zeros((count, 4)),
        np.ones(count),
        np.zeros(count, bool),
        COCO_17,
    )


# --------------------------------------------------------------------------------- top-down


def one_crop() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an image, and the affines of its first person to 256x192 and to 64x48."""
    frame = next(f for f in Sample().frames() if len(f.truth) == 5)
    centres, scales = centre_scale(frame.truth.boxes_xywh[:1], (192, 256), HRNET)
    to_input, to_maps = (crop_affines(centres, scales, wh, HRNET) for wh in ((192, 256), (48, 64)))
    return image_of(frame), to_input, to_maps


def plain_crop(image, affine):
    crop = cv2.cvtColor(cv2.warpAffine(image, affine, (192, 256)), cv2.COLOR_BGR2RGB)
    values = (crop.astype(np.float32) / 255 - np.float32(IMAGENET.mean)) / np.float32(IMAGENET.std)
    return np.ascontiguousarray(values.transpose(2, 0, 1))[None]


def plain_peaks(maps):
    """Yield the cell (x, y) of the maximum of each map, and the maximum."""
    for grid in maps:
        y, x = np.unravel_index(grid.argmax(), grid.shape)
        yield np.array([x, y], float), grid[y, x]


def plain_quarter(maps, back):
    found = []
    for grid, (cell, score) in zip(maps[0], plain_peaks(maps[0]), strict=True):
        x, y = cell.astype(int)
        if 1 < x < grid.shape[1] - 1 and 1 < y < grid.shape[0] - 1:
            slope = grid[y, x + 1] - grid[y, x - 1], grid[y + 1, x] - grid[y - 1, x]
            cell += 0.25 * np.sign(slope)
        found.append((*(back[:, :2] @ cell + back[:, 2]), score))
    return np.array(found)


def plain_dark(maps, back, kernel=11):
    found = []
    edge = kernel // 2
    for grid, (cell, score) in zip(maps[0], plain_peaks(maps[0]), strict=True):
        blurred = cv2.GaussianBlur(np.pad(grid, edge), (kernel, kernel), 0)[edge:-edge, edge:-edge]
        logs = np.log(np.maximum(blurred * (grid.max() / blurred.max()), 1e-10))
        x, y = cell.astype(int)
        if 1 < x < grid.shape[1] - 2 and 1 < y < grid.shape[0] - 2:
            cell += newton_step(logs[y - 2 : y + 3, x - 2 : x + 3])
        found.append((*(back[:, :2] @ cell + back[:, 2]), score))
    return np.array(found)


def newton_step(v):
    slope = np.array([v[2, 3] - v[2, 1], v[3, 2] - v[1, 2]]) / 2
    xx, yy = v[2, 4] - 2 * v[2, 2] + v[2, 0], v[4, 2] - 2 * v[2, 2] + v[0, 2]
    xy = v[3, 3] - v[1, 3] - v[3, 1] + v[1, 1]
    hessian = np.array([[xx, xy], [xy, yy]]) / 4
    return -np.linalg.inv(hessian) @ slope if np.linalg.det(hessian) else np.zeros(2)


def our_keypoints(codec, maps, to_maps):
    cells, scores = codec.peaks(maps, HRNET.missing_xy)
    return np.concatenate([apply(invert(to_maps), cells), scores[..., None]], -1)[0]


def top_down() -> Iterator[Row]:
    image, to_input, to_maps = one_crop()
    frame = next(f for f in Sample().frames() if len(f.truth) == 5)
    keypoints = frame.truth.keypoints_xyv[:1]
    maps = Heatmap().gaussians(apply(to_maps, keypoints[..., :2]), keypoints[..., 2] > 0, (48, 64))
    maps = np.maximum(maps, np.float32(1e-6))
    back = invert(to_maps)[0]
    yield Row(
        "crop and normalise, 256x192, a person",
        0.35,
        partial(plain_crop, image, to_input[0]),
        partial(crop_batch, image, to_input, (192, 256)),
        partial(alike, 1e-5),
    )
    for refine, limit, plain in (("quarter", 0.05, plain_quarter), ("dark", 0.15, plain_dark)):
        ours = partial(our_keypoints, Heatmap(refine), maps, to_maps)
        check = partial(alike, 1e-3)
        yield Row(f"{refine}, 64x48, a person", limit, partial(plain, maps, back), ours, check)


def alike(limit, plain, ours):
    return np.shape(plain) == np.shape(ours) and np.abs(plain - ours).max(initial=0) <= limit


# -------------------------------------------------------------------------------- bottom-up


def passes_of(name, count, image_wh, scales):
    """Return the codec, perfect outputs, and the affine from base pixels to the image."""
    spec, truth = spec_of(name), people(count, image_wh)
    inputs = spec.method.sizing.inputs(image_wh, scales)
    passes = [Pass(i, spec.codec.encode(truth, i, False)) for i in inputs]
    return spec.codec, passes, spec.method.sizing.to_image(image_wh, inputs)


def in_image(found, back):
    people, scores = found
    points = apply(np.broadcast_to(back, (len(people), 2, 3)), people[..., :2])
    return np.concatenate([points, people[..., 2:3]], -1), scores


def same_people(limit, plain, ours):
    """Return whether both have equally many people at the same places, in any order."""
    if len(plain[0]) != len(ours[0]):
        return False
    return all(np.abs(ours[0] - person).max((1, 2)).min() <= limit for person in plain[0])


def resized(maps, size_wh, how=cv2.INTER_LINEAR):
    return np.stack([cv2.resize(grid, tuple(size_wh), interpolation=how) for grid in maps])


def plain_embedding(codec: AssociativeEmbedding, passes):
    base = next(p for p in passes if p.input.scale == 1)
    size_wh, total = base.input.size_wh, 0
    for p in passes:
        fine = p.outputs["stride2"][0]
        coarse = resized(p.outputs["stride4"][0, :17], fine.shape[:0:-1])
        total = total + resized((coarse + fine) / 2, size_wh)
    heatmaps = total / len(passes)
    half = resized(base.outputs["stride4"][0, 17:], base.outputs["stride2"].shape[:1:-1])
    tags = resized(half, size_wh)
    found = [plain_top(h, t, codec) for h, t in zip(heatmaps, tags, strict=True)]
    people = codec._matched(found)
    for person in people:
        for joint in np.flatnonzero(person[:, 2] > 0):
            x, y = person[joint, :2].astype(int)
            person[joint, :2] = plain_nudge(heatmaps[joint], x, y)
    scores = people[..., 2].mean(1)
    for person in people:
        plain_refine(person, heatmaps, tags)
    return people[..., :3], scores


def plain_top(heatmap, tags, codec):
    highest = cv2.dilate(heatmap, np.ones((codec.nms_kernel,) * 2))
    kept = np.where(highest == heatmap, heatmap, 0).ravel()
    order = np.argpartition(-kept, codec.max_people)[: codec.max_people]
    order = order[np.argsort(-kept[order], kind="stable")]
    order = order[kept[order] > codec.detection_threshold]
    y, x = np.divmod(order, heatmap.shape[1])
    return np.stack([x, y, kept[order], tags[y, x]], 1).astype(float)


def plain_nudge(heatmap, x, y):
    height, width = heatmap.shape
    right = heatmap[y, min(x + 1, width - 1)] > heatmap[y, max(x - 1, 0)]
    below = heatmap[min(y + 1, height - 1), x] > heatmap[max(y - 1, 0), x]
    return x + (0.75 if right else 0.25), y + (0.75 if below else 0.25)


def plain_refine(person, heatmaps, tags):
    mean = person[person[:, 2] > 0, 3].mean()
    for joint in np.flatnonzero(person[:, 2] <= 0):
        reached = heatmaps[joint] - np.round(np.abs(tags[joint] - mean))
        y, x = np.unravel_index(reached.argmax(), reached.shape)
        if heatmaps[joint, y, x] > 0:
            person[joint, :3] = *plain_nudge(heatmaps[joint], x, y), heatmaps[joint, y, x]


def plain_centres(codec: CentreOffset, passes):
    (one,) = passes
    maps, offsets = one.outputs["heatmaps"][0], one.outputs["offsets"][0]
    centre = maps[-1]
    kept = np.where(cv2.dilate(centre, np.ones((3, 3))) == centre, centre, 0).ravel()
    order = np.argsort(-kept, kind="stable")[: codec.max_people]
    order = order[kept[order] > codec.centre_threshold]
    y, x = np.indices(centre.shape, np.float32)
    joints = (np.stack([x, y]) - offsets.reshape(-1, 2, *centre.shape)) * codec.stride
    joints = joints.reshape(*joints.shape[:2], -1)[:, :, order].transpose(2, 0, 1)
    zoom = np.diag([codec.stride, codec.stride, 0.0])[:2]
    how = {"borderMode": cv2.BORDER_REPLICATE}
    base = [cv2.warpAffine(grid, zoom, one.input.size_wh, **how) for grid in maps[:-1]]
    heats = np.zeros(joints.shape[:2])
    for person, joint in np.ndindex(*heats.shape):
        x, y = np.clip(joints[person, joint].astype(int), 0, np.subtract(one.input.size_wh, 1))
        heats[person, joint] = base[joint][y, x]
    people = np.dstack([joints, heats * kept[order][:, None]])
    people = people[codec.suppress(joints, heats.mean(1), codec.nms_thresholds[0])]
    return people, people[..., 2].mean(1)


def plain_fields(codec: paf.Paf, passes):
    (one,) = passes
    layout, limits = codec.layout, codec.thresholds
    maps = resized(one.outputs[paf.OUTPUT][0], one.input.size_wh, cv2.INTER_CUBIC)
    rows = [
        (*plain_refined(maps[part], x, y, 0.5 * one.input.affine[0, 0]), maps[part, y, x], part)
        for part in range(layout.parts)
        for y, x in plain_maxima(maps[part], limits.peak)
    ]
    found = np.array(rows, np.float32).reshape(-1, 4)
    peaks = paf.Peaks(found[:, :3], found[:, 3].astype(np.intp))
    links = []
    for limb, ends in enumerate(layout.limbs):
        field = maps[layout.x_channel(limb) :][:2]
        for a in peaks.of(ends[0]):
            for b in peaks.of(ends[1]):
                score = plain_score(field, peaks.xys[a, :2], peaks.xys[b, :2], limits)
                if score > 1e-6:
                    links.append((limb, a, b, score))
    limb, a, b, score = np.array(links).reshape(-1, 4).T
    joined = paf.Links(*(n.astype(np.intp) for n in (limb, a, b)), score.astype(np.float32))
    parts, scores = paf.group(peaks, joined, layout, limits, codec.build)
    people = parts[:, layout.coco]
    people[people[..., 2] <= 0] = (-1, -1, 0)
    seen = (people[..., 2] > 0).any(1)
    return people[seen], scores[seen]


def plain_maxima(grid, limit):
    inner, high = grid[1:-1, 1:-1], grid[1:-1, 1:-1] > limit
    height, width = grid.shape
    for dy, dx in np.ndindex(3, 3):
        if (dy, dx) != (1, 1):
            high &= inner > grid[dy : height - 2 + dy, dx : width - 2 + dx]
    return (np.argwhere(high) + 1)[: paf.MOST_PEAKS]


def plain_refined(grid, x, y, offset):
    ys, xs = (slice(max(0, at - 3), at + 4) for at in (y, x))
    weights = np.maximum(grid[ys, xs], 0)
    rows, columns = np.mgrid[ys, xs][:, : weights.shape[0], : weights.shape[1]]
    return (weights * columns).sum() / weights.sum() + offset, (
        weights * rows
    ).sum() / weights.sum() + offset


def plain_score(field, start, end, limits):
    delta = end - start
    length = np.hypot(*delta)
    if length <= 1e-6:
        return 0.0
    count = int(np.clip(np.sqrt(5 * np.abs(delta).max()) + 0.5, 5, 25))
    points = start + np.arange(count)[:, None] * delta / count
    size_wh = np.array(field.shape[:0:-1])
    x, y = (points + 0.5).astype(int).clip(0, size_wh - 1).T
    dots = (field[:, y, x].T * (delta / length)).sum(1)
    good = dots > limits.dot
    if good.mean() > limits.agreeing:
        return dots[good].mean()
    return limits.peak + 1e-6 if length < np.sqrt(size_wh.prod()) / 150 else 0.0


def bottom_up() -> Iterator[Row]:
    embedding = ("HigherHRNet", "higherhrnet-w32-512", (512, 512), plain_embedding)
    centres = ("DEKR", "dekr-w32-512", (512, 512), plain_centres)
    fields = ("OpenPose BODY_25", "openpose-body25", (656, 368), plain_fields)
    for model, count, scales, limit in (
        *((embedding, n, ONE_SCALE, ms) for n, ms in ((1, None), (5, 15), (30, 30))),
        *((embedding, n, THREE_SCALES, ms) for n, ms in ((1, None), (5, 40), (30, None))),
        *((centres, n, ONE_SCALE, ms) for n, ms in ((1, None), (5, 6), (30, None))),
        *((fields, n, ONE_SCALE, ms) for n, ms in ((1, None), (5, 12), (20, 20))),
    ):
        yield grouping(*model, count, scales, limit)


def grouping(title, name, image_wh, plain, count, scales, limit) -> Row:
    codec, passes, back = passes_of(name, count, image_wh, scales)
    width, height = next(p.input.size_wh for p in passes if p.input.scale == 1)
    many = "" if len(scales) == 1 else ", three scales"
    return Row(
        f"{title}, {width}x{height}{many}, {count} people",
        limit,
        lambda: in_image(plain(codec, passes), back),
        lambda: in_image(decoded(codec, passes), back),
        # OpenPose's GPU code, the default here, enlarges in a slightly different way than OpenCV.
        partial(same_people, 2.0 if plain is plain_fields else 0.01),
    )


def decoded(codec: GroupCodec, passes):
    return codec.decode(passes)


# ------------------------------------------------------------------------------------ clock


def timed(work: Callable[[], Any]) -> float:
    begin = perf_counter_ns()
    work()
    return (perf_counter_ns() - begin) / 1e6


def measured(row: Row, rounds: int) -> str:
    same = row.check(row.plain(), row.ours())
    pairs = np.array([(timed(row.plain), timed(row.ours)) for _ in range(rounds)])
    plain, ours = (spread(column) for column in pairs.T)
    limit = "" if row.limit_ms is None else f"{row.limit_ms:g}"
    ratio = np.median(pairs[:, 0] / pairs[:, 1])
    agree = "yes" if same else "**no**"
    return f"| {row.name} | {plain} | {ours} | {ratio:.1f} | {limit} | {agree} |"


def spread(values_ms) -> str:
    low, middle, high = np.quantile(values_ms, (0.05, 0.5, 0.95))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--only", default="", help="rows that contain this word")
    given = parser.parse_args()
    print("| milliseconds: median (5 to 95 %) | plain | PoseMark | ratio | goal | same result |")
    print("| :--- | ---: | ---: | ---: | ---: | :--- |")
    for rows in (top_down(), bottom_up()):
        for row in rows:
            if given.only in row.name:
                print(measured(row, given.rounds), flush=True)


if __name__ == "__main__":
    main()
