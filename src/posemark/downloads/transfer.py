"""Downloads a file: resumes it, tries the next mirror, verifies it, then renames it.

During the download the file is stored beside its destination as NAME.part, with a note of its
address, so that an interrupted download is resumed the next time. NAME.lock keeps two processes
from downloading the same file at once: the second waits, and then finds the file.
"""

import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import filelock
import msgspec
import requests

from posemark.core.crash_points import crash_point
from posemark.core.digests import md5_of, sha256_of
from posemark.core.durable import place
from posemark.core.errors import DownloadError
from posemark.core.places import CACHE_REMEDY, make_folder, write_whole
from posemark.downloads import web
from posemark.downloads.notes import digest_note, first_digest, read_note
from posemark.downloads.wanted import MOST_BYTES, SILENT, Wanted, Watcher, doubt, host_of
from posemark.downloads.web import BrokenError, RangeError, RefusedError

SPARE_BYTES = 64 << 20
"""Bytes that a download leaves free on the disk."""

_PROGRESS = 1 << 20
"""Bytes after which an attempt counts as progress, so that the count of failures restarts."""
_LONGEST_PAUSE = 60.0
_NOTE = ".part.json"


@dataclass(frozen=True)
class Patience:
    """Limits after which a server is given up.

    Attributes:
        attempts: the number of failures in a row, without progress between them.
        pause: seconds to wait after the first failure; doubled after each further one.
        silence: seconds without a byte.
        least_rate: bytes per second that must arrive over `window` seconds.
        window: seconds over which the rate is taken.
    """

    attempts: int = 5
    pause: float = 1.0
    silence: float = 30.0
    least_rate: float = 1024.0
    window: float = 30.0


PATIENCE = Patience()


def download(
    wanted: Wanted,
    target: Path,
    watcher: Watcher = SILENT,
    dead: dict[str, str] | None = None,
) -> str:
    """Download a file, unless it is at its destination already.

    Args:
        wanted: the file.
        target: its destination; the folder is made if needed.
        watcher: receives the progress.
        dead: hosts that could not be reached, by name, with the reason. They are not asked
            again, and hosts that fail in this call are added. Share it between the downloads of
            one command.

    Returns:
        The SHA-256 of the file.

    Raises:
        DownloadError: if no address gives the file, it cannot be written, or the disk is full.
        UsageError: if the folder cannot be made.
    """
    make_folder(target.parent)
    with alone(target, watcher):
        if target.is_file():
            digest = sha256_of(target)
            if not misfit(wanted, target, digest):
                # a process that was killed right after it had named the file has left the note
                _beside(target, _NOTE).unlink(missing_ok=True)
                return digest
        return _Transfer(wanted, target, watcher, {} if dead is None else dead).run()


@contextmanager
def alone(target: Path, watcher: Watcher = SILENT) -> Generator[None]:
    """Hold the lock of a file that is being downloaded; other processes wait for it.

    Args:
        target: the file; the lock is stored beside it.
        watcher: is informed if another process holds the lock.

    Raises:
        DownloadError: if no lock can be made in the folder.
        UsageError: if the folder cannot be made.
    """
    make_folder(target.parent)
    lock = filelock.FileLock(_beside(target, ".lock"))
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            watcher.said(f"{target.name}: another process is fetching it. Waiting until it ends.")
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        raise unwritable(target, error) from error
    try:
        yield
    finally:
        lock.release()


