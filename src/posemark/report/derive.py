"""From raw records to figures. Every figure of every chart and table is made here."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from posemark.core.errors import RecordError
from posemark.records import files, schema
from posemark.report.fit import Cost, fit
from posemark.report.rows import POSE_STAGES, STAGES, Published, Row
from posemark.score.coco import Results, evaluate


def load_rows(paths: Iterable[Path]) -> list[Row]:
    """The rows of run folders and record files, by letter, then by name.

    Raises:
        RecordError: if a path holds no record, or a record is damaged.
    """
    truths: dict[Path, dict[str, Any]] = {}
    rows = [row_of(files.read(record), truths) for path in paths for record in _records(path)]
    return in_order(rows)


def in_order(rows: Iterable[Row]) -> list[Row]:
    """By letter, then by name."""
    return sorted(rows, key=lambda row: (row.letter or "~", row.entry))


def _records(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob(f"*{files.SUFFIX}"))
    if not found:
        raise RecordError(
            f"{path}: no run records (*{files.SUFFIX}) in this folder. Give the --out folder of "
            "a `posemark run`."
        )
    return found


def row_of(record: files.Record, truths: dict[Path, dict[str, Any]]) -> Row:
    """The figures of one record. truths: annotation files read so far, by path."""
    header, good = record.header, [f for f in record.frames if f.error is None]
    truth = _truth(record.path.parent / header.truth, truths)
    totals = {s: sum(f.stages[s] for f in good) for s in STAGES}
    measured = _accuracy(truth, [(f.image_id, f.poses) for f in good])
    ceiling = _accuracy(truth, [(p.image_id, p.people) for p in record.perfect])
    settings, cost = header.settings, _cost(good, header.approach)
    return Row(
        entry=header.entry,
        letter=header.letter,
        model=header.model,
        weights=header.weights.name,
        runtime=settings.runtime,
        precision=settings.precision,
        boxes=header.boxes.name,
        frames=len(good),
        persons=sum(f.boxes for f in good),
        fps_pose=_per_second(len(good), sum(totals[s] for s in POSE_STAGES)),
        fps_pipeline=_per_second(len(good), sum(totals.values())),
        stage_ms={s: totals[s] / 1e6 / max(1, len(good)) for s in STAGES},
        ap=measured,
        ap_published=_published(header.published),
        codec_ceiling=ceiling["AP"] if ceiling else None,
        family=header.family,
        approach=header.approach,
        input_hw=header.input_hw,
        licence=header.licence,
        weights_licence=header.weights.licence,
        codec=settings.codec,
        flip=settings.flip,
        persons_mode=settings.persons,
        data=header.data.name,
        threads=settings.threads,
        parameters=header.parameters,
        macs=header.macs,
        failed_frames=len(record.frames) - len(good),
        dropped_boxes=sum(f.dropped for f in good),
        complete=record.complete,
        machine=_machine(header.environment),
        notes=tuple(_notes(record)),
        scales=settings.scales,
        intercept_ms=cost.intercept_ms,
        ms_per_person=cost.ms_per_person,
    )


def _per_second(frames: int, nanoseconds: int) -> float | None:
    return frames / (nanoseconds / 1e9) if nanoseconds else None


def _cost(frames: list[schema.FrameLine], approach: str) -> Cost:
    """Of the pose stages, over the people of each frame.

    A bottom-up network sees one image whoever is in it, so only its post-processing can depend
    on people; the rest, which varies with the size of the image, is averaged. Fitted as one it
    would drown the slope.
    """
    per_person = ("postprocess",) if approach == "bottom-up" else POSE_STAGES
    line = fit([f.boxes for f in frames], [_ms(f, per_person) for f in frames])
    if line.intercept_ms is None:
        return line
    fixed = tuple(stage for stage in POSE_STAGES if stage not in per_person)
    rest = sum(_ms(f, fixed) for f in frames) / len(frames)
    return Cost(line.intercept_ms + rest, line.ms_per_person)


def _ms(frame: schema.FrameLine, stages: tuple[str, ...]) -> float:
    return sum(frame.stages[stage] for stage in stages) / 1e6


def _truth(path: Path, truths: dict[Path, dict[str, Any]]) -> dict[str, Any]:
    if path not in truths:
        try:
            truths[path] = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise RecordError(
                f"{path}: the annotations that belong to these records cannot be read "
                f"({error}). Keep the files of a run folder together."
            ) from error
    return truths[path]


def _accuracy(
    truth: dict[str, Any], poses: list[tuple[int, schema.People | None]]
) -> dict[str, float | None] | None:
    """Over the images of these poses; None without trained weights or without annotations."""
    if not any(people is not None for _, people in poses):
        return None
    results: Results = [
        {"image_id": image_id, "category_id": 1, "keypoints": keypoints, "score": score}
        for image_id, people in poses
        if people is not None
        for keypoints, score in zip(people.keypoints, people.scores, strict=True)
    ]
    return evaluate(truth, results, [image_id for image_id, _ in poses])


def _published(published: schema.Published | None) -> Published | None:
    if published is None:
        return None
    return Published(published.ap, published.boxes, published.flip, published.source)


def _machine(environment: dict[str, Any]) -> str:
    return f"{environment['cpu']}, {environment['cores']} cores"


def _notes(record: files.Record) -> Iterable[str]:
    failed = [f.error for f in record.frames if f.error is not None]
    if failed:
        yield f"{len(failed)} frames failed and count for nothing; the first: {failed[0]}"
    dropped = sum(f.dropped for f in record.frames)
    if dropped:
        yield f"{dropped} boxes without size or outside the image were dropped"
    if not record.complete:
        yield "the run was stopped before its end; go on with --resume"
