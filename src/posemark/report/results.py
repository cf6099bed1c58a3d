"""From raw records to figures. Every figure of every chart and table is made here."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import accumulate, pairwise
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

from posemark.core.errors import RecordError
from posemark.measure.camera import sustainable_fps
from posemark.measure.paired_frames import pose_ns
from posemark.measure.people_cost import Line, fit
from posemark.measure.speed_interval import pose_interval
from posemark.records import files, schema, truth
from posemark.report import formats, utilisation
from posemark.report.common_images import with_common_images
from posemark.report.expected_ap import expectation, reproduction
from posemark.report.header_row import row_of_header
from posemark.report.latency import histogram, percentiles
from posemark.report.result_row import POSE_STAGES, STAGES, ComparedAP, Row
from posemark.report.shared_evidence import Derived, milliseconds, parts_of, with_shared_evidence
from posemark.report.verdict import judge, timed_blocks
from posemark.score.ap_bootstrap import ap_interval, resampled_aps
from posemark.score.coco import Judged, Results
from posemark.score.coco import judge as evaluation
from posemark.score.keypoints import keypoint_accuracy

T = TypeVar("T")

Truths = dict[Path, dict[str, Any]]
"""Annotation files read so far, by path."""

DRAWN = "the scenes are drawn, and trained networks know photographs"
"""Why poses of trained weights have no AP."""

_MOST_POINTS = 60
"""Of a timeline: as many as a chart of the page can show apart."""


def load_rows(
    paths: Iterable[Path],
    watched: Callable[[list[Path]], Iterable[Path]] = iter,
    left_out: Callable[[RecordError], None] | None = None,
) -> list[Row]:
    """The rows of run folders and record files, by letter, then by name.

    Args:
        paths: run folders and record files.
        watched: hands on the record files one by one, and may show how far it is.
        left_out: gets the reason for each record that cannot be used; the others are read all
            the same. Without it the first such record ends the reading.

    Raises:
        RecordError: if a path holds no record, or none of the records can be used.
    """
    records = [record for path in paths for record in records_in(path)]
    return in_order(rows_of(records, watched, left_out))


def rows_of(
    records: list[Path],
    watched: Callable[[list[Path]], Iterable[Path]] = iter,
    left_out: Callable[[RecordError], None] | None = None,
) -> list[Row]:
    """The rows of record files, in the order given; all parameters as for load_rows.

    Raises:
        RecordError: if none of the records can be used.
    """
    truths: Truths = {}
    found = usable(watched(records), lambda path: derived(files.read(path), truths), left_out)
    return together(found, truths)


def together(found: Sequence[Derived], truths: Truths) -> list[Row]:
    """The rows of records that are read together: what they share, and AP over common images."""
    return with_common_images(
        found,
        with_shared_evidence(found),
        lambda path, images: _common_ap(files.read(path), truths, images),
    )


def usable(
    paths: Iterable[Path],
    read: Callable[[Path], T],
    left_out: Callable[[RecordError], None] | None = None,
) -> list[T]:
    """What read gives of each record file; left_out as for load_rows.

    Raises:
        RecordError: if none of the records can be used; of one, its own.
    """
    found: list[T] = []
    errors: list[RecordError] = []
    for path in paths:
        try:
            found.append(read(path))
        except RecordError as error:
            if left_out is None:
                raise
            errors.append(error)
    if len(errors) == 1 and not found:
        raise errors[0]
    if left_out is not None:
        for error in errors:
            left_out(error)
    if errors and not found:
        raise _nothing_left(errors)
    return found


def _nothing_left(errors: list[RecordError]) -> RecordError:
    return RecordError(
        f"None of these {len(errors)} records can be used; the reasons stand above. Run the "
        "entries again into another --out folder."
    )


def derived(record: files.Record, truths: Truths) -> Derived:
    """The figures of one record before it is read together with others."""
    images = frozenset(f.image_id for f in record.frames if f.error is None)
    return Derived(row_of(record, truths), parts_of(record), record.path, images)


def in_order(rows: Iterable[Row]) -> list[Row]:
    """By letter, then by name."""
    return sorted(rows, key=lambda row: (row.letter or "~", row.entry))


def records_in(path: Path) -> list[Path]:
    """The record files of a run folder, or the one file.

    Raises:
        RecordError: if the folder holds none.
    """
    if not path.is_dir():
        if not path.exists():
            raise RecordError(
                f"{path}: nothing is there. Give the --out folder of a `posemark run`, or one of "
                "its .jsonl files."
            )
        return [path]
    found = sorted(path.glob(f"*{files.SUFFIX}"))
    if not found:
        raise RecordError(
            f"{path}: no run records (*{files.SUFFIX}) in this folder. Give the --out folder of "
            "a `posemark run`."
        )
    return found


def row_of(record: files.Record, truths: Truths) -> Row:
    """The figures of one record.

    Speed rests on every measured frame, accuracy on the last one of each image.
    """
    annotations = truth_of(record, truths)
    lies = {"folder": str(record.path.parent), "data_images": len(annotations["images"])}
    return _with_accuracy(replace(speed_of(record), **lies), record, annotations)


def speed_of(record: files.Record) -> Row:
    """The figures of one record but those that its poses tell, for which they must be scored."""
    return _with_blocks(_with_speed(row_of_header(record.header), record), record)


def _with_speed(row: Row, record: files.Record) -> Row:
    """What the measured frames tell."""
    good, line = record.good, _line(record.good, row.approach)
    totals = {stage: sum(f.stages[stage] for f in good) for stage in STAGES}
    late = [f.frame_ns + f.wait_ns for f in good]
    return replace(
        row,
        frames=len(good),
        persons=sum(f.boxes for f in good),
        most_people=max((f.boxes for f in good), default=0),
        fps_pose=_per_second(len(good), sum(map(pose_ns, good))),
        fps_pipeline=_per_second(len(good), sum(totals.values())),
        stage_ms={stage: total / 1e6 / max(1, len(good)) for stage, total in totals.items()},
        intercept_ms=line.base if line else None,
        ms_per_person=line.per_person if line else None,
        latency_ms=percentiles(late),
        histogram=histogram(late),
        sustainable_fps=sustainable_fps([f.frame_ns for f in good]),
        dropped_share=_dropped_share(record),
        share=utilisation.share(record.header, good),
        failed_frames=len(record.failed),
        dropped_boxes=sum(f.dropped for f in record.frames),
        complete=record.complete,
        notes=tuple(_notes(record)),
    )


def _per_second(frames: int, nanoseconds: int) -> float | None:
    return frames / (nanoseconds / 1e9) if nanoseconds else None


def _line(frames: list[schema.FrameLine], approach: str) -> Line | None:
    """Of the pose stages in ms, over the people of each frame.

    A bottom-up network sees one image whoever is in it, so only its post-processing can depend
    on people; the rest, which varies with the size of the image, is averaged. Fitted as one it
    would drown the slope.
    """
    per_person = ("postprocess",) if approach == "bottom-up" else POSE_STAGES
    line = fit([f.boxes for f in frames], [milliseconds(f, per_person) for f in frames])
    fixed = tuple(stage for stage in POSE_STAGES if stage not in per_person)
    return line and replace(line, base=line.base + fmean(milliseconds(f, fixed) for f in frames))


def _dropped_share(record: files.Record) -> float | None:
    """Of the camera's frames up to the last one handled; None without a camera."""
    if record.header.settings.camera_fps is None:
        return None
    handled = [f for block in record.blocks for f in block.frames]
    dropped = sum(f.skipped for f in handled)
    return dropped / (dropped + len(handled)) if handled else None


