"""Fetching registered checkpoints. The command line calls it only for `get` and `weights fetch`."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from posemark.core.digests import sha256_of
from posemark.core.errors import CheckpointError, UsageError
from posemark.core.places import user_cache
from posemark.core.spec import ModelSpec, Weights
from posemark.downloads import SILENT, Wanted, Watcher, notes
from posemark.weights.cache import Checkpoint, cached, import_file, not_here, row_of


def fetch(
    spec: ModelSpec, tag: str, watcher: Watcher = SILENT, dead: dict[str, str] | None = None
) -> Checkpoint:
    """Download a registered checkpoint, verify it, then import it; nothing if it is here.

    A file without a registered digest is held to the one it had when it was first fetched.

    Args:
        spec: the model.
        tag: of its weights.
        watcher: is told how the download goes.
        dead: hosts that cannot be reached (downloads.files.download).

    Raises:
        CheckpointError: if there is no address for it, or the file is for another network.
        DownloadError: if the download fails, or gives another file.
        UsageError: if the licence has to be accepted first.
    """
    from posemark.downloads.files import alone, download

    row = row_of(spec, tag)
    if row is None or not row.urls:
        raise CheckpointError(not_here(spec, tag))
    require_accepted(spec, row)
    wanted = wanted_of(spec, row)
    place = arriving(spec, row)
    with alone(place.parent, watcher):
        found = sound(spec, tag)
        if found:
            return found
        digest = download(wanted, place, watcher, dead)
        try:
            checkpoint = import_file(place, spec, tag)
        except CheckpointError:
            if not wanted.whole_digest:  # another file may stand there the next time
                shutil.rmtree(place.parent)
            raise
        if not wanted.whole_digest:
            notes.keep_digest(wanted.name, digest, place.name)
        shutil.rmtree(place.parent)
        return checkpoint


def wanted_of(spec: ModelSpec, row: Weights) -> Wanted:
    """A row of the registry as a file to be fetched."""
    return Wanted(f"{spec.name}.{row.tag}", row.urls, row.size, row.sha256, row.md5)


def arriving(spec: ModelSpec, row: Weights) -> Path:
    """Where a checkpoint lies while it comes."""
    file = row.file or Path(row.urls[0]).name
    return user_cache() / "downloads" / f"{spec.name}.{row.tag}" / file


def sound(spec: ModelSpec, tag: str) -> Checkpoint | None:
    """The imported checkpoint, if it is here and as it was imported."""
    found = cached(spec, tag)
    return found if found and sha256_of(found.path) == found.sha256 else None


def terms_of(spec: ModelSpec) -> str:
    """The name under which the licence of a model's weights is accepted: its family's."""
    return spec.family.lower()


def offered_terms(specs: Iterable[ModelSpec]) -> dict[str, str]:
    """The terms of their weights that have to be accepted, by the names for that."""
    return {
        terms_of(spec): row.licence
        for spec in specs
        for row in spec.weights
        if row.licence and notes.has_terms(row.licence)
    }


def require_accepted(spec: ModelSpec, row: Weights) -> None:
    """Refuse weights under non-commercial terms that the user has not accepted.

    Raises:
        UsageError: naming the terms and the option.
    """
    name = terms_of(spec)
    if not notes.is_accepted(name, row.licence):
        raise UsageError(
            f"{spec.name}.{row.tag} comes under this licence: {row.licence}. If that fits your "
            f"use, add --accept-licence {name}; it is remembered."
        )
