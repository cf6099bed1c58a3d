"""Decides where the results of a prediction go, before any model is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from posemark.core.errors import UsageError
from posemark.core.skeleton import Skeleton
from posemark.predict.drawings import Film, Stills, drawings_of, require_free
from posemark.predict.images import Images
from posemark.predict.pose_files import FORMATS, PoseFile, format_of
from posemark.predict.pose_files.openpose import END
from posemark.predict.shots import Input


@dataclass(frozen=True)
class Results:
    """The files of results; none of them is opened yet.

    Attributes:
        drawings: where the annotated pictures of each input go; None where nothing is drawn.
        poses: the file or folder for poses; None writes none.
        format: the name of its format.
    """

    drawings: tuple[Stills | Film | None, ...]
    poses: Path | None
    format: str

    def open_poses(self, skeleton: Skeleton) -> PoseFile | None:
        """Open the file of poses of people with this skeleton, if there is one.

        Raises:
            UsageError: if it cannot be created.
        """
        return FORMATS[self.format].open(self.poses, skeleton) if self.poses else None


@dataclass(frozen=True)
class Wishes:
    """What the user wants to have written.

    Attributes:
        out: the file or folder for annotated pictures.
        draw: whether pictures are drawn if `out` is None.
        poses: the file or folder for poses.
        format: the name of its format.
        subject: the id of the person that is written.
        overwrite: whether files may be replaced.
    """

    out: Path | None = None
    draw: bool = True
    poses: Path | None = None
    format: str | None = None
    subject: int | None = None
    overwrite: bool = False


def results_of(inputs: Sequence[Input], wishes: Wishes) -> Results:
    """Decide where the results go, and check that nothing would be lost there.

    Raises:
        UsageError: if a name does not suit the inputs, files exist, or options contradict each
            other. The message names the option.
    """
    _require_subject(inputs, wishes)
    draws = wishes.draw or wishes.out is not None
    drawings = drawings_of(inputs, wishes.out) if draws else [None] * len(inputs)
    for drawing in drawings:
        if drawing is not None:
            require_free(drawing.paths, wishes.overwrite, "-o", inputs)
    if wishes.poses is None:
        return Results(tuple(drawings), None, "")
    name = format_of(wishes.poses, wishes.format)
    _require_format(name, inputs, wishes)
    require_free(_files(wishes.poses, name), wishes.overwrite, "--poses", inputs)
    return Results(tuple(drawings), wishes.poses, name)


def _files(path: Path, name: str) -> list[Path]:
    """Return the file, or for a format that takes a folder, the files that it has and one more."""
    return [path] if FORMATS[name].suffix else [*sorted(path.glob(f"*{END}")), path / END]


def _require_subject(inputs: Sequence[Input], wishes: Wishes) -> None:
    if wishes.format is not None and wishes.poses is None:
        raise UsageError(
            f"--format {wishes.format} only applies with --poses. Add --poses FILE, or leave it "
            "out."
        )
    if wishes.subject is not None and any(isinstance(each, Images) for each in inputs):
        raise UsageError(
            "--subject applies to videos and cameras, where people are followed; people in images "
            "have no ids. Leave it out, or name videos only."
        )


def _require_format(name: str, inputs: Sequence[Input], wishes: Wishes) -> None:
    found = FORMATS[name]
    if len(inputs) > 1 and not found.many:
        raise UsageError(
            f"--poses {wishes.poses}: {found.in_words} cannot hold the frames of several videos, "
            f"and there are {len(inputs)} inputs. Run the command once for each, or write .csv."
        )
    if found.one_subject and wishes.subject is None:
        raise UsageError(
            f"--format {name} takes one person. Add --subject ID, with the id that is drawn "
            "beside the person in the annotated video."
        )
