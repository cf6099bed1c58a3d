"""Fetches registered checkpoints; called by `posemark get` and `posemark weights fetch` only."""

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
    """Download a registered checkpoint, verify it, then import it.

    Nothing is downloaded if the checkpoint is imported already. A file without a registered
    digest is compared with the digest that it had when it was first fetched.

    Args:
        spec: the model.
        tag: the tag of its weights.
        watcher: receives the progress of the download.
        dead: hosts that cannot be reached, by name, with the reason (downloads.transfer.download).

    Raises:
        CheckpointError: if the tag has no address, or the file is for another network.
        DownloadError: if the download fails, or gives a file other than the registered one.
        UsageError: if the licence has to be accepted first, or the cache cannot be written.
    """
    from posemark.downloads.transfer import alone, download

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
            if not wanted.whole_digest:  # the address may give another file the next time
                shutil.rmtree(place.parent)
            raise
        if not wanted.whole_digest:
            notes.keep_digest(wanted.name, digest, place.name)
        shutil.rmtree(place.parent)
        return checkpoint


def wanted_of(spec: ModelSpec, row: Weights) -> Wanted:
    """Convert a registry entry of weights to a file that can be downloaded."""
    return Wanted(f"{spec.name}.{row.tag}", row.urls, row.size, row.sha256, row.md5)


def arriving(spec: ModelSpec, row: Weights) -> Path:
    """Return the path of a checkpoint during its download, before it is imported."""
    file = row.file or Path(row.urls[0]).name
    return user_cache() / "downloads" / f"{spec.name}.{row.tag}" / file


def sound(spec: ModelSpec, tag: str) -> Checkpoint | None:
    """Return the imported checkpoint, or None if it is missing or changed since its import."""
    found = cached(spec, tag)
    return found if found and sha256_of(found.path) == found.sha256 else None


def terms_of(spec: ModelSpec) -> str:
    """Return the name under which a licence of weights is accepted: that of the family."""
    return spec.family.lower()


def offered_terms(specs: Iterable[ModelSpec]) -> dict[str, str]:
    """Return the licences of these models' weights that have to be accepted, by terms_of()."""
    return {
        terms_of(spec): row.licence
        for spec in specs
        for row in spec.weights
        if row.licence and notes.has_terms(row.licence)
    }


def require_accepted(spec: ModelSpec, row: Weights) -> None:
    """Refuse weights under non-commercial terms that the user has not accepted.

    Raises:
        UsageError: if they are not accepted; it names the licence and the option to accept it.
    """
    name = terms_of(spec)
    if not notes.is_accepted(name, row.licence):
        raise UsageError(
            f"{spec.name}.{row.tag} has this licence: {row.licence}. If it permits your use, add "
            f"--accept-licence {name}; PoseMark remembers that."
        )
