"""COCO val2017 and the person boxes of the papers: where they come from and where they lie.

The layout under the data folder is the one that official repositories expect:
coco/annotations, coco/val2017, coco/person_detection_results.
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from posemark.core.digests import sha256_of
from posemark.core.errors import DataError
from posemark.core.places import data_folder
from posemark.datasets.coco import ANNOTATIONS, IMAGES
from posemark.downloads import SILENT, Wanted, Watcher

BOXES = "person_detection_results/COCO_val2017_detections_AP_H_56_person.json"


@dataclass(frozen=True)
class DataFile:
    """A file of data to be fetched.

    file: its name. members, count: of an archive, which of its files are taken, as a pattern, and
    how many these are. page: for people with a browser.
    """

    wanted: Wanted
    file: str
    licence: str | None
    page: str
    members: str = ""
    count: int = 1


COCO = "https://s3.amazonaws.com/images.cocodataset.org/"
"""images.cocodataset.org itself has no certificate for its name; this form of it has."""

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
"""What `posemark get` knows of data, by the name it is asked for."""


def coco_folder() -> Path:
    """Where COCO lies."""
    return data_folder() / "coco"


def coco_there() -> Path:
    """The folder of COCO, which is there.

    Raises:
        DataError: if its annotations are not.
    """
    if not (coco_folder() / ANNOTATIONS).is_file():
        raise DataError(
            f"{coco_folder()}: COCO val2017 is not there. `posemark get coco-val2017` fetches it "
            "(1.1 GB); if you have it elsewhere, name its folder: --data coco:DIR."
        )
    return coco_folder()


def boxes_there() -> Path:
    """The file of the papers' person boxes, which is there.

    Raises:
        DataError: if it is not.
    """
    path = coco_folder() / BOXES
    if not path.is_file():
        raise DataError(
            f"{path}: the papers' person boxes are not there. `posemark get person-boxes` fetches "
            "them; if you have them elsewhere, name the file: --boxes file:F."
        )
    return path


def is_here(data: DataFile) -> bool:
    """Whether nothing of it is to be fetched."""
    folder = coco_folder()
    if data.members:
        return _count(data, folder) >= data.count
    path = folder / BOXES
    return path.is_file() and sha256_of(path) == data.wanted.sha256


def _count(data: DataFile, folder: Path) -> int:
    """How many of an archive's files lie where they belong."""
    inside = folder / data.members.partition("/")[0]
    names = (f"{inside.name}/{path.name}" for path in inside.glob("*") if path.stat().st_size)
    return sum(re.fullmatch(data.members, name) is not None for name in names)


def fetch(data: DataFile, watcher: Watcher = SILENT, dead: dict[str, str] | None = None) -> None:
    """Download a file of data and put it, or what is needed of it, where it belongs.

    Args:
        data: the file.
        watcher: is told how it goes.
        dead: hosts that cannot be reached (downloads.files.download).

    Raises:
        DownloadError: if that fails.
    """
    from posemark.downloads import archives
    from posemark.downloads.files import alone, download

    arrived = data_folder() / "downloads" / data.file
    with alone(arrived.parent / data.wanted.name, watcher):
        if is_here(data):
            return
        if not archives.begun(arrived):
            download(data.wanted, arrived, watcher, dead)
        settle(data, arrived, watcher)


def settle(data: DataFile, arrived: Path, watcher: Watcher = SILENT) -> None:
    """Put a file that has been verified where it belongs; it is gone from where it was.

    Raises:
        DownloadError: if it is damaged, or nothing can be written.
    """
    from posemark.downloads import archives
    from posemark.downloads.files import unwritable

    if data.members:
        archives.take(arrived, _matching(data.members), coco_folder(), watcher)
        return
    target = coco_folder() / BOXES
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(arrived, target)
    except OSError as error:
        raise unwritable(target, error) from error


def _matching(pattern: str) -> Callable[[str], bool]:
    return lambda name: re.fullmatch(pattern, name) is not None
