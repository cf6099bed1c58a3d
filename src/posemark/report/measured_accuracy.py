"""Accuracy figures of a record: its poses, scored against the annotations beside it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from posemark.core.errors import RecordError
from posemark.records import files, schema, truth
from posemark.report.expected_ap import expectation, reproduction
from posemark.report.result_row import ComparedAP, Row
from posemark.score.ap_bootstrap import ap_interval, resampled_aps
from posemark.score.boxes import box_accuracy
from posemark.score.coco import Judged, Results, judge
from posemark.score.keypoints import keypoint_accuracy
from posemark.score.people_groups import people_groups

Truths = dict[Path, dict[str, Any]]
"""Annotation files that were read so far, by path: a cache that callers pass along."""

DRAWN = "the scenes are drawn, and trained networks know photographs"
"""Why poses of trained weights have no AP on drawings."""

UNANNOTATED = "nobody is annotated in the images that were measured"
"""Why poses of trained weights have no AP on a video, for example."""


def truth_of(record: files.Record, truths: Truths) -> dict[str, Any]:
    """Return the annotations beside a record, in COCO's format.

    Args:
        record: the record.
        truths: annotation files read so far; the file is added where it is missing.

    Raises:
        RecordError: if they cannot be read, lack an image that was measured, or have another
            number of key points than the record has sigmas.
    """
    path = record.folder / record.header.truth
    if path not in truths:
        truths[path] = truth.read(path)
    points, sigmas = len(truths[path]["categories"][0]["keypoints"]), len(record.header.sigmas)
    if sigmas != points:
        raise RecordError(
            f"{record.path}: expected as many sigmas in its header as {path.name} beside it has "
            f"key points, {points}, but there are {sigmas}. The record is damaged: run the entry "
            "again into another folder."
        )
    annotated = {image["id"] for image in truths[path]["images"]}
    used = (line.image_id for line in (*record.frames, *record.perfect, *record.on_truth))
    missing = next((image_id for image_id in used if image_id not in annotated), None)
    if missing is not None:
        raise RecordError(
            f"{record.path}: image {missing} was measured, but {path.name} beside it does not "
            "contain that image. One of the two files belongs to another run: keep the files of a "
            "run folder together."
        )
    return truths[path]


def with_accuracy(row: Row, record: files.Record, annotations: dict[str, Any]) -> Row:
    """Return the row with its accuracy figures: AP, its interval, the codec's ceiling and others.

    Accuracy rests on the last measured frame of each image. Drawn frames give no AP: they say
    nothing about a network that was trained on photographs.

    Args:
        row: the row of the record, without accuracy.
        record: the record.
        annotations: those beside the record, from truth_of.
    """
    scored = [f for f in record.frames if f.error is None]
    found = [(f.image_id, f.poses) for f in scored]
    scores_ap = record.header.scores_ap
    sigmas, ideal = record.header.sigmas, [(p.image_id, p.people) for p in record.perfect]
    measured = _evaluate(annotations, found, sigmas) if scores_ap else None
    perfect = _evaluate(annotations, ideal, sigmas)
    ap = measured.figures if measured else None
    scored_ids = [f.image_id for f in scored]
    draws = resampled_aps(measured, _clips(annotations, scored_ids)) if measured else ()
    figure = ap["AP"] if ap else None
    images = _short_hash(sorted(f.image_id for f in scored))
    return replace(
        row,
        ap=ap,
        ap_draws=draws,
        ap_images=len(scored) if measured else 0,
        ap_interval=ap_interval(draws),
        keypoint_accuracy=keypoint_accuracy(measured) if measured else None,
        people_groups=people_groups(measured) if measured else (),
        codec_ceiling=perfect.figures["AP"] if perfect else None,
        images=images if measured else "",
        unscored="" if measured or not _has_poses(found) else _reason(scores_ap),
        fingerprint=_fingerprint(record.header, images),
        expected=expectation(record.header, len(scored), figure),
        reproduction=reproduction(record.header, len(scored), figure),
        model_ap=_model_ap(record, annotations, scored) if scores_ap else None,
        box_accuracy=_box_accuracy(record, annotations, scored) if scores_ap else None,
    )


def _model_ap(
    record: files.Record, annotations: dict[str, Any], scored: Sequence[schema.FrameLine]
) -> float | None:
    """Return the AP on ground-truth boxes of a run with a detector, over all measured images."""
    poses = {line.image_id: line.people for line in record.on_truth}
    images = [frame.image_id for frame in scored]
    if not poses.keys() >= set(images):
        return None
    judged = _evaluate(annotations, [(i, poses[i]) for i in images], record.header.sigmas)
    return judged.figures["AP"] if judged else None


def _box_accuracy(
    record: files.Record, annotations: dict[str, Any], scored: Sequence[schema.FrameLine]
) -> dict[str, float | None] | None:
    """Return the accuracy of the boxes in the frames at which a detector looked."""
    looked = [frame for frame in scored if frame.origin in ("detected", "early")]
    if not record.header.detector or not looked:
        return None
    found = {frame.image_id: frame.found for frame in looked}
    used = {frame.image_id: frame.found[: frame.boxes] for frame in looked}
    return box_accuracy(annotations, found, used, found)


def _clips(annotations: dict[str, Any], images: Iterable[int]) -> list[int] | None:
    """Return the clip of each image, by ascending image id; None if the images stand alone."""
    clips = {image["id"]: image.get("clip") for image in annotations["images"]}
    found = [clips[image] for image in sorted(set(images))]
    known = [clip for clip in found if clip is not None]
    return known if known and len(known) == len(found) else None


def _reason(scores_ap: bool) -> str:
    """Return why there is no AP."""
    return UNANNOTATED if scores_ap else DRAWN


def common_ap(record: files.Record, truths: Truths, images: frozenset[int]) -> ComparedAP | None:
    """Return the AP of a record over some of its images, or None where nobody is annotated there.

    Args:
        record: the record.
        truths: annotation files read so far, as for truth_of.
        images: ids of the images to score.

    Raises:
        RecordError: as for truth_of.
    """
    found = [(f.image_id, f.poses) for f in record.frames if f.image_id in images]
    judged = _evaluate(truth_of(record, truths), found, record.header.sigmas)
    ap = judged.figures["AP"] if judged else None
    if judged is None or ap is None:
        return None
    clips = _clips(truth_of(record, truths), [image_id for image_id, _ in found])
    draws, key = resampled_aps(judged, clips), _short_hash(sorted(images))
    return ComparedAP(ap, ap_interval(draws), draws, len(images), key)


def judged_poses(record: files.Record, truths: Truths) -> Judged | None:
    """Return the evaluation of a record's poses, of drawn frames too.

    It is over the images with a measurement, and counts the last one of each. It is None without
    trained weights or where nobody is annotated.

    Args:
        record: the record.
        truths: annotation files read so far, as for truth_of.

    Raises:
        RecordError: as for truth_of.
    """
    found = [(f.image_id, f.poses) for f in record.frames if f.error is None]
    return _evaluate(truth_of(record, truths), found, record.header.sigmas)


def _evaluate(
    annotations: dict[str, Any],
    poses: Sequence[tuple[int, schema.People | None]],
    sigmas: Sequence[float],
) -> Judged | None:
    """Score poses over their images; None without trained weights or without annotations."""
    if not _has_poses(poses):
        return None
    results: Results = [
        {"image_id": image_id, "category_id": 1, "keypoints": keypoints, "score": score}
        for image_id, people in poses
        if people is not None
        for keypoints, score in zip(people.keypoints, people.scores, strict=True)
    ]
    return judge(annotations, results, [image_id for image_id, _ in poses], sigmas)


def _has_poses(poses: Sequence[tuple[int, schema.People | None]]) -> bool:
    """Whether the poses of any frame were kept, as they are for trained weights."""
    return any(people is not None for _, people in poses)


def _fingerprint(header: schema.Header, images: str) -> dict[str, str]:
    """Everything but the machine that decides whether two results measure the same thing."""
    settings = header.settings
    calibrated = f", ranges from {settings.calibrated_on}" if settings.calibrated_on else ""
    at_least = f", scores from {settings.min_score:g}" if settings.min_score else ""
    found = {
        "images": images,
        "data": header.data.sha256[:_DIGITS],
        "boxes": header.boxes.sha256[:_DIGITS] + at_least,
        "sigmas": _short_hash(header.sigmas),
        "decoder": f"{settings.codec} v{header.decoder}",
        "weights": header.weights.sha256[:_DIGITS],
        "precision": settings.precision + calibrated,
        "protocol": str(header.protocol),
    }
    found |= {"card": settings.card} if settings.card else {}
    return found | ({"smoothing": _SMOOTHING} if settings.smooth else {})


_DIGITS = 16

_SMOOTHING = "one euro"


def _short_hash(numbers: Sequence[float]) -> str:
    return sha256(json.dumps(numbers).encode()).hexdigest()[:_DIGITS]
