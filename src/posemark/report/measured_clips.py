"""Figures of a record over clips: how steady its poses are, and when its detector looked."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np

from posemark.core.frame import Moment, Poses, Truth
from posemark.core.skeleton import COCO_17, Skeleton
from posemark.measure.latency import percentiles
from posemark.records import files, schema
from posemark.report.clip_figures import (
    FEWEST_CHANCES,
    FEWEST_NEWCOMERS,
    Happened,
    Looks,
    Newcomers,
    Smoothing,
    Steadiness,
)
from posemark.report.result_row import Row
from posemark.score.lag import smoothing_lag
from posemark.score.plain_stability import plain_stability
from posemark.score.sightings import Rate, Seen
from posemark.score.stability import stability
from posemark.tracking.clip import frames_since

Placed = tuple[schema.FrameLine, Moment]
"""A measured frame, and its place in its clip."""


def with_clips(row: Row, record: files.Record, annotations: dict[str, Any]) -> Row:
    """Return the row with the figures of clips; without change if its frames are no clips.

    Args:
        row: the row of the record.
        record: the record.
        annotations: those beside the record, from truth_of.
    """
    moments = {image["id"]: _moment(image) for image in annotations["images"] if "clip" in image}
    passes = _passes(record, moments)
    if not passes:
        return row
    return replace(
        row,
        looks=_looks(record, passes),
        steadiness=_steadiness(record, annotations, passes) if record.header.scores_ap else None,
    )


def _moment(image: dict[str, Any]) -> Moment:
    affine = image.get("from_still")
    still = None if affine is None else np.array(affine)
    return Moment(image["clip"], image["index"], image["time_s"], still)


def _passes(record: files.Record, moments: dict[int, Moment]) -> list[list[Placed]]:
    """Return the measured frames of each clip, in order of time.

    If the data repeat, or if the run was resumed in the middle of a clip, a clip has several
    passes: ids do not go on from one to the next.
    """
    passes: list[list[Placed]] = []
    last: tuple[int, Moment] | None = None
    for process, line in _measured(record):
        moment = moments.get(line.image_id)
        if moment is None:
            continue
        if last is None or last[0] != process or not _follows(last[1], moment):
            passes.append([])
        passes[-1].append((line, moment))
        last = process, moment
    return passes


def _measured(record: files.Record) -> Iterable[tuple[int, schema.FrameLine]]:
    for block in record.blocks:
        yield from ((block.process, line) for line in block.frames if line.error is None)


def _follows(last: Moment, moment: Moment) -> bool:
    return moment.clip == last.clip and moment.index > last.index


# --- when the detector looked -------------------------------------------------------------------


def _looks(record: files.Record, passes: Sequence[Sequence[Placed]]) -> Looks | None:
    detector = record.header.detector
    if detector is None or detector.every is None:
        return None
    lines = [line for clip in passes for line, _ in clip]
    looked = [line for line in lines if line.origin != "followed"]
    followed = [line for line in lines if line.origin == "followed"]
    scheduled = sum(line.origin == "detected" for line in lines)
    return Looks(
        every=detector.every,
        due=sum(_due(clip, detector.every) for clip in passes),
        scheduled=scheduled,
        early=len(looked) - scheduled,
        followed=len(followed),
        looked_ms=percentiles([line.frame_ns + line.wait_ns for line in looked]),
        followed_ms=percentiles([line.frame_ns + line.wait_ns for line in followed]),
    )


def _due(clip: Sequence[Placed], every: int) -> int:
    """Count the frames at which the detector was due: the first, and the first of each k."""
    moments = [None, *(moment for _, moment in clip)]
    return sum(
        last is None
        or frames_since(last, moment) is None
        or moment.index // every > last.index // every
        for last, (_, moment) in zip(moments, clip, strict=False)
    )


# --- how steady poses are -----------------------------------------------------------------------


def _steadiness(
    record: files.Record, annotations: dict[str, Any], passes: Sequence[Sequence[Placed]]
) -> Steadiness | None:
    """Measure each clip once; None without poses, or with neither annotated people nor ids."""
    used = _each_clip_once(passes)
    if any(line.poses is None for line, _ in used):
        return None
    skeleton = replace(COCO_17, sigmas=tuple(record.header.sigmas))
    truths = _truths(annotations, [line.image_id for line, _ in used], skeleton)
    seen = [
        Seen(_poses(line, skeleton), moment, truth)
        for (line, moment), truth in zip(used, truths, strict=True)
    ]
    if truths[0] is None and not any(line.ids for line, _ in used):
        return None
    found = _figures(seen)
    if not record.header.settings.smooth:
        return found
    before = [
        replace(one, poses=_unsmoothed(one.poses, line))
        for one, (line, _) in zip(seen, used, strict=True)
    ]
    lag = _enough(smoothing_lag(seen, before), found.jumps)
    return replace(found, smoothing=Smoothing(_figures(before).jitter, lag))


def _each_clip_once(passes: Sequence[Sequence[Placed]]) -> list[Placed]:
    """Return the frames of the longest pass of each clip, the last one of equals.

    Passes with the same poses would count as more evidence than they are.
    """
    longest: dict[int, Sequence[Placed]] = {}
    for own in passes:
        clip = own[0][1].clip
        if len(own) >= len(longest.get(clip, ())):
            longest[clip] = own
    return [placed for own in longest.values() for placed in own]


def _poses(line: schema.FrameLine, skeleton: Skeleton) -> Poses:
    people = line.poses or schema.People([], [])
    points = np.array(people.keypoints, np.float64).reshape(-1, len(skeleton.keypoints), 3)
    ids = np.array(line.ids, np.int64) if len(line.ids) == len(points) else None
    return Poses(points[..., :2], points[..., 2], np.array(people.scores), skeleton, ids)


def _unsmoothed(poses: Poses, line: schema.FrameLine) -> Poses:
    positions = np.array(line.unsmoothed, np.float64).reshape(poses.keypoints_xy.shape)
    return replace(poses, keypoints_xy=positions)


def _truths(
    annotations: dict[str, Any], images: Sequence[int], skeleton: Skeleton
) -> Sequence[Truth | None]:
    """Return the annotated people of each image; None for all if it is unknown who is who."""
    people: dict[int, list[dict[str, Any]]] = {image: [] for image in images}
    for person in annotations["annotations"]:
        if person["image_id"] in people:
            people[person["image_id"]].append(person)
    known = [person.get("track_id") is not None for own in people.values() for person in own]
    if not known or not all(known):
        return [None] * len(images)
    return [_truth(people[image], skeleton) for image in images]


def _truth(people: Sequence[dict[str, Any]], skeleton: Skeleton) -> Truth:
    points = np.array([person["keypoints"] for person in people], np.float64)
    return Truth(
        points.reshape(-1, len(skeleton.keypoints), 3),
        np.array([person["bbox"] for person in people], np.float64).reshape(-1, 4),
        np.array([person["area"] for person in people], np.float64),
        np.array([person["iscrowd"] for person in people], bool),
        skeleton,
        np.array([person["track_id"] for person in people], np.int64),
    )


def _figures(seen: Sequence[Seen]) -> Steadiness:
    return _estimates(seen) if seen[0].truth is None else _against_truth(seen)


def _against_truth(seen: Sequence[Seen]) -> Steadiness:
    found = stability(seen)
    jumps, newcomers = _happened(found.jumps), found.newcomers
    count = len(newcomers.frames) + newcomers.never
    switches = _happened(found.identity_switches)
    return Steadiness(
        annotated=True,
        clips=_clips(seen),
        frames=len(seen),
        jitter=_enough(found.jitter, jumps),
        jumps=jumps,
        drop_outs=_happened(found.drop_outs),
        swaps=_happened(found.swaps),
        identity_switches=switches if any(one.poses.ids is not None for one in seen) else None,
        newcomers=Newcomers(
            people=count,
            never=newcomers.never,
            frames=fmean(newcomers.frames) if len(newcomers.frames) >= FEWEST_NEWCOMERS else None,
        ),
        lag=_enough(found.lag, jumps),
    )


def _estimates(seen: Sequence[Seen]) -> Steadiness:
    found = plain_stability(seen)
    jumps = _happened(found.jumps)
    return Steadiness(
        annotated=False,
        clips=_clips(seen),
        frames=len(seen),
        jitter=_enough(found.jitter_bound, jumps),
        jumps=jumps,
        drop_outs=_happened(found.gaps),
        swaps=_happened(found.swaps),
    )


def _clips(seen: Sequence[Seen]) -> int:
    return len({one.moment.clip for one in seen})


def _happened(rate: Rate) -> Happened:
    return Happened(rate.events, rate.chances)


def _enough(figure: float | None, movements: Happened) -> float | None:
    """Return a figure that is measured from movements; None if there are only a few of them."""
    return figure if movements.chances >= FEWEST_CHANCES else None
