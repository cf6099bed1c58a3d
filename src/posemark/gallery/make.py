"""Makes the gallery of records: reads, judges, chooses, draws."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from posemark.core.errors import DataError, FrameError, PoseMarkError, RecordError
from posemark.core.frame import Frame
from posemark.core.text import escaped
from posemark.datasets import open_dataset
from posemark.gallery import page, pictures
from posemark.gallery.choice import Choice, Shown, choices
from posemark.gallery.judged_frames import JudgedEntry, judged_entry
from posemark.geometry.crop import image_of
from posemark.records import files
from posemark.records.schema import Source
from posemark.report import results
from posemark.report.header_row import row_of_header
from posemark.report.measured_accuracy import Truths, judged_poses
from posemark.report.page.entries import names

Frames = dict[int, Frame]
"""The frames of a data set by image id."""


class Gallery(NamedTuple):
    """A gallery.

    Attributes:
        html: the page.
        notes: sentences on the entries that are left out.
    """

    html: str
    notes: list[str]


def gallery(paths: Iterable[Path], count: int, report: str) -> Gallery:
    """Make the gallery of run folders and record files.

    Args:
        paths: run folders and record files; records that cannot be read are left out.
        count: the most frames for each entry, and for each pair of entries.
        report: the file name of the report beside the gallery, to which it has a link.

    Raises:
        RecordError: if no record can be read.
        DataError: if no entry can be shown: their images are not on this machine, or they have no
            poses.
    """
    records = results.usable(results.records_in(paths), lambda record: record, lambda _: None)
    records.sort(key=lambda record: (record.header.letter or "~", record.header.entry))
    entries, notes = _judged(records)
    sections = [_section(choice) for choice in choices(entries, count)]
    # Names from records may hold control characters, and bytes that are no text.
    return Gallery(escaped(page.html(entries, sections, notes, report)), notes)


def _judged(records: list[files.Record]) -> tuple[list[JudgedEntry], list[str]]:
    """Return the entries that can be shown, and sentences on the others."""
    entries: list[JudgedEntry] = []
    left_out: dict[str, list[str]] = {}
    images, truths = _Images(records), Truths()
    for name, record in _named(records):
        try:
            entries.append(_entry(name, record, images, truths))
        except PoseMarkError as error:
            left_out.setdefault(str(error), []).append(name)
    notes = [
        f"{', '.join(own)}: not in the gallery, because {why}" for why, own in left_out.items()
    ]
    if not entries:
        raise DataError("\n".join(notes))
    return entries, notes


def _named(records: list[files.Record]) -> Iterable[tuple[str, files.Record]]:
    """Pair each record with the name that the page of a report gives to its row."""
    rows = [row_of_header(record.header) for record in records]
    return zip(names(rows), records, strict=True)


def _entry(name: str, record: files.Record, images: "_Images", truths: Truths) -> JudgedEntry:
    judged = judged_poses(record, truths)
    if judged is None:
        raise RecordError(
            "its record has no poses of annotated people. Run the entry with trained weights "
            "(`posemark weights list`), on data with annotations."
        )
    sources = images.of(record.header.data)
    if any(line.image_id not in sources for line in record.frames):
        raise RecordError(
            f"{record.path} has images that are not in {record.header.data.name}. The record was "
            "changed after it was written: restore it from a copy, or run the entry again."
        )
    return judged_entry(name, record, judged, sources)


class _Images:
    """The data sets on this machine on which records were made.

    Records of the same data from several machines may name different folders, so each folder that
    any of them names is tried.
    """

    def __init__(self, records: Iterable[files.Record]) -> None:
        self._places: dict[str, dict[str, None]] = {}
        for data in (record.header.data for record in records):
            self._places.setdefault(data.sha256, {})[data.name] = None
        self._found: dict[str, Frames] = {}

    def of(self, data: Source) -> Frames:
        """Return the frames of a data set.

        Raises:
            DataError: if it is not on this machine, or has changed since the run.
        """
        if data.sha256 not in self._found:
            self._found[data.sha256] = self._opened(data)
        return self._found[data.sha256]

    def _opened(self, data: Source) -> Frames:
        reasons: list[str] = []
        for name in self._places[data.sha256]:
            try:
                return _frames(name, data.sha256)
            except PoseMarkError as error:
                reasons.append(str(error))
        raise DataError(
            f"the images of {data.name} cannot be shown. {' '.join(reasons)} If the data has "
            "moved, put it back or make a link to it; a relative folder counts from where the run "
            "was started, so start `posemark report` there."
        )


def _frames(name: str, fingerprint: str) -> Frames:
    dataset = open_dataset(name)
    if dataset.fingerprint != fingerprint:
        raise DataError(
            f"{name}: the annotations have changed since the run (fingerprint "
            f"{dataset.fingerprint}, the record has {fingerprint})."
        )
    return {frame.image_id: frame for frame in dataset.frames()}


def _section(choice: Choice) -> page.Section:
    return page.Section(choice, [_pictures(shown) for shown in choice.shown])


def _pictures(shown: Shown) -> list[page.Picture]:
    source = shown.frames[0].source
    try:
        image = image_of(source)
    except FrameError as error:
        return [page.Picture(frame, None, str(error)) for frame in shown.frames]
    part = pictures.close_up(shown.frames, source.size_wh)
    return [
        page.Picture(frame, pictures.data_uri(pictures.drawn(frame, image, part)))
        for frame in shown.frames
    ]
