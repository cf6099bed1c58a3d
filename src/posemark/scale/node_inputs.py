"""The files that a job needs on every machine, held to their content, not to their names.

A machine that has the file at the same path with the same SHA-256 uses it. Any other machine gets
the content from the machine that started the run, into its own cache.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import posemark
from posemark.core.digests import sha256_of
from posemark.core.errors import CheckpointError, DataError, FrameError, RunError
from posemark.core.frame import Frame
from posemark.core.model_file import Artefact
from posemark.core.places import is_file, user_cache, write_whole
from posemark.measure.environment import environment
from posemark.run.calibration import spread
from posemark.run.prepare import Prepared
from posemark.runtimes.registry import distributions

SPOT_CHECKS = 8
"""Number of images, spread over the data, whose content every machine is asked for."""

Fetch = Callable[[str], bytes]
"""Returns the content with a SHA-256 from the machine that started the run."""


@dataclass(frozen=True)
class Expected:
    """What every machine must have or be, as the machine that started the run has it.

    Attributes:
        files: the SHA-256 of each file of weights and of exported networks, by its path.
        images: the SHA-256 of some image files, by the id of the image.
        libraries: version of each package by name, PoseMark among them.
    """

    files: Mapping[Path, str]
    images: Mapping[int, str]
    libraries: Mapping[str, str | None]


def expected_of(prepared: Prepared) -> Expected:
    """Return what the workers of a job are held to.

    Raises:
        CheckpointError: if a file has vanished since it was checked.
    """
    paths = [path for artefact in _artefacts(prepared) for path in artefact.files]
    paths += [prepared.checkpoint.path] if prepared.checkpoint else []
    frames = prepared.frames[: prepared.job.options.limit]
    digests = {each.image_id: _image_digest(each) for each in spread(frames, SPOT_CHECKS)}
    return Expected(
        {path: _digest(path) for path in dict.fromkeys(paths)},
        {image_id: digest for image_id, digest in digests.items() if digest},
        libraries(),
    )


def contents_of(expected: Expected) -> Iterator[tuple[str, bytes]]:
    """Yield SHA-256 and content of each file, for machines that lack it."""
    for path, digest in expected.files.items():
        yield digest, path.read_bytes()


def libraries() -> dict[str, str | None]:
    """Return the versions of PoseMark and of the packages that its figures depend on."""
    found: dict[str, str | None] = environment(None, distributions())["libraries"]
    return {"posemark": posemark.__version__, **found}


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise CheckpointError(
            f"{path}: the file was found before, but cannot be read now ({error.strerror}). Start "
            "the run again."
        ) from error


def _image_digest(frame: Frame) -> str | None:
    """Return the digest of an image file; None if it cannot be read or is no file."""
    try:
        content = frame.read()
    except FrameError:  # the record names it
        return None
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else None


def _artefacts(prepared: Prepared) -> Iterable[Artefact]:
    if prepared.spec.artefact:
        yield prepared.spec.artefact
    if prepared.detector and prepared.detector.network:
        yield prepared.detector.network.artefact


def at_this_node(prepared: Prepared, expected: Expected, fetch: Fetch, node: str) -> Prepared:
    """Return a job whose files are on this machine, and check that it gives the same results.

    Args:
        prepared: the job, as the machine that started the run has it.
        expected: what it depends on there.
        fetch: returns the content of a file that this machine lacks.
        node: the name of this machine, for messages.

    Raises:
        RunError: if the packages of this machine differ.
        DataError: if its images are missing or differ.
        UsageError: if this machine has no folder for a cache.
    """
    _require_libraries(expected.libraries, node)
    _require_images(prepared.frames, expected.images, node)
    places = _places(expected.files, fetch)
    if prepared.checkpoint:
        path = places[prepared.checkpoint.path]
        prepared = replace(prepared, checkpoint=replace(prepared.checkpoint, path=path))
    if prepared.spec.artefact:
        artefact = _moved(prepared.spec.artefact, places)
        prepared = replace(prepared, spec=replace(prepared.spec, artefact=artefact))
    detector = prepared.detector
    if detector and detector.network:
        artefact = _moved(detector.network.artefact, places)
        network = replace(detector.network, artefact=artefact)
        prepared = replace(prepared, detector=replace(detector, network=network))
    return prepared


def _moved(artefact: Artefact, places: Mapping[Path, Path]) -> Artefact:
    return replace(artefact, path=places[artefact.path])


def _places(wanted: Mapping[Path, str], fetch: Fetch) -> dict[Path, Path]:
    """Return where each file is on this machine; those that are missing are fetched."""
    if all(is_file(path) and sha256_of(path) == digest for path, digest in wanted.items()):
        return {path: path for path in wanted}
    # The files of one network stay together, since one names the other by its place.
    folder = user_cache() / "by-content" / "-".join(each[:_DIGITS] for each in wanted.values())
    for path, digest in wanted.items():
        there = folder / path.name
        if not is_file(there) or sha256_of(there) != digest:
            write_whole(there, fetch(digest))
    return {path: folder / path.name for path in wanted}


_DIGITS = 16


def _require_libraries(wanted: Mapping[str, str | None], node: str) -> None:
    own = libraries()
    differ = [
        f"{name} {own.get(name) or 'missing'} instead of {version or 'none'}"
        for name, version in wanted.items()
        if own.get(name) != version
    ]
    if differ:
        raise RunError(
            f"{node}: its packages are not those of the machine that started the run, so that its "
            f"poses could differ: {', '.join(differ)}. Install the same versions there."
        )


def _require_images(frames: list[Frame], wanted: Mapping[int, str], node: str) -> None:
    for frame in frames:
        digest = wanted.get(frame.image_id)
        own = digest and _image_digest(frame)
        if own != digest:
            what = "is missing or cannot be read" if own is None else "has another content"
            raise DataError(
                f"{node}: the image {frame.name} {what} on this machine. Put the data at "
                "the same path on every machine, for example on a file system that they share."
            )
