"""Describes a file to download: its name, addresses and digests, and a watcher of its progress."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from posemark.core.spec import SHA256_DIGITS, Pin, pin_of

MOST_BYTES = 4 << 30
"""Most bytes of a file whose size is not registered."""

DOUBTS = {"download.openmmlab.com": "its domain expired on 2026-06-06"}
"""Hosts that may no longer belong to their former owners, with the reason for the doubt."""


@dataclass(frozen=True)
class Wanted:
    """A registered file that can be downloaded.

    Attributes:
        name: its name in messages and notes, such as "hrnet-w32-256x192.official"; never a path.
        urls: its addresses, in the order in which they are tried.
        size: in bytes; None if unknown.
        sha256: the digest in hex, in full or its beginning; None if unknown.
        md5: the digest in hex; None if unknown.
    """

    name: str
    urls: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None

    @property
    def pin(self) -> Pin:
        """Return how firmly the registered digests identify the file."""
        return pin_of(self.sha256, self.md5)

    @property
    def whole_digest(self) -> bool:
        """Return whether the full SHA-256 is registered, so that no other file is accepted."""
        return len(self.sha256 or "") == SHA256_DIGITS


class Watcher(Protocol):
    """Receives the progress of a download."""

    def began(self, name: str, url: str, done: int, total: int | None) -> None:
        """Report that an address has answered, or that unpacking begins.

        Args:
            name: the name of the file.
            url: the address; "" if an archive is being unpacked.
            done: bytes that are on this machine already.
            total: bytes of the whole file; None if unknown.
        """
        ...

    def moved(self, count: int) -> None:
        """Report that `count` more bytes were received or unpacked."""
        ...

    def said(self, sentence: str) -> None:
        """Report a sentence for the user: a retry, another mirror, a wait."""
        ...


class _Silent:
    def began(self, name: str, url: str, done: int, total: int | None) -> None:
        pass

    def moved(self, count: int) -> None:
        pass

    def said(self, sentence: str) -> None:
        pass


SILENT: Watcher = _Silent()


def host_of(url: str) -> str:
    """Return the host name in an address."""
    return urlsplit(url).hostname or ""


def doubt(url: str) -> str:
    """Return why the host of an address is in doubt; "" if it is not."""
    return DOUBTS.get(host_of(url), "")
