"""Which file is meant, where it may lie, and who is told how its download goes."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from posemark.core.spec import SHA256_DIGITS, Pin, pin_of

MOST_BYTES = 4 << 30
"""The most that a file may have whose size is not registered."""

DOUBTS = {"download.openmmlab.com": "its domain expired on 2026-06-06"}
"""Hosts of which it is not known whether they are what they were, and why."""


@dataclass(frozen=True)
class Wanted:
    """A file of the registry.

    name: what it is called in messages and notes: "hrnet-w32-256x192.official", never a path.
    urls: addresses in the order to be tried. size: in bytes. sha256: in full, or its beginning.
    """

    name: str
    urls: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None

    @property
    def pin(self) -> Pin:
        """How firmly it is said which file it is."""
        return pin_of(self.sha256, self.md5)

    @property
    def whole_digest(self) -> bool:
        """Whether nothing but this very file can pass for it."""
        return len(self.sha256 or "") == SHA256_DIGITS


class Watcher(Protocol):
    """Who is told how a download goes."""

    def began(self, name: str, url: str, done: int, total: int | None) -> None:
        """An address answers, or an archive ("" as its address) is being unpacked.

        done: bytes that are here already.
        """
        ...

    def moved(self, count: int) -> None:
        """So many bytes have come, or been unpacked."""
        ...

    def said(self, sentence: str) -> None:
        """Something that a person would like to know: a retry, another mirror, a wait."""
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
    """The name of the host in an address."""
    return urlsplit(url).hostname or ""


def doubt(url: str) -> str:
    """Why an address may lead to nothing, or to somebody else; "" where no reason is known."""
    return DOUBTS.get(host_of(url), "")
