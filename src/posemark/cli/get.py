"""`posemark get`: lists what it will fetch from the web, fetches it, and verifies it."""

from collections.abc import Iterable, Iterator
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import download_progress, terminal
from posemark.core.counting import counted
from posemark.core.errors import PoseMarkError

if TYPE_CHECKING:
    from posemark.get.wanted_files import Item

What = Annotated[
    list[str],
    typer.Argument(
        metavar="WHAT...",
        help="What to fetch: coco-val2017 (images and annotations), person-boxes (the detections "
        "that the papers used), MODEL (all its checkpoints), MODEL.TAG (one checkpoint), a suite "
        "(seed or all: data and checkpoints; light: model files of cards), a letter of the blog "
        "post, or a card.",
    ),
]
AcceptLicence = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Accept the non-commercial terms of NAME, such as openpose. The answer is remembered.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only list what would be fetched, and fetch nothing.")
]


def get(what: What, accept_licence: AcceptLicence = None, dry_run: DryRun = False) -> None:
    """Fetch data and checkpoints from the web, verify them, and store them where `run` finds them.

    Before it starts, the command lists every file with its size, host and licence. Files that are
    already here are not fetched again, and a stopped download resumes where it was. For files
    that have no stable address, the command shows where to download them by hand.

    Exit code: 2 if a file could not be fetched, or if its licence must be accepted first. In a
    suite, a checkpoint is allowed to fail if its only host is in doubt or its licence is not
    accepted.

    Examples:

        posemark get seed --dry-run

        posemark get coco-val2017 person-boxes

        posemark get hrnet-w32-256x192.official

        posemark get openpose-body25 --accept-licence openpose
    """
    from posemark.downloads import notes
    from posemark.get.wanted_files import items_of

    items = items_of(what)
    offered = {i.terms: i.licence for i in items if i.terms and i.licence}
    terms = {name: text for name, text in offered.items() if notes.has_terms(text)}
    notes.accept_named(accept_licence or [], terms)
    _take_dropped(dry_run)
    here = [item for item in items if item.here()]
    missing = [item for item in items if item not in here]
    ready = [item for item in missing if item.wanted.urls and item.allowed]
    _announce(here, ready, missing)
    if dry_run:
        return
    failed = _fetch_all(ready)
    _conclude(ready, failed, missing)


def _take_dropped(dry_run: bool) -> None:
    """Import files from the drop folder, if their digests are registered."""
    from posemark.get.wanted_files import all_items, drop_folder, dropped

    if not drop_folder().is_dir():
        return
    for path, item in dropped(all_items()):
        if item is None:
            terminal.say(
                f"{path}: no file with this SHA-256 is registered. If it is a checkpoint, run: "
                f"posemark weights import {path}",
                err=True,
            )
        elif dry_run or not item.allowed:
            terminal.say(f"{path} is {item.name}" + ("" if item.allowed else _terms(item)))
        else:
            try:
                item.settle(path)
                terminal.say(f"imported from the drop folder: {path.name}, which is {item.name}")
            except (PoseMarkError, OSError) as error:
                terminal.say(
                    f"{path}: it is {item.name}, but it could not be imported: {error}", err=True
                )


def _terms(item: "Item") -> str:
    return f", under the licence {item.licence}: add --accept-licence {item.terms}"


# --- before ---------------------------------------------------------------------------------------


def _announce(here: "list[Item]", ready: "list[Item]", missing: "list[Item]") -> None:
    """Print what is here, what will be fetched, what needs its licence accepted, and the rest."""
    if here:
        terminal.say(f"here: {', '.join(item.name for item in here)}")
    if ready:
        _print_ready(ready)
    unaccepted = [item for item in missing if item.wanted.urls and not item.allowed]
    for item in unaccepted:
        terminal.say(f"\nnot fetched: {item.name}{_terms(item)} if it permits your use")
    _print_by_hand([item for item in missing if not item.wanted.urls])


def _print_ready(items: "list[Item]") -> None:
    from rich.table import Table

    from posemark.core.places import data_folder, user_cache
    from posemark.downloads import doubt
    from posemark.downloads.wanted import host_of

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    longest = max(len(item.name) for item in items)
    table.add_column("to fetch", overflow="fold", min_width=min(longest, _NAME_WIDTH))
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("from", no_wrap=True)
    table.add_column("licence", overflow="fold")
    for item in items:
        host = ".".join(host_of(item.wanted.urls[0]).split(".")[-2:])
        table.add_row(item.name, _size(item), host, item.licence or "unknown")
    console = terminal.console()
    console.print(table)
    lines = [f"\n{counted(len(items), 'file')}, {_total(items)}, into {user_cache()}"]
    if data_folder() != user_cache() / "data":
        lines[0] += f"; data into {data_folder()}"
    doubts = {host_of(u): doubt(u) for i in items for u in i.wanted.urls if doubt(u)}
    lines += [f"the host {host} is in doubt: {why}" for host, why in doubts.items()]
    terminal.say("\n".join([*lines, *_pins(items)]))


