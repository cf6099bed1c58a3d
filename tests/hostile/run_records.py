"""Hostile run records and the truth files beside them."""

import json
import tempfile
from pathlib import Path

import msgspec

import made_records
from hostile.kind import Kind, written
from posemark.core.line_sums import with_sum
from posemark.records import files, truth
from posemark.records.schema import (
    BlockLine,
    Detector,
    End,
    FrameLine,
    Given,
    Header,
    Line,
    OnTruthLine,
    PerfectLine,
    Published,
    Resumed,
    Source,
    TrialLine,
)
from posemark.report import tables
from posemark.report.page.html import html
from posemark.report.result_row import Row
from posemark.report.results import load_rows


def made_header() -> Header:
    """Return a header with the fields that only some records have."""
    ceiling = {"ceiling": {"fp32": 1e11, "threads": 2}}
    return made_records.header(
        environment=made_records.ENVIRONMENT | ceiling,
        weights=Source("made", "0123456789abcdef"),
        data=Source("coco", "0123456789abcdef"),
        published=Published(0.65, "gt", False, "a table"),
        own_process=True,
        network="small",
        data_notes=("1 person has no area",),
    )


def annotated() -> bytes:
    """Return annotations of which three images are frames of a clip under a moving camera."""
    made = made_records.truth(range(4))
    for index, image in enumerate(made["images"][:3]):
        image |= {"clip": 7, "index": index, "time_s": index / 30}
        image["from_still"] = [[1.0, 0.0, 2.5 * index], [0.0, 1.0, 0.0]]
        made["annotations"][index]["track_id"] = 3
    return json.dumps(made).encode()


def written_record(head: Header, lines: list[Line]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = made_records.written(Path(folder) / "small@gt.jsonl", head, lines)
        return path.read_bytes()


def record() -> bytes:
    """Return a record with two blocks, a failed frame, a resumed run and perfect outputs."""
    found = made_records.people(made_records.annotation(0))
    first, second = (made_records.frame(i, 17_000_000, boxes=1, poses=found) for i in (0, 1))
    lines = [
        first,
        FrameLine(2, error="it cannot be read"),
        BlockLine(2, 10**9, 10**9, 9_000_000, own_cpu_ns=10**9, peak_rss=10**8),
        Resumed(made_header().environment, "2026-01-01T01:00:00+00:00"),
        second,
        BlockLine(1, 3 * 10**9, 10**9, 9_000_000, energy_j={"package": 2.5}),
        PerfectLine(0, found),
        End("all frames"),
    ]
    return written_record(made_header(), lines)


def detector_record() -> bytes:
    """Return a record of a detector that looks at every second frame of a clip, smoothed."""
    detector = Detector("rtmdet-nano", "0123456789abcdef", 320, "onnxruntime", "fp32", 0.1, 20, 2)
    settings = msgspec.structs.replace(made_header().settings, smooth=True)
    head = msgspec.structs.replace(
        made_header(),
        settings=settings,
        box_kind="detected",
        boxes=Source("detector:rtmdet-nano", "0123456789abcdef"),
        detector=detector,
        given=Given(boxes="detector:rtmdet-nano@every=2"),
    )
    found = made_records.people(made_records.annotation(0))
    boxes = [(5.0, 10.0, 100.0, 200.0, 0.9), (300.0, 10.0, 50.0, 60.0, 0.02)]
    before = [value for at in range(17) for value in (10.0 + 5 * at, 20.0 + 10 * at)]
    origins = ("detected", "followed", "early")
    lines = [
        made_records.frame(
            *(i, 17_000_000),
            boxes=1,
            poses=found,
            origin=origin,
            found=boxes,
            ids=[4],
            unsmoothed=[before],
        )
        for i, origin in enumerate(origins)
    ]
    lines += [BlockLine(3, 10**9, 10**9, 9_000_000), OnTruthLine(0, found), OnTruthLine(1, found)]
    return written_record(head, [*lines, End("all frames")])


def overlapped_record() -> bytes:
    """Return a record of frames that were processed at the same time, with trials before."""
    head = made_header()
    settings = msgspec.structs.replace(head.settings, mode="overlapped", streams=2)
    found = made_records.people(made_records.annotation(0))
    frames = [
        made_records.frame(
            *(i, 17_000_000), boxes=1, poses=found, stream=i % 2, began_ns=10**9 + i * 10**7
        )
        for i in range(4)
    ]
    stages = frames[0].stages
    lines = [
        *(TrialLine(i, stages, stages) for i in (0, 1)),
        *frames[:2],
        BlockLine(2, 10**9, 10**9, 9_000_000),
        *frames[2:],
        BlockLine(2, 3 * 10**9, 10**9, 9_000_000),
    ]
    head = msgspec.structs.replace(head, settings=settings)
    return written_record(head, [*lines, End("all frames")])


def records() -> list[bytes]:
    return [record(), detector_record(), overlapped_record()]


def read_record(folder: Path, content: bytes) -> object:
    found = files.read(written(folder / "small@gt.jsonl", content))
    return found.good, found.frames, found.failed, found.header.identity(), found.header.facts


def report_record(folder: Path, content: bytes) -> object:
    path = written(folder / "small@gt.jsonl", content)
    files.read(path)  # without its annotations, because most mutants are refused here
    written(folder / "truth.json", annotated())
    return _everything(load_rows([path]))


def read_truth(folder: Path, content: bytes) -> object:
    return truth.read(written(folder / "truth.json", content))


def report_truth(folder: Path, content: bytes) -> object:
    truth.read(written(folder / "truth.json", content))
    return _everything(load_rows([written(folder / "small@gt.jsonl", detector_record())]))


def _everything(rows: list[Row]) -> object:
    """Write all that a report writes of these rows."""
    texts = (tables.markdown(rows), tables.to_json(rows), tables.csv(rows))
    return *texts, tables.console(rows), html(rows, "made")


def numbered(content: bytes) -> bytes:
    """Return a record whose lines have the name of its run, their numbers and their checksums."""
    try:
        lines = [json.loads(line) for line in content.splitlines()]
        run = lines[0].get("run", "")
        stamped = [line | {"run": run, "line": at} for at, line in enumerate(lines, 1)]
        return b"".join(with_sum(json.dumps(line).encode()) + b"\n" for line in stamped)
    except (ValueError, TypeError, AttributeError, IndexError, RecursionError):
        return content


KINDS = {
    "records": Kind(records, read_record, lines_of_json=True, repair=numbered),
    "reports": Kind(records, report_record, lines_of_json=True, repair=numbered),
    "truth": Kind(lambda: [annotated()], read_truth, lines_of_json=True),
    "reports-truth": Kind(lambda: [annotated()], report_truth, lines_of_json=True),
}
