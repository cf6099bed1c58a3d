"""Fetching registered checkpoints: the only access to the network in the package.

The command line calls it only for `posemark weights fetch`.
"""

import http.client
import tempfile
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError

from posemark.core.errors import CheckpointError, UsageError
from posemark.core.spec import ModelSpec
from posemark.weights.cache import Checkpoint, import_file, not_here, require_hash, row_of

Progress = Callable[[Iterable[bytes], int | None], Iterable[bytes]]

_MOST_BYTES = 4 << 30
_SCHEME = "https://"


def fetch(spec: ModelSpec, tag: str, progress: Progress, accepted: bool = False) -> Checkpoint:
    """Download a registered checkpoint, verify its SHA-256, then import it.

    accepted: the user accepts the weights' licence, asked for where it is non-commercial.
    progress: wraps the stream of chunks; gets the size in bytes, if the server says it.

    Raises:
        CheckpointError: if there is no address or hash for it, the download fails, or the
            file is not the registered one.
        UsageError: if the licence has to be accepted first.
    """
    row = row_of(spec, tag)
    if row and row.licence and "non-commercial" in row.licence.lower() and not accepted:
        raise UsageError(
            f"{spec.name}.{tag} comes under this licence: {row.licence}. If that fits your use, "
            "add --accept-licence."
        )
    if row is None or row.url is None or row.sha256 is None:
        raise CheckpointError(not_here(spec, tag))
    if not row.url.startswith(_SCHEME):
        raise CheckpointError(f"{row.url}: only https addresses are fetched.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(row.url).name
        _download(row.url, path, progress)
        require_hash(path, row)
        return import_file(path, spec, tag)


class HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows a redirect from https to https, and no other."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request that follows; refused unless it is https."""
        if not newurl.lower().startswith(_SCHEME):
            raise URLError(f"it leads to {newurl[:200]!r}, and only https addresses are fetched")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener() -> urllib.request.OpenerDirector:
    """What opens addresses."""
    return urllib.request.build_opener(HttpsOnly)


def _download(url: str, path: Path, progress: Progress) -> None:
    try:
        with opener().open(url, timeout=60) as reply, path.open("wb") as file:
            size = _announced(reply.headers.get("Content-Length"))
            for chunk in progress(_chunks(reply, size), size):
                file.write(chunk)
    except (URLError, OSError, http.client.HTTPException, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"[:300]
        raise CheckpointError(
            f"{url}: the download failed ({reason}). Nothing was kept; try again, or download it "
            "by other means and use `posemark weights import`."
        ) from error


def _announced(length: str | None) -> int | None:
    if length is None:
        return None
    if not (length.isascii() and length.isdigit() and len(length) < 16):
        raise ValueError(f"the server announces {length[:40]!r} bytes")
    return int(length)


def _chunks(reply: Any, size: int | None) -> Iterator[bytes]:
    """The content; refused where it is shorter than announced, or longer than any checkpoint."""
    count = 0
    while chunk := reply.read(1 << 20):
        count += len(chunk)
        if count > _MOST_BYTES:
            raise ValueError(f"it is longer than {_MOST_BYTES:,} bytes")
        yield chunk
    if size is not None and count != size:
        raise ValueError(f"{size:,} bytes were announced, {count:,} came")
