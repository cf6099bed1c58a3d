"""Whether the registered addresses still lead to the registered files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from posemark.core.spec import Pin
from posemark.downloads import doubt
from posemark.downloads.wanted import host_of
from posemark.get.wanted_files import Item, all_items


@dataclass(frozen=True)
class Checked:
    """An address and what it says. size: right, wrong, stated or unknown. reason: why not.

    host_failed: the host cannot be reached, so that it was not asked for this file itself.
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
    """Ask every address of these files, of all that are registered by default.

    A host that cannot be reached is asked once.
    """
    from posemark.downloads import web

    lost: dict[str, web.Answer] = {}
    with web.session() as asking:
        for item in all_items() if items is None else items:
            for url in item.wanted.urls:
                host = host_of(url)
                answer = lost.get(host) or web.look(asking, url)
                if answer.host_failed:
                    lost[host] = answer
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
