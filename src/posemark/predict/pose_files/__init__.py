"""Files of poses for other programs: COCO results, OpenPose's JSON, CSV, and a table for TRC.

Every format is written frame by frame. A file gets its name when it is complete. If the command is
stopped, what was found until then is complete, too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from posemark.core.errors import UsageError
from posemark.core.names import nearest
from posemark.core.skeleton import Skeleton
from posemark.predict.frames import TrackedFrame
from posemark.predict.pose_files.coco import CocoResults
from posemark.predict.pose_files.long_table import LongTable
from posemark.predict.pose_files.openpose import OpenPoseFolder
from posemark.predict.pose_files.trc_table import TrcTable


class PoseFile(Protocol):
    """A file, or a folder of files, that receives the poses of one frame after the other."""

    def write(self, frame: TrackedFrame) -> None:
        """Add the people of a frame."""
        ...

    def close(self) -> None:
        """Complete the file and give it its name."""
        ...


@dataclass(frozen=True)
class Format:
    """A format of pose files.

    Attributes:
        open: opens a file for the poses of people with this skeleton.
        suffix: how the names of its files end; "" for a folder.
        many: whether one file takes the frames of several videos.
        one_subject: whether it takes one person only.
        in_words: what it is, for messages.
    """

    open: Callable[[Path, Skeleton], PoseFile]
    suffix: str
    many: bool = False
    one_subject: bool = False
    in_words: str = ""


FORMATS: Mapping[str, Format] = {
    "coco": Format(CocoResults, ".json", in_words="COCO results"),
    "openpose": Format(OpenPoseFolder, "", in_words="a folder with one JSON file per frame"),
    "csv": Format(LongTable, ".csv", many=True, in_words="one row per person and key point"),
    "trc-csv": Format(
        TrcTable, ".csv", one_subject=True, in_words="one row per frame, for TRC files"
    ),
}
"""The formats by the names that --format takes."""


def format_of(path: Path, name: str | None) -> str:
    """Return the name of the format in which a file is written.

    Args:
        path: the file or folder.
        name: the format that the user named; None lets the ending of the file's name decide.

    Raises:
        UsageError: if the format does not exist, or the ending belongs to none or to another.
    """
    suffix = path.suffix.lower()
    if name is None:
        return _by_suffix(path, suffix)
    if name not in FORMATS:
        known = nearest(name, FORMATS, "posemark predict --help")
        raise UsageError(f"--format: expected {_known()}, got {name!r}. {known}")
    expected = FORMATS[name].suffix
    if suffix != expected:
        ending = f"a name that ends in {expected}" if expected else "a folder"
        raise UsageError(
            f"--poses {path}: expected {ending}, because --format {name} is "
            f"{FORMATS[name].in_words}. Give such a name, or another --format."
        )
    return name


def _by_suffix(path: Path, suffix: str) -> str:
    found = next((name for name, each in FORMATS.items() if each.suffix == suffix), None)
    if found is None:
        raise UsageError(
            f"--poses {path}: expected a name that ends in .json (COCO results) or .csv, or a "
            f"folder (OpenPose's JSON), got one that ends in {suffix}. Give another name."
        )
    return found


def _known() -> str:
    *others, last = FORMATS
    return f"{', '.join(others)} or {last}"
