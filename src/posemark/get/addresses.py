"""Checks whether the registered addresses still lead to the registered files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from posemark.core.spec import Pin
from posemark.downloads import doubt
from posemark.downloads.wanted import host_of
from posemark.get.wanted_files import Item, all_items


@dataclass(frozen=True)
class Checked:
    """The result of the check of one address.

    Attributes:
        name: Name of the file in the registry.
        url: The address.
        host: Name of the host in the address.
        reachable: Whether the file is there.
        size: "right" or "wrong", compared with the registered size; "stated" if only the server
            states a size; "unknown" if the server states none.
        bytes: The size that the server states.
        pin: How exactly the registry identifies the content of the file.
        reason: Why the file is not reachable; "" if it is.
        doubt: Why the host is in doubt; "" if it is not.
        host_failed: Whether the host itself cannot be reached. It was then not asked for this
            file if another file on it had failed before.
    """

    name: str
    url: str
    host: str
    reachable: bool
    size: str
    bytes: int | None
    pin: Pin
    reason: str
    doubt: str
    host_failed: bool


def examine(items: Iterable[Item] | None = None) -> Iterator[Checked]:
    """Check every address of these files. A host that cannot be reached is asked only once.

    Args:
        items: The files. Default: all registered files.
    """
    from posemark.downloads import web

    failed_hosts: dict[str, web.Answer] = {}
    with web.session() as session:
        for item in all_items() if items is None else items:
            for url in item.wanted.urls:
                host = host_of(url)
                answer = failed_hosts.get(host) or web.look(session, url)
                if answer.host_failed:
                    failed_hosts[host] = answer
                yield Checked(
                    name=item.name,
                    url=url,
                    host=host,
                    reachable=answer.there,
                    size=_size(item, answer.size),
                    bytes=answer.size,
                    pin=item.wanted.pin,
                    reason=answer.reason,
                    doubt=doubt(url),
                    host_failed=answer.host_failed,
                )


def _size(item: Item, stated: int | None) -> str:
    if stated is None:
        return "unknown"
    if item.wanted.size is None:
        return "stated"
    return "right" if stated == item.wanted.size else "wrong"
