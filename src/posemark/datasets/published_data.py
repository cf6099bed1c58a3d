"""Fetches COCO val2017 and the person boxes of the papers, and finds them on this machine.

The layout of the data folder is the one that official repositories expect: coco/annotations,
coco/val2017, coco/person_detection_results.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from posemark.core import durable
from posemark.core.digests import sha256_of
from posemark.core.errors import DataError
from posemark.core.places import data_folder
from posemark.datasets.coco import ANNOTATIONS, IMAGES
from posemark.downloads import SILENT, Wanted, Watcher

BOXES = "person_detection_results/COCO_val2017_detections_AP_H_56_person.json"
"""The path of the papers' person boxes in the folder of COCO."""


@dataclass(frozen=True)
class DataFile:
    """A file of data that can be fetched.

    Attributes:
        wanted: its addresses and digests.
        file: its file name.
        licence: its licence; None if unknown.
        page: an address for a browser.
        members: the members to take if it is an archive, as a regular expression of their
            names; "" for a file that is no archive.
        count: the number of these members.
    """

    wanted: Wanted
    file: str
    licence: str | None
    page: str
    members: str = ""
    count: int = 1


COCO = "https://s3.amazonaws.com/images.cocodataset.org/"
"""The https address of images.cocodataset.org, which has no certificate for its own name."""

VAL2017_IMAGES = DataFile(
    Wanted(
        "coco-val2017.images",
        (f"{COCO}zips/val2017.zip",),
        815_585_330,
        "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
        "442b8da7639aecaf257c1dceb8ba8c80",
    ),
    "val2017.zip",
    "each photograph its own (Flickr)",
    "cocodataset.org",
    rf"{IMAGES}/\d{{12}}\.jpg",
    5000,
)
VAL2017_ANNOTATIONS = DataFile(
    Wanted(
        "coco-val2017.annotations",
        (f"{COCO}annotations/annotations_trainval2017.zip",),
        252_907_541,
        "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
    ),
    "annotations_trainval2017.zip",
    "CC BY 4.0",
    "cocodataset.org",
    re.escape(ANNOTATIONS),
)
PERSON_BOXES = DataFile(
    Wanted(
        "person-boxes",
        (
            "https://huggingface.co/datasets/msdkhairi/coco2017/resolve/"
            f"0b08fc4b4c3c9cf51100442b1b0236c576142dfa/{Path(BOXES).name}",
            f"https://huggingface.co/Prophetetc/cocopose/resolve/main/{Path(BOXES).name}",
        ),
        None,
        "53ba0ad8d0fd461c5a000cd90797fa8c39cd8c38cd125125c0412626ff592d59",
    ),
    Path(BOXES).name,
    None,
    "https://drive.google.com/file/d/1ygw57X-mh0QBfENB-U5DsuSauGIu-8RB/view",
)

DATA: dict[str, tuple[DataFile, ...]] = {
    "coco-val2017": (VAL2017_IMAGES, VAL2017_ANNOTATIONS),
    "person-boxes": (PERSON_BOXES,),
}
"""The data that `posemark get` can fetch, by the name that the user gives."""


def coco_folder() -> Path:
    """Return the folder in which COCO is stored."""
    return data_folder() / "coco"


def coco_there() -> Path:
    """Return the folder of COCO.

    Raises:
        DataError: if the folder has no annotations.
    """
    if not (coco_folder() / ANNOTATIONS).is_file():
        raise DataError(
            f"{coco_folder()}: COCO val2017 is not in this folder. `posemark get coco-val2017` "
            "fetches it (1.1 GB); if you have it elsewhere, name its folder: --data coco:DIR."
        )
    return coco_folder()


def boxes_there() -> Path:
    """Return the file of the papers' person boxes.

    Raises:
        DataError: if the file does not exist.
    """
    path = coco_folder() / BOXES
    if not path.is_file():
        raise DataError(
            f"{path}: this file with the papers' person boxes does not exist. `posemark get "
            "person-boxes` fetches it; if you have it elsewhere, name the file: --boxes file:F."
        )
    return path


def is_here(data: DataFile) -> bool:
    """Return whether a file of data is complete on this machine."""
    folder = coco_folder()
    if data.members:
        return _count(data, folder) >= data.count
    path = folder / BOXES
    return path.is_file() and sha256_of(path) == data.wanted.sha256


def _count(data: DataFile, folder: Path) -> int:
    """Return how many of the wanted members of an archive are at their destination."""
    inside = folder / data.members.partition("/")[0]
    names = (f"{inside.name}/{path.name}" for path in inside.glob("*") if path.stat().st_size)
    return sum(re.fullmatch(data.members, name) is not None for name in names)


def fetch(data: DataFile, watcher: Watcher = SILENT, dead: dict[str, str] | None = None) -> None:
    """Download a file of data, and move it or its wanted members to their destination.

    Args:
        data: the file.
        watcher: receives the progress.
        dead: hosts that cannot be reached, by name, with the reason (downloads.transfer.download).

    Raises:
        DownloadError: if the download or the unpacking fails.
    """
    from posemark.downloads import archives
    from posemark.downloads.transfer import alone, download

    arrived = data_folder() / "downloads" / data.file
    with alone(arrived.parent / data.wanted.name, watcher):
        if is_here(data):
            return
        if not archives.begun(arrived):
            download(data.wanted, arrived, watcher, dead)
        settle(data, arrived, watcher)


def settle(data: DataFile, arrived: Path, watcher: Watcher = SILENT) -> None:
    """Move a verified file, or its wanted members, to its destination.

    Args:
        data: the file.
        arrived: its present path; the file is removed from there.
        watcher: receives the progress.

    Raises:
        DownloadError: if the file is damaged, or the destination cannot be written.
    """
    from posemark.downloads import archives
    from posemark.downloads.transfer import unwritable

    if data.members:
        archives.take(arrived, _matching(data.members), coco_folder(), watcher)
        return
    target = coco_folder() / BOXES
    try:
        durable.move(arrived, target)
    except OSError as error:
        raise unwritable(target, error) from error


def _matching(pattern: str) -> Callable[[str], bool]:
    return lambda name: re.fullmatch(pattern, name) is not None
