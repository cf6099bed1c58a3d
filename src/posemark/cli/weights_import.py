"""`posemark weights import`: imports checkpoints that users downloaded or trained."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import terminal
from posemark.core.counting import counted
from posemark.core.errors import CheckpointError, UsageError
from posemark.core.places import is_folder

if TYPE_CHECKING:
    from rich.table import Table

    from posemark.core.spec import ModelSpec
    from posemark.weights import Outcome

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE|FOLDER...",
        help="Checkpoints (.pth, .pt, .safetensors or .caffemodel), or folders of them.",
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="MODEL.TAG",
        help="Import one file under this name. The tag may be one of your own.",
    ),
]
Part = Annotated[
    str,
    typer.Option(help="Which set of weights to import if one file has several (an EMA copy)."),
]


def import_weights(files: Files, name: Name = None, part: Part = "") -> None:
    """Import checkpoints: check that they fit their networks, hash them, and store copies.

    A checkpoint is recognised by its digest; otherwise by the names and shapes of its tensors. If
    several models share a network, the file name decides; --as overrides it. A bad file does not
    stop the import of the others. No code in a file is executed.

    Exit code: 2 if any file was not imported.

    Examples:

        posemark weights import ~/Downloads

        posemark weights import pose_hrnet_w32_256x192.pth --as hrnet-w32-256x192.official
    """
    from posemark.weights import checkpoints

    if name is not None:
        _import_as(_only(files, "--as"), name, part)
        return
    if part:
        _only(files, "--part")
    found, others = checkpoints(files)
    _require_some(files, found, others)
    outcomes = list(_imported(found, part))
    if len(outcomes) == 1 and outcomes[0].why:
        raise CheckpointError(outcomes[0].why)
    _print(outcomes, others)
    if any(outcome.why for outcome in outcomes):
        raise typer.Exit(2)


def _only(files: list[Path], option: str) -> Path:
    if len(files) != 1 or is_folder(files[0]):
        raise UsageError(
            f"{option} applies to one file, got {', '.join(map(str, files))}. Name one file and no "
            "folder."
        )
    return files[0]


def _require_some(given: list[Path], found: list[Path], others: int) -> None:
    from posemark.weights import SUFFIXES

    if not found:
        names = ", ".join(map(str, given))
        raise UsageError(
            f"{names}: expected a checkpoint, but among {counted(others, 'file')} no name ends in "
            f"{', '.join(SUFFIXES)}. Unpack archives first, or name the file itself."
        )


def _import_as(file: Path, name: str, part: str) -> None:
    from posemark.weights import import_file

    spec, tag = model_and_tag(name)
    stored = import_file(file, spec, tag, part)
    terminal.say(f"imported {stored.path}\nsha256   {stored.sha256}\nuse it:  posemark run {name}")


def _imported(files: list[Path], part: str) -> "Iterator[Outcome]":
    from posemark.models import all_models
    from posemark.weights import import_all

    shown = terminal.console(stderr=True)
    with shown.status("reading") as status:
        for at, outcome in enumerate(import_all(files, list(all_models().values()), part), 1):
            status.update(f"reading: {at} of {counted(len(files), 'file')}")
            yield outcome


def _print(outcomes: "list[Outcome]", others: int) -> None:
    console = terminal.console()
    if outcomes:
        console.print(_table(outcomes))
    console.print(_summary(outcomes, others), markup=False)
    for outcome in outcomes:
        if outcome.why:
            terminal.say(f"\nnot imported: {outcome.why}", err=True)


def _table(outcomes: "list[Outcome]") -> "Table":
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("file", "recognised as", "digest"):
        table.add_column(title, overflow="fold", no_wrap=title != "file")
    for outcome, shown in zip(outcomes, _shown([o.path for o in outcomes]), strict=True):
        table.add_row(shown, "\n".join(outcome.names) or "not imported", outcome.digest or "-")
    return table


def _shown(paths: list[Path]) -> list[str]:
    """The names of files; files of the same name with the folders that distinguish them."""
    names = Counter(path.name for path in paths)
    same = [path.absolute() for path in paths if names[path.name] > 1]
    common = os.path.commonpath([path.parent for path in same]) if same else ""
    return [path.name if names[path.name] == 1 else os.path.relpath(path, common) for path in paths]


def _summary(outcomes: "list[Outcome]", others: int) -> str:
    kept = sum(not outcome.why for outcome in outcomes)
    failed = len(outcomes) - kept
    parts = [f"{counted(kept, 'file')} imported"]
    parts += [f"{failed} not imported"] if failed else []
    parts += [f"{counted(others, 'file')} skipped (not checkpoints by name)"] if others else []
    used = (
        ""
        if not kept
        else "\nuse them: posemark run MODEL.TAG, or posemark run ENTRY --weights best"
    )
    return f"\n{', '.join(parts)}{used}"


def model_and_tag(name: str) -> "tuple[ModelSpec, str]":
    """Split MODEL.TAG into the model and the tag.

    Raises:
        UsageError: If the name has no tag, or if there is no such model.
    """
    from posemark.models import spec_of

    model, dot, tag = name.partition(".")
    if not (dot and tag):
        raise UsageError(
            f"{name!r}: expected MODEL.TAG, such as hrnet-w32-256x192.official. "
            "`posemark weights list` shows the registered ones."
        )
    return spec_of(model), tag
