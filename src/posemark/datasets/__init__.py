"""L2: where frames come from, and where person boxes come from."""

from typing import Protocol

from posemark.core.errors import UsageError
from posemark.core.frame import Frame
from posemark.core.places import with_home


class Dataset(Protocol):
    """Frames in a fixed order. fingerprint changes whenever the annotations do.

    notes: what was left out of the annotations or filled in, one sentence each.
    photographs: whether the frames are photographs. Trained networks know photographs, so AP
    over drawn frames would say nothing about a model and is never reported.
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


def open_dataset(text: str) -> Dataset:
    """The data set that --data names: "sample", "coco:DIR", or "coco" for what `get` brought.

    Raises:
        UsageError: for anything else.
        DataError: for "coco" where it has not been fetched.
    """
    from posemark.datasets.coco import Coco
    from posemark.datasets.published_data import coco_there
    from posemark.datasets.sample import Sample

    kind, _, folder = text.partition(":")
    if text == "coco":
        return Coco(coco_there())
    if text == "sample":
        return Sample()
    if kind == "coco" and folder:
        return Coco(with_home(folder))
    raise UsageError(
        f"--data {text!r} is no data set. Expected sample (built-in scenes) or coco:DIR, where "
        "DIR holds annotations/person_keypoints_val2017.json and val2017/; coco alone is what "
        "`posemark get coco-val2017` brought."
    )
