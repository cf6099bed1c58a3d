"""Translates the words of `posemark get` into files, and stores each file where it belongs."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from posemark import cards, weights
from posemark.cards.model import folders
from posemark.core import durable
from posemark.core.digests import sha256_of
from posemark.core.errors import UsageError
from posemark.core.names import WEIGHTS_LIST, nearest
from posemark.core.places import is_file, is_folder, user_cache, with_home
from posemark.core.spec import ModelSpec, Weights
from posemark.datasets import published_data
from posemark.datasets.published_data import DATA, DataFile
from posemark.downloads import Wanted, Watcher, doubt, notes
from posemark.models import all_models
from posemark.run.plan import SEED, suites

DROP = "drop"
"""Name of the folder, inside PoseMark's folder, for files that users downloaded by hand."""

_BYTES_PER_PARAMETER = 4

Fetch = Callable[[Watcher, dict[str, str]], object]
"""Fetches a file. Takes a watcher and the hosts that failed so far, with the reasons."""


@dataclass(frozen=True)
class Item:
    """A file that the user asked for.

    Attributes:
        wanted: Its addresses and digests.
        file: The exact file name at its source; "" if unknown.
        licence: Its licence; None if unknown.
        page: The page from which people can download it with a browser.
        here: Returns whether the file is on this machine.
        fetch: Downloads the file to its place.
        settle: Moves or imports a verified file, which a user downloaded, to its place.
        terms: The name under which its licence is accepted, if it must be.
        size: Size in bytes; None if unknown.
        estimated: Whether `size` is an estimate from the number of parameters.
        named: Whether the user named this file, its model or its data set, rather than a suite.
    """

    wanted: Wanted
    file: str
    licence: str | None
    page: str
    here: Callable[[], bool] = field(compare=False)
    fetch: Fetch = field(compare=False)
    settle: Callable[[Path], object] = field(compare=False)
    terms: str = ""
    size: int | None = None
    estimated: bool = False
    named: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        """Its name in the registry, such as "hrnet-w32-256x192.official"."""
        return self.wanted.name

    @property
    def allowed(self) -> bool:
        """Whether its licence has been accepted or need not be."""
        return notes.is_accepted(self.terms, self.licence)

    @property
    def in_doubt(self) -> bool:
        """Whether all its addresses are in doubt."""
        return all(doubt(url) for url in self.wanted.urls)


def items_of(words: Iterable[str]) -> list[Item]:
    """The files that words name, each once, in the order of the words.

    Args:
        words: coco-val2017, person-boxes, MODEL, MODEL.TAG, a suite, a letter, or a card.

    Raises:
        UsageError: If a word names nothing that can be fetched.
    """
    found: dict[str, Item] = {}
    for word in words:
        for item in _items_of_word(word):
            if item.name not in found or item.named:
                found[item.name] = item
    return list(found.values())


def all_items() -> list[Item]:
    """All registered files: data, checkpoints, and the model files of PoseMark's own cards."""
    data = [_data(each, named=False) for group in DATA.values() for each in group]
    rows = [item for spec in all_models().values() for item in _checkpoints(spec)]
    return [*data, *rows, *_of_cards(cards.built_in().values())]


def _items_of_word(word: str) -> Iterable[Item]:
    if word in DATA:
        return [_data(each, named=True) for each in DATA[word]]
    if word in suites():
        return _of_suite(word)
    if word.endswith(cards.SUFFIX):
        return _of_cards([with_home(word)], named=True)
    if word in cards.built_in():
        return _of_cards([cards.built_in()[word]], named=True)
    letters = {entry.letter: entry.model for entry in SEED}
    model, _, tag = letters.get(word, word).partition(".")
    if model not in all_models():
        raise UsageError(_unknown(word))
    return _of_model(all_models()[model], tag)


def _of_suite(name: str) -> Iterator[Item]:
    """The model files of cards for the suite "light"; data and checkpoints for the others."""
    if name == "light":
        yield from _of_cards(cards.built_in().values())
        return
    yield from (_data(each, named=False) for group in DATA.values() for each in group)
    for model in dict.fromkeys(entry.model for entry in suites()[name]):
        yield from _checkpoints(all_models()[model])


