"""L2: data sets of frames, and sources of person boxes."""

from typing import Protocol

from posemark.core.errors import UsageError
from posemark.core.frame import Frame
from posemark.core.places import with_home


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


def open_dataset(text: str) -> Dataset:
    """Open the data set that --data names.

    Args:
        text: "sample", "coco:DIR", or "coco" for the data that `posemark get` has fetched.

    Raises:
        UsageError: if the text names no data set.
        DataError: if "coco" has not been fetched.
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
        "DIR holds annotations/person_keypoints_val2017.json and val2017/, or coco for the data "
        "that `posemark get coco-val2017` has fetched."
    )