def _notes(record: files.Record) -> Iterable[str]:
    yield from record.header.data_notes
    failed = [f.error for f in record.failed if f.error is not None]
    if failed:
        frames = formats.counted(len(failed), "frame")
        yield f"{frames} failed, not counted; the first: {failed[0]}"
    dropped = sum(f.dropped for f in record.frames)
    if dropped:
        boxes = formats.counted(dropped, "box", "boxes")
        yield f"dropped {boxes} without size or area, or outside the image"
    share = _dropped_share(record)
    if share:
        yield f"dropped {formats.percent(share)} of the camera's frames, as newer ones came"
    if not record.complete:
        yield "the run was stopped before its end; go on with --resume"


def _with_blocks(row: Row, record: files.Record) -> Row:
    """What the blocks tell: how far the speed can be relied on, and what else it took."""
    blocks = timed_blocks(record)
    interval = pose_interval(blocks)
    fps = row.fps_pose
    return replace(
        row,
        blocks=len(blocks),
        fps_interval=(fps * interval.low, fps * interval.high) if fps and interval else None,
        verdict=judge(record, interval),
        timeline=_timeline(record),
        peak_memory=_peak_memory(record),
        energy_mj=_energy_mj(record),
    )


def _timeline(record: files.Record) -> tuple[tuple[float, float, float], ...]:
    """Seconds since the first block, pose FPS, sentinel ms; neighbours are merged beyond 60."""
    told = [(block.readings, good) for block in record.blocks if block.readings
            and (good := [f for f in block.frames if f.error is None])]  # fmt: skip
    seconds = _seconds([readings for readings, _ in told])
    step = -(-len(told) // _MOST_POINTS) or 1
    points: list[tuple[float, float, float]] = []
    for start in range(0, len(told), step):
        merged = told[start : start + step]
        frames = [f for _, good in merged for f in good]
        fps = _per_second(len(frames), sum(map(pose_ns, frames)))
        sentinel_ms = fmean(readings.sentinel_ns for readings, _ in merged) / 1e6
        if fps:
            points.append((seconds[start], fps, sentinel_ms))
    return tuple(points)


def _seconds(readings: Sequence[schema.BlockLine]) -> list[float]:
    """When each block began. The clock starts anew with the machine; a run may be resumed then."""
    gaps = (
        after.began_ns - before.began_ns if after.began_ns >= before.began_ns else before.wall_ns
        for before, after in pairwise(readings)
    )
    return [nanoseconds / 1e9 for nanoseconds in accumulate(gaps, initial=0)]


def _peak_memory(record: files.Record) -> int | None:
    """None where other entries ran in the process: its peak would be that of the largest."""
    if not record.header.own_process:
        return None
    told = [block.readings.peak_rss for block in record.blocks if block.readings]
    return max((peak for peak in told if peak is not None), default=None)


def _energy_mj(record: files.Record) -> dict[str, float] | None:
    """Millijoules a frame by counter, over the blocks that it told; None without a counter."""
    joules: dict[str, float] = {}
    frames: dict[str, int] = {}
    for block in record.blocks:
        for name, more in (block.readings.energy_j if block.readings else {}).items():
            joules[name] = joules.get(name, 0.0) + more
            frames[name] = frames.get(name, 0) + sum(f.error is None for f in block.frames)
    return {name: 1000 * joules[name] / count for name, count in frames.items() if count} or None


def truth_of(record: files.Record, truths: Truths) -> dict[str, Any]:
    """The annotations beside a record.

    Raises:
        RecordError: if they cannot be read, lack an image that was measured, or have another
            number of key points than the record has sigmas.
    """
    path = record.path.parent / record.header.truth
    if path not in truths:
        truths[path] = truth.read(path)
    points, sigmas = len(truths[path]["categories"][0]["keypoints"]), len(record.header.sigmas)
    if sigmas != points:
        raise RecordError(
            f"{record.path}: expected as many sigmas in its header as {path.name} beside it has "
            f"key points, {points}, but there are {sigmas}. The record is damaged: run the entry "
            "again into another folder."
        )
    known = {image["id"] for image in truths[path]["images"]}
    used = (line.image_id for line in (*record.frames, *record.perfect))
    strange = next((image_id for image_id in used if image_id not in known), None)
    if strange is not None:
        raise RecordError(
            f"{record.path}: image {strange} was measured, but {path.name} beside it does not "
            "hold that image. One of the two is of another run: keep the files of a run folder "
            "together."
        )
    return truths[path]


def _with_accuracy(row: Row, record: files.Record, annotations: dict[str, Any]) -> Row:
    """What the poses tell: nothing about a model where the frames are drawn."""
    scored = [f for f in record.frames if f.error is None]
    found = [(f.image_id, f.poses) for f in scored]
    scores_ap = record.header.scores_ap
    sigmas, ideal = record.header.sigmas, [(p.image_id, p.people) for p in record.perfect]
    measured = _judged(annotations, found, sigmas) if scores_ap else None
    perfect = _judged(annotations, ideal, sigmas)
    ap = measured.figures if measured else None
    draws = resampled_aps(measured) if measured else ()
    figure = ap["AP"] if ap else None
    images = _short_hash(sorted(f.image_id for f in scored))
    return replace(
        row,
        ap=ap,
        ap_draws=draws,
        ap_images=len(scored) if measured else 0,
        ap_interval=ap_interval(draws),
        keypoint_accuracy=keypoint_accuracy(measured) if measured else None,
        codec_ceiling=perfect.figures["AP"] if perfect else None,
        images=images if measured else "",
        unscored="" if scores_ap or not _any(found) else DRAWN,
        fingerprint=_fingerprint(record.header, images),
        expected=expectation(record.header, len(scored), figure),
        reproduction=reproduction(record.header, len(scored), figure),
    )


def _common_ap(record: files.Record, truths: Truths, images: frozenset[int]) -> ComparedAP | None:
    """Over some of the images of a record; None where nobody is annotated in them."""
    found = [(f.image_id, f.poses) for f in record.frames if f.image_id in images]
    judged = _judged(truth_of(record, truths), found, record.header.sigmas)
    ap = judged.figures["AP"] if judged else None
    if judged is None or ap is None:
        return None
    draws, key = resampled_aps(judged), _short_hash(sorted(images))
    return ComparedAP(ap, ap_interval(draws), draws, len(images), key)


def _judged(
    annotations: dict[str, Any],
    poses: Sequence[tuple[int, schema.People | None]],
    sigmas: Sequence[float],
) -> Judged | None:
    """Over the images of these poses; None without trained weights or without annotations."""
    if not _any(poses):
        return None
    results: Results = [
        {"image_id": image_id, "category_id": 1, "keypoints": keypoints, "score": score}
        for image_id, people in poses
        if people is not None
        for keypoints, score in zip(people.keypoints, people.scores, strict=True)
    ]
    return evaluation(annotations, results, [image_id for image_id, _ in poses], sigmas)


def _any(poses: Sequence[tuple[int, schema.People | None]]) -> bool:
    """Whether any frame's poses were kept: those of trained weights are."""
    return any(people is not None for _, people in poses)


def _fingerprint(header: schema.Header, images: str) -> dict[str, str]:
    """What decides, beside the machine, whether two results measured the same."""
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
    return found | ({"card": settings.card} if settings.card else {})


_DIGITS = 16


def _short_hash(numbers: Sequence[float]) -> str:
    return sha256(json.dumps(numbers).encode()).hexdigest()[:_DIGITS]