def require_room(folder: Path, needed: int) -> None:
    """Refuse a download that would fill the disk.

    Args:
        folder: the destination.
        needed: bytes to be written.

    Raises:
        DownloadError: if fewer than needed + SPARE_BYTES bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise DownloadError(
            f"{folder}: {needed / 1e6:,.0f} MB are needed there, and {free / 1e6:,.0f} MB are free "
            f"({SPARE_BYTES / 1e6:.0f} MB of them must stay free). Make room, or name folders on "
            "another disk: POSEMARK_CACHE for weights, POSEMARK_DATA for data."
        )


def misfit(wanted: Wanted, path: Path, digest: str) -> str:
    """Return why a file is not the wanted one; "" if nothing that is registered contradicts it.

    Args:
        wanted: the registered file.
        path: the file on this machine.
        digest: its SHA-256.
    """
    size = path.stat().st_size
    if wanted.size is not None and size != wanted.size:
        return f"it is another file: expected {wanted.size:,} bytes, got {size:,}"
    if wanted.sha256 and not digest.startswith(wanted.sha256):
        return f"it is another file: expected SHA-256 {_shown(wanted.sha256)}, got {digest}"
    if wanted.whole_digest:
        return ""
    if wanted.md5 and (got := md5_of(path)) != wanted.md5:
        return f"it is another file: expected MD5 {wanted.md5}, got {got}"
    first = first_digest(wanted.name)
    if first not in (None, digest):
        return (
            f"it is another file than at its first fetch: expected SHA-256 {first}, got {digest}. "
            "If you know that its authors have replaced it, delete the note "
            f"{digest_note(wanted.name)}"
        )
    return ""


def _shown(sha256: str) -> str:
    return sha256 if len(sha256) > 16 else f"{sha256}..."


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(target.name + suffix)


def unwritable(path: Path, error: Exception) -> DownloadError:
    """Return the error for a path that cannot be written."""
    reason = getattr(error, "strerror", None) or str(error)
    return DownloadError(f"{path}: nothing can be written there ({reason}). {CACHE_REMEDY}")


# --- one file -------------------------------------------------------------------------------------


class _Note(msgspec.Struct, frozen=True):
    """The note beside a partly downloaded file.

    Attributes:
        url: its address.
        tag: its version.
        total: bytes of the whole.
        boot: names the time since the start of this machine. After a power failure, bytes of the
            part may be wrong; "" if the system has no such name.
    """

    url: str
    tag: str
    total: int | None
    boot: str = ""


@dataclass
class _Transfer:
    """The download of one file.

    resumed: whether the bytes on the disk come from more than one request.
    """

    wanted: Wanted
    target: Path
    watcher: Watcher
    dead: dict[str, str]
    patience: Patience = field(default_factory=lambda: PATIENCE)
    resumed: bool = False

    @property
    def part(self) -> Path:
        return _beside(self.target, ".part")

    @property
    def note(self) -> Path:
        return _beside(self.target, _NOTE)

    @property
    def size(self) -> int:
        """Bytes on the disk so far."""
        try:
            return self.part.stat().st_size
        except OSError:
            return 0

    def run(self) -> str:
        """Try the addresses in turn; return the SHA-256 of the file.

        Raises:
            DownloadError: if no address gives the file.
        """
        if self.wanted.size is not None:
            require_room(self.target.parent, max(0, self.wanted.size - self.size))
        reasons: dict[str, str] = {}
        with web.session() as asking:
            for url in self.wanted.urls:
                try:
                    digest = self._verified(asking, url)
                    place(self.part, self.target, "download")
                    self.note.unlink(missing_ok=True)
                    return digest
                except RefusedError as error:
                    reasons[url] = str(error)
                    if error.host:
                        self.dead[host_of(url)] = str(error)
                    if url != self.wanted.urls[-1]:
                        self.watcher.said(f"{url}: {error}. Trying the next address.")
                except OSError as error:
                    problem = unwritable(self.target, error)
                    raise DownloadError(f"{problem}{self._kept()}") from error
        raise self._failed(reasons)

    def _failed(self, reasons: dict[str, str]) -> DownloadError:
        each = [
            f"{url}: {reason}{f' ({doubt(url)})' if doubt(url) else ''}"
            for url, reason in reasons.items()
        ]
        tried = ". ".join(each) or "no address is known"
        text = f"{self.wanted.name}: the download failed. {tried}.{self._kept()}"
        return DownloadError(text, reasons)

    def _kept(self) -> str:
        """Return a sentence about what is on the disk; "" if that is nothing."""
        size = self.size
        return f" {size:,} bytes are kept; the same command resumes the download." if size else ""

    def _verified(self, asking: requests.Session, url: str) -> str:
        """Download the file from an address, verify it, and return its SHA-256.

        A file that was resumed may be wrong although the address is right, so it is downloaded
        once more from its beginning.
        """
        host = host_of(url)
        if host in self.dead:
            raise RefusedError(self.dead[host])
        for last in (False, True):
            self._whole(asking, url)
            digest = sha256_of(self.part)
            problem = misfit(self.wanted, self.part, digest)
            if not problem:
                break
            once_more = self.resumed and not last
            self._drop()
            if not once_more:
                raise RefusedError(problem)
            name = self.wanted.name
            self.watcher.said(f"{name}: the resumed file is wrong. Starting over.")
        return digest

    def _drop(self) -> None:
        self.note.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)
        self.resumed = False

    # --- attempts ---

    def _whole(self, asking: requests.Session, url: str) -> None:
        """Request the missing bytes until the file is complete."""
        failed, longest = 0, self.size
        while True:
            try:
                self._attempt(asking, url)
                return
            except RangeError as error:
                self._drop()
                broken = error
            except BrokenError as error:
                broken = error
            failed = 1 if self.size >= longest + _PROGRESS else failed + 1
            longest = max(longest, self.size)
            if failed >= self.patience.attempts:
                raise RefusedError(f"{broken}, tried {failed} times", broken.host)
            pause = self.patience.pause * 2 ** (failed - 1)
            pause = min(max(pause, broken.seconds), _LONGEST_PAUSE)
            self.watcher.said(f"{self.wanted.name}: {broken}. Trying again in {pause:.0f} s.")
            time.sleep(pause)

    def _attempt(self, asking: requests.Session, url: str) -> None:
        """Request the missing bytes once."""
        note = self._note_of_part(url)
        if note is None:
            self._drop()
        start, tag = (self.size, note.tag if note.url == url else "") if note else (0, "")
        total = self.wanted.size or (note.total if note else None)
        if start and start == total:  # complete, but interrupted before it was verified
            self.resumed = True
            return
        with web.asked(asking, url, start, tag, self.patience.silence) as reply:
            if reply.start not in (0, start):
                raise RangeError("the server sends another part of the file than was requested")
            if note and reply.start and note.total != reply.total:
                raise RangeError("the file on the server has changed meanwhile")
            self._require_fitting(reply)
            require_room(self.target.parent, (reply.total or 0) - reply.start)
            if not reply.start:  # before the new note, so that it never describes an old part
                self._drop()
            note = _Note(url, reply.tag, reply.total, _boot())
            write_whole(self.note, msgspec.json.encode(note))
            crash_point("download.noted")
            self.watcher.began(self.wanted.name, url, reply.start, reply.total)
            self._write(reply)
        if self.size < (reply.total or self.wanted.size or 0):
            raise BrokenError(web.CUT_OFF)

    def _note_of_part(self, url: str) -> _Note | None:
        """Return the note of the part on the disk, if `url` can resume it.

        From another address, without a version, or after a restart of the machine, it is resumed
        only if the registered digest will reveal a wrong file.
        """
        note = read_note(self.note, _Note)
        if note is None or self.part.is_symlink() or not self.size:
            return None
        same = note.url == url and note.tag and note.boot == _boot()
        return note if same or (self.wanted.whole_digest and note.total) else None

    def _require_fitting(self, reply: web.Reply) -> None:
        """Refuse a reply whose announced length is wrong, before anything is read."""
        total, size = reply.total, self.wanted.size
        if total is None and size is None and self.wanted.pin == "unpinned":
            raise RefusedError(
                "the server does not say how long the file is, so that a truncated file would "
                "be accepted"
            )
        if None not in (total, size) and total != size:
            raise RefusedError(f"it is another file: expected {size:,} bytes, got {total:,}")
        if size is None and (total or 0) > MOST_BYTES:
            raise RefusedError(f"it is longer than {MOST_BYTES:,} bytes")

    def _write(self, reply: web.Reply) -> None:
        """Append the reply to the part, or overwrite the part if the server starts over."""
        self.resumed = reply.start > 0
        count = reply.start
        most = self.wanted.size or reply.total or MOST_BYTES
        pace = _Pace(self.patience)
        with self.part.open("ab" if count else "wb") as file:
            while chunk := reply.read():
                if not count and web.is_page(chunk):
                    raise RefusedError(web.WEB_PAGE)
                count += len(chunk)
                if count > most:
                    raise RefusedError(f"it is longer than {most:,} bytes")
                file.write(chunk)
                crash_point("download.after-chunk")
                self.watcher.moved(len(chunk))
                pace.require(len(chunk))


def _boot() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


_BOOT = Path("/proc/sys/kernel/random/boot_id")
"""On Linux, an identifier that each start of the machine draws anew."""


class _Pace:
    """Ends a connection that is too slow. Its times are never reported."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._since, self._count = time.monotonic(), 0

    def require(self, count: int) -> None:
        """Count the bytes that have arrived.

        Raises:
            BrokenError: if too few have arrived in this window.
        """
        self._count += count
        passed = time.monotonic() - self._since
        if passed < self._patience.window:
            return
        if self._count < self._patience.least_rate * passed:
            raise BrokenError(f"only {self._count:,} bytes came in {passed:.0f} s")
        self._since, self._count = time.monotonic(), 0