def _unknown(word: str) -> str:
    known = [*DATA, *suites(), *all_models(), *cards.built_in()]
    return (
        f"{word!r} is not something to fetch. Expected {', '.join(DATA)}, a model, MODEL.TAG, "
        f"a suite ({', '.join(suites())}) or a card. {nearest(word, known)}"
    )


# --- data, checkpoints, cards ---------------------------------------------------------------------


def _data(data: DataFile, named: bool) -> Item:
    return Item(
        data.wanted,
        data.file,
        data.licence,
        data.page,
        here=partial(published_data.is_here, data),
        fetch=partial(published_data.fetch, data),
        settle=partial(published_data.settle, data),
        size=data.wanted.size,
        named=named,
    )


def _of_model(spec: ModelSpec, tag: str) -> list[Item]:
    every = _checkpoints(spec, named=True)
    found = [item for item in every if not tag or item.name == f"{spec.name}.{tag}"]
    if not found:
        known = [row.tag for row in spec.weights]
        raise UsageError(
            f"{spec.name}.{tag}: the model {spec.name} has no registered weights of this tag. "
            f"{nearest(tag, known, WEIGHTS_LIST)}"
        )
    return found


def _checkpoints(spec: ModelSpec, named: bool = False) -> list[Item]:
    return [_checkpoint(spec, row, named) for row in spec.weights]


def _checkpoint(spec: ModelSpec, row: Weights, named: bool) -> Item:
    estimate = None if row.tag == weights.RESCORE else _BYTES_PER_PARAMETER * (spec.parameters or 0)
    return Item(
        weights.wanted_of(spec, row),
        row.file or "",
        row.licence,
        row.page or spec.origin,
        here=lambda: weights.sound(spec, row.tag) is not None,
        fetch=lambda watcher, dead: weights.fetch(spec, row.tag, watcher, dead),
        settle=partial(_import, spec, row.tag),
        terms=weights.terms_of(spec),
        size=row.size or estimate,
        estimated=row.size is None,
        named=named,
    )


def _import(spec: ModelSpec, tag: str, path: Path) -> None:
    weights.import_file(path, spec, tag)
    path.unlink()


def _of_cards(paths: Iterable[Path], named: bool = False) -> Iterator[Item]:
    for path in paths:
        card = cards.read(path)
        file = card.file
        if not _inside(file.name):
            continue
        parts = [(card.name, file.name, file.urls, file.sha256)]
        if file.name.endswith(".xml"):
            beside = str(Path(file.name).with_suffix(".bin"))
            parts.append((f"{card.name}.bin", beside, file.data_urls, file.data_sha256))
        for name, inside, urls, sha256 in parts:
            wanted = Wanted(name, urls, None, sha256)
            yield Item(
                wanted,
                inside,
                file.licence,
                file.source or card.origin,
                here=partial(_is_in_a_folder, path, inside),
                fetch=partial(_fetch_exported, wanted, inside),
                settle=partial(_settle_exported, inside),
                terms=card.name,
                named=named,
            )


def _inside(name: str) -> bool:
    """Whether the path of a card's model file stays inside the folder of models."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts and name[0] != "~"


def _is_in_a_folder(card: Path, name: str) -> bool:
    return any(is_file(folder / name) for folder in (card.parent, *folders()))


def _fetch_exported(wanted: Wanted, name: str, watcher: Watcher, dead: dict[str, str]) -> None:
    from posemark.downloads.transfer import download

    digest = download(wanted, weights.cache_dir() / name, watcher, dead)
    if not wanted.whole_digest:
        notes.keep_digest(wanted.name, digest, Path(name).name)


def _settle_exported(name: str, path: Path) -> None:
    durable.move(path, weights.cache_dir() / name)


# --- files that users downloaded ------------------------------------------------------------------


def drop_folder() -> Path:
    """The folder in which users put files that they downloaded by hand."""
    return user_cache() / DROP


def dropped(known: Iterable[Item]) -> Iterator[tuple[Path, Item | None]]:
    """Yield each file in the drop folder, and the item with the same whole SHA-256.

    Args:
        known: The items to compare with.

    Yields:
        The path, and its item; None if no item has this digest.
    """
    by_digest = {item.wanted.sha256: item for item in known if item.wanted.whole_digest}
    folder = drop_folder()
    for path in sorted(folder.iterdir()) if is_folder(folder) else ():
        if is_file(path) and os.access(path, os.R_OK) and not path.name.startswith("."):
            yield path, by_digest.get(sha256_of(path))
