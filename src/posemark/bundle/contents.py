"""Writes a bundle: run.py, the models, the frames with their people, and the entries.

The layout is that which bundle/runner reads. Everything in it is data, but for run.py, which is
generated from PoseMark's own modules.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

import posemark
from posemark.bundle import readme
from posemark.bundle.archive import Archive, writing
from posemark.bundle.expression import expression
from posemark.bundle.flatten import flatten
from posemark.bundle.networks import Network, NotReadError, network_file, rescorer_file
from posemark.bundle.runner.bundled import Bundle, BundledEntry, DeclaredFile, without_torch
from posemark.bundle.runner.entry_file import ENTRIES, ModelFile, entry_document
from posemark.bundle.runner.frames import FRAMES, ImageFile, frames_document
from posemark.bundle.targets import BundleTarget
from posemark.core.counting import counted
from posemark.core.errors import UsageError
from posemark.core.frame import Boxes, Frame
from posemark.geometry.crop import decoded
from posemark.geometry.plain_png import plain_png
from posemark.records import truth
from posemark.run.header import make_header
from posemark.run.plan import Job
from posemark.run.prepare import Prepared
from posemark.score.coco import truth_json

FRAME_FILES = "frames"
"""The folder of the images, in the folder of the bundle."""

RUN = "run.py"

OnStep = Callable[[int, str], object]
"""Called before each step with its number, from 0, and with what is done."""


@dataclass(frozen=True)
class Written:
    """A bundle that has been written.

    Attributes:
        path: the zip file.
        entries: the keys of its entries.
        refused: why other entries are not in it, by their keys.
        frames: the number of frames.
    """

    path: Path
    entries: tuple[str, ...]
    refused: Mapping[str, str]
    frames: int


def steps(jobs: Sequence[Prepared]) -> int:
    """Return the number of steps that `write_bundle` reports."""
    return len(jobs) + 1


def write_bundle(
    path: Path, jobs: Sequence[Prepared], target: BundleTarget, on_step: OnStep
) -> Written:
    """Write the bundle of some entries for a kind of device.

    Args:
        path: the zip file. It is there completely or not at all.
        jobs: the entries, for which require_possible was called. They share data and options.
        target: the kind of device.
        on_step: called before each step.

    Raises:
        UsageError: if no entry can run on the target, or the file cannot be written.
        CheckpointError: if weights cannot be read, or do not fit their network.
        ExportError: if ONNX Runtime computes other outputs with a file than torch.
        FrameError: if an image cannot be read.
    """
    _require_still_images(jobs)
    networks: dict[str, Network] = {}
    refused: dict[str, str] = {}
    for place, prepared in enumerate(jobs):
        on_step(place, prepared.key)
        try:
            networks[prepared.key] = network_file(prepared, target)
        except NotReadError as error:
            refused[prepared.key] = str(error)
    _require_some(networks, refused, target)
    on_step(len(jobs), "frames and run.py")
    able = [prepared for prepared in jobs if prepared.key in networks]
    frames = _frames(able[0], target)
    content = _Content(able, networks, frames, target, refused)
    with writing(path) as archive:
        content.add_to(archive)
    return Written(path, tuple(networks), refused, len(frames))


def require_possible(jobs: Iterable[Job]) -> None:
    """Check, before the inputs of any entry are read, that a bundle can do what is asked for.

    Raises:
        UsageError: if a person detector is to find the boxes.
    """
    for job in jobs:
        if job.detector:
            raise UsageError(
                f"--boxes {job.boxes}: a bundle has the boxes in it, and no detector. Write the "
                "boxes of the detector once, with posemark run --save-boxes boxes.json, and give "
                "--boxes file:boxes.json; or leave --boxes out."
            )


def _require_still_images(jobs: Sequence[Prepared]) -> None:
    if any(frame.moment is not None for frame in jobs[0].frames):
        raise UsageError(
            f"--data {jobs[0].job.options.data}: a bundle takes images that stand alone, but these "
            "frames follow each other in time. Use --data sample or coco:DIR."
        )


def _require_some(
    networks: Mapping[str, Network], refused: Mapping[str, str], target: BundleTarget
) -> None:
    if not networks:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise UsageError(
            f"--target {target.name}: none of {counted(len(refused), 'entry', 'entries')} can run "
            f"there. {reasons}. Name other entries, or another --target."
        )


def _frames(prepared: Prepared, target: BundleTarget) -> list[Frame]:
    return prepared.frames[: prepared.job.options.limit or target.frames]


@dataclass(frozen=True)
class _Content:
    """What is written.

    Attributes:
        jobs: the entries that can run.
        networks: their model files, by key.
        frames: the frames.
        target: the kind of device.
        refused: why other entries are left out, by key.
    """

    jobs: Sequence[Prepared]
    networks: Mapping[str, Network]
    frames: Sequence[Frame]
    target: BundleTarget
    refused: Mapping[str, str]

    def add_to(self, archive: Archive) -> None:
        """Add all members."""
        keys, count = [each.key for each in self.jobs], len(self.frames)
        text = readme.readme(self.target, keys, self.refused, count)
        archive.add(readme.NAME, text.encode())
        rescorers = {prepared.key: rescorer_file(prepared) for prepared in self.jobs}
        entries = self._entries({key: each[0] for key, each in rescorers.items() if each})
        sums = dict[str, str]()
        for name, content in (*entries, *self._truth(), self._frames_added_to(archive)):
            archive.add(name, content)
            sums[name] = hashlib.sha256(content).hexdigest()
        for name, content in {each[0].file: each[1] for each in rescorers.values() if each}.items():
            archive.add(name, content)
        networks = {each.model.file: each.path for each in self.networks.values()}
        for name, path in sorted(networks.items()):
            archive.add_file(name, path)
        # The last, because it knows the sums of the others.
        archive.add(RUN, _program(self._bundle(sums)).encode(), program=True)

    def _entries(self, rescorers: Mapping[str, ModelFile]) -> Iterator[tuple[str, bytes]]:
        for prepared in self.jobs:
            entry = self._entry(prepared, rescorers.get(prepared.key))
            yield f"{ENTRIES}/{prepared.key}.json", _json(entry)

    def _bundle(self, sums: Mapping[str, str]) -> Bundle:
        entries = tuple(_bundled(prepared) for prepared in self.jobs)
        target = self.target
        return Bundle(
            *(posemark.__version__, target.name, target.engines, target.precision, entries),
            tuple(sorted(sums.items())),
        )

    def _entry(self, prepared: Prepared, rescorer: ModelFile | None) -> Any:
        header: dict[str, Any] = msgspec.to_builtins(make_header(prepared, True, 1))
        for name in _OF_THE_DEVICE:
            header.pop(name, None)
        models = [self.networks[prepared.key].model]
        return entry_document(header, models, self._boxes(prepared), rescorer)

    def _boxes(self, prepared: Prepared) -> dict[int, Boxes]:
        if prepared.spec.convention is None:
            return {}
        return {frame.image_id: prepared.boxes.of(frame) for frame in self.frames}

    def _truth(self) -> Iterator[tuple[str, bytes]]:
        # It has all images of the data set, as at home, so that records can share the file.
        for prepared in self.jobs:
            name = make_header(prepared, True, 1).truth
            yield name, truth.encoded(truth_json(prepared.frames), Path(name))
            return

    def _frames_added_to(self, archive: Archive) -> tuple[str, bytes]:
        """Add the images; return the file that lists them."""
        files: dict[int, tuple[ImageFile, ImageFile]] = {}
        for frame in self.frames:
            encoded = frame.read()
            image = decoded(encoded, frame)
            if callable(encoded):
                raise TypeError(f"{frame.name} has no encoded image")
            suffix = Path(frame.name).suffix.lower()
            name, plain = f"{FRAME_FILES}/{frame.image_id}", plain_png(image)
            files[frame.image_id] = (
                ImageFile.of(f"{name}{suffix}", encoded),
                ImageFile.of(f"{name}.plain.png", plain),
            )
            for file, content in zip(files[frame.image_id], (encoded, plain), strict=True):
                archive.add(file.path, content)
        return FRAMES, _json(frames_document(self.frames, files))


_OF_THE_DEVICE = ("environment", "started", "run")
"""Fields of a header that only the device knows."""


def _bundled(prepared: Prepared) -> BundledEntry:
    options, entry, artefact = prepared.job.options, prepared.job.entry, prepared.spec.artefact
    return BundledEntry(
        key=prepared.key,
        spec=without_torch(prepared.spec),
        runtime=entry.runtime,
        precision=entry.precision,
        scales=entry.scales,
        flip=options.flip,
        most=options.crops_per_pass,
        trained=prepared.checkpoint is not None,
        declared=DeclaredFile.of(artefact) if artefact else None,
    )


_MAIN = """
import sys
from pathlib import Path

from posemark.bundle.runner.main import main
{bundle}
if __name__ == "__main__":
    sys.exit(main(BUNDLE, Path(__file__).resolve()))
"""


def _program(bundle: Bundle) -> str:
    """Return the source text of run.py."""
    program = _MAIN.format(bundle=expression(bundle).assigned("BUNDLE"))
    command = f"posemark bundle --target {bundle.target}"
    return flatten(program=program, command=command).source


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
