"""L2: data sets of frames, and sources of person boxes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from posemark.core.errors import UsageError
from posemark.core.frame import Frame
from posemark.core.scan import modules_in


class Dataset(Protocol):
    """A data set: frames in a fixed order, with annotations.

    Attributes:
        name: the name in records and reports.
        fingerprint: a hash that changes whenever the annotations do.
        notes: one sentence for each thing that was left out of the annotations or filled in.
        photographs: whether the frames are photographs. Networks are trained on photographs, so
            AP over drawings would say nothing about a model and is never reported.
    """

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    @property
    def photographs(self) -> bool: ...

    def frames(self) -> list[Frame]: ...


@dataclass(frozen=True)
class DataFacts:
    """What a run notes of a data set beside its frames; the fields are those of Dataset."""

    name: str
    fingerprint: str
    notes: tuple[str, ...]
    photographs: bool

    @classmethod
    def of(cls, dataset: Dataset) -> "DataFacts":
        """Return the facts of a data set."""
        return cls(dataset.name, dataset.fingerprint, dataset.notes, dataset.photographs)


@dataclass(frozen=True)
class DataKind:
    """A kind of data set. A module of this folder that has one as KIND adds it.

    Attributes:
        name: what --data calls it: NAME, or NAME:PLACE. It may have a colon of its own.
        says: the forms that --data takes, in words for an error.
        open: opens it; called with PLACE, or "" for the name alone.
        own_boxes: where detected boxes come from when --boxes names nothing; None if it has
            none of its own.
        takes_place: whether a place may follow its name.
        photographs: whether its frames are photographs, on which trained weights make sense.
        annotated: whether its frames have annotated people.
        any_order: whether several frames can be decoded at the same time, in any order.
    """

    name: str
    says: str
    open: Callable[[str], Dataset]
    own_boxes: str | None = None
    takes_place: bool = True
    photographs: bool = True
    annotated: bool = True
    any_order: bool = True


@cache
def kinds() -> dict[str, DataKind]:
    """Every kind of data set by name; those that come with PoseMark and any other file here."""
    found = (getattr(module, "KIND", None) for module in modules_in(__name__, __path__))
    return {kind.name: kind for kind in found if isinstance(kind, DataKind)}


def kind_of(text: str) -> DataKind | None:
    """The kind of the data set that --data names, if there is one."""
    return kinds().get(text) or kinds().get(text.partition(":")[0])


def open_dataset(text: str) -> Dataset:
    """Open the data set that --data names.

    Args:
        text: NAME or NAME:PLACE, such as "sample" or "coco:DIR".

    Raises:
        UsageError: if the text names no data set.
        DataError: if the data are missing or damaged.
    """
    kind = kind_of(text)
    place = text.removeprefix(kind.name).removeprefix(":") if kind else ""
    if kind is None or (text != kind.name and not (place and kind.takes_place)):
        forms = [each.says for each in sorted(kinds().values(), key=lambda k: k.name != "sample")]
        raise UsageError(f"--data {text!r} is no data set. Expected {'; or '.join(forms)}.")
    return kind.open(place)