_NAME_WIDTH = 31
"""Names up to this many characters are not folded at 80 columns."""


def _pins(items: "list[Item]") -> Iterator[str]:
    """The lines that list files which are not pinned by a whole SHA-256."""
    names: dict[str, list[str]] = {}
    for item in items:
        if not item.wanted.whole_digest:
            names.setdefault(item.wanted.pin, []).append(item.name)
    if names:
        yield "not pinned by a whole SHA-256; later files must equal the first one:"
    for pin, pinned in names.items():
        yield fill(", ".join(pinned), 78, initial_indent=f"  {pin}: ", subsequent_indent="    ")


def _size(item: "Item") -> str:
    if item.size is None:
        return "unknown"
    return ("~" if item.estimated else "") + f"{item.size / 1e6:,.1f} MB"


def _total(items: "list[Item]") -> str:
    """The total size; "about" if some sizes are unknown or estimated from the parameters."""
    total = sum(item.size or 0 for item in items)
    rough = any(item.estimated or item.size is None for item in items)
    text = f"{total / 1e9:,.2f} GB" if total >= 1e9 else f"{total / 1e6:,.1f} MB"
    return f"about {text}" if rough else text


_IMPORT = "posemark weights import FILE|FOLDER..., which recognises them"
"""The command for checkpoints that a user downloaded."""


def _print_by_hand(items: "list[Item]") -> None:
    """Print the exact names and addresses of files, and where to put them."""
    from posemark.get.wanted_files import drop_folder

    if not items:
        return
    terminal.say("\nto download by hand, because no stable address is known:")
    for item in items:
        terminal.say(f"  {item.name}: {item.file or '(unknown name)'}\n    {item.page}")
    pinned = [item for item in items if item.wanted.whole_digest]
    if pinned:
        terminal.say(
            f"Put {', '.join(item.file for item in pinned)} into\n  {drop_folder()}\nand run the "
            "same command again."
        )
    if len(pinned) < len(items):
        terminal.say(f"For checkpoints: {_IMPORT}")


# --- fetching -------------------------------------------------------------------------------------


def _fetch_all(items: "list[Item]") -> dict[str, PoseMarkError]:
    """Fetch the files one after the other; a failure does not stop the others.

    Returns:
        The errors, by the names of the files that failed.
    """
    failed: dict[str, PoseMarkError] = {}
    dead: dict[str, str] = {}
    with download_progress.shown() as watcher:
        for item in items:
            try:
                item.fetch(watcher, dead)
                watcher.said(f"{item.name}: fetched")
            except PoseMarkError as error:
                failed[item.name] = error
    _say_failed(failed, dead)
    return failed


def _say_failed(failed: dict[str, PoseMarkError], dead: dict[str, str]) -> None:
    """Print why each file failed; once for all files of a host that cannot be reached."""
    from posemark.downloads.wanted import DOUBTS, host_of

    unreachable: dict[str, list[str]] = {}
    for name, error in failed.items():
        hosts = {host_of(url) for url in getattr(error, "reasons", {})}
        if len(hosts) == 1 and hosts <= set(dead):
            unreachable.setdefault(hosts.pop(), []).append(name)
        else:
            terminal.say(f"\nnot fetched: {error}", err=True)
    for host, names in unreachable.items():
        doubt = f" ({DOUBTS[host]})" if host in DOUBTS else ""
        files = fill(", ".join(names), 78, initial_indent="  ", subsequent_indent="  ")
        terminal.say(f"\nnot fetched from {host}: {dead[host]}{doubt}:\n{files}", err=True)


def _conclude(ready: "list[Item]", failed: dict[str, PoseMarkError], missing: "list[Item]") -> None:
    """Print what is missing, and exit with 2 if something failed that should have worked.

    Addresses in doubt may fail: that is an error only for files that the user named.
    """
    from posemark.core.places import make_folder
    from posemark.get.wanted_files import drop_folder

    if missing:
        make_folder(drop_folder())
    lost = [item for item in ready if item.name in failed]
    if lost:
        terminal.say("\nfiles that could not be fetched; you may find them elsewhere:")
        for item in lost:
            page = f"\n    {item.page}" if item.page.startswith("https://") else ""
            terminal.say(f"  {item.name}: {item.file}{page}")
        terminal.say(
            f"Put files with a whole SHA-256 into {drop_folder()}.\n"
            f"For other checkpoints: {_IMPORT}"
        )
    if any(_is_failure(item) for item in lost) or _needs_acceptance(missing):
        raise typer.Exit(2)
    if len(ready) - len(failed) == len(missing):
        terminal.say("everything is here")


def _is_failure(item: "Item") -> bool:
    return item.named or not item.in_doubt


def _needs_acceptance(missing: "Iterable[Item]") -> bool:
    """Whether the licence of a file that the user named must still be accepted."""
    return any(item.named and item.wanted.urls and not item.allowed for item in missing)
