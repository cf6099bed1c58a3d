"""Where images are: folders, object stores, and Parquet files with a column of encoded images."""

import importlib
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from posemark.core.counting import counted
from posemark.core.errors import DataError, FrameError, UsageError
from posemark.core.places import is_file, with_home
from posemark.geometry.image_file import MOST_IMAGE_BYTES
from posemark.predict.images import SUFFIXES

PARQUET = (".parquet",)
"""Ends of the names of Parquet files, in lower case."""

COLUMNS = ("image", "bytes", "jpg", "jpeg", "png")
"""Names of a column with encoded images, in the order in which they are looked for. It holds bytes,
or a struct with the fields bytes and path."""

NAMES = ("path", "file_name", "id", "key", "__key__", "url")
"""Names of a column that names the images, in the order in which they are looked for."""


def arrow(module: str) -> Any:
    """Return a module of pyarrow.

    Raises:
        UsageError: if it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            "--engine ray needs the package pyarrow, which is not installed. Install it with: pip "
            "install 'posemark[ray]'."
        ) from error


def arrow_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that pyarrow raises for a file that it cannot read."""
    return OSError, ValueError, arrow("pyarrow").ArrowException


@dataclass(frozen=True)
class Content:
    """An encoded image.

    Attributes:
        name: its path, or its name in a Parquet file.
        read: the encoded bytes, or why they cannot be read.
    """

    name: str
    read: bytes | FrameError


def file_system(root: str) -> tuple[Any, str]:
    """Return the file system of a path or an address (s3://bucket/folder), and the path in it.

    Raises:
        UsageError: if there is no such kind of file system.
    """
    fs = arrow("pyarrow.fs")
    _require_utf8(root)
    if "://" not in root:
        return fs.LocalFileSystem(), str(with_home(root).absolute())
    try:
        return fs.FileSystem.from_uri(root)
    except Exception as error:  # pyarrow raises many kinds
        raise UsageError(
            f"{root}: this address cannot be opened ({_in_short(error)}). Expected a path, or an "
            "address that begins with s3://, gs://, hdfs:// or file://."
        ) from error


def _require_utf8(root: str) -> None:
    try:
        root.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{_shown(os.fsencode(root))}: {_NOT_UTF8}") from error


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


_NOT_UTF8 = "this name is not UTF-8, which the files of poses need. Rename it, or leave it out."


def require_apart(roots: Sequence[str], out: Path) -> None:
    """Check that no image would be found twice, and that the results are no input.

    Args:
        roots: the paths and addresses that the user gave.
        out: the folder of results.

    Raises:
        UsageError: if a root is another one or in it, or the folder of results is in a root.
    """
    places = [(root, *_resolved(root)) for root in roots]
    own = _resolved(str(out))
    for number, (root, files, path) in enumerate(places):
        if files == own[0] and _is_in(own[1], path):
            raise UsageError(
                f"--poses {out}: this folder is in {root}, all folders of which are read. Name a "
                "folder outside of it."
            )
        for other, other_files, other_path in places[:number]:
            if files == other_files and (_is_in(path, other_path) or _is_in(other_path, path)):
                raise UsageError(
                    f"{other} and {root}: these inputs have images in common, which would be "
                    "annotated twice. Leave one of them out."
                )


def _resolved(root: str) -> tuple[Any, str]:
    files, path = file_system(root)
    return files, os.path.realpath(path) if _is_local(files) else path.rstrip("/")


def _is_local(files: Any) -> bool:
    return bool(files.type_name == "local")


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _in_short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def files_under(root: str, seen: set[object]) -> Iterator[list[tuple[str, int]]]:
    """Yield the images and Parquet files at a root, one folder after the other, sorted by name.

    Only the listing of one folder, the names of folders that follow, and a number for each folder
    are in memory.

    Args:
        root: a path or address of a file or folder.
        seen: receives the identity of each folder. A folder that is in it is left out, because
            symbolic links may lead to it several times, and even into itself.

    Yields:
        Path in the file system, and bytes, of all such files of one folder.

    Raises:
        DataError: if it does not exist, is no image and no Parquet file, or a folder cannot be
            listed or has a name that is not UTF-8.
    """
    files, path = file_system(root)
    kinds = arrow("pyarrow.fs").FileType
    try:
        info = files.get_file_info(path)
        if info.type == kinds.NotFound:
            raise DataError(
                f"{root}: there is no such file or folder. Give an image, a Parquet file, or a "
                "folder with either; patterns and cameras are not read with --engine ray."
            )
        if info.type == kinds.File and _is_wanted(info.path):
            yield [(info.path, int(info.size))]
            return
        if info.type != kinds.Directory:
            raise DataError(
                f"{root}: expected an image ({', '.join(SUFFIXES)}), a Parquet file "
                f"({', '.join(PARQUET)}) or a folder with either. For videos, leave --engine ray "
                "out."
            )
        yield from _folders(files, path, kinds, seen)
    except UnicodeDecodeError as error:
        raise DataError(f"{_shown(bytes(error.object))}: {_NOT_UTF8}") from error
    except OSError as error:
        raise DataError(
            f"{root}: cannot be listed ({_in_short(error)}). Check the address and your rights."
        ) from error


def _folders(
    files: Any, path: str, kinds: Any, seen: set[object]
) -> Iterator[list[tuple[str, int]]]:
    selector, left = arrow("pyarrow.fs").FileSelector, [path]
    while left:
        folder = left.pop()
        identity = _identity(files, folder)
        if identity in seen:
            continue
        seen.add(identity)
        found = sorted(files.get_file_info(selector(folder)), key=lambda each: each.path)
        left += [each.path for each in reversed(found) if each.type == kinds.Directory]
        wanted = [each for each in found if each.type == kinds.File and _is_wanted(each.path)]
        if wanted:
            yield [(each.path, int(each.size)) for each in wanted]


def _identity(files: Any, folder: str) -> object:
    """Return what tells a folder from all others, whatever its name."""
    if not _is_local(files):
        return files.type_name, folder
    facts = Path(folder).stat()
    return facts.st_dev, facts.st_ino


def _is_wanted(path: str) -> bool:
    return path.lower().endswith((*SUFFIXES, *PARQUET))


def is_parquet(path: str) -> bool:
    """Return whether a file is a Parquet file, by its name."""
    return path.lower().endswith(PARQUET)


def rows_of(root: str, path: str) -> list[int]:
    """Return the number of rows in each row group of a Parquet file.

    Raises:
        DataError: if it is no such file, or has no column of images.
    """
    with _opened(root, path) as file:
        _columns(path, file.schema_arrow)
        return _rows_in_groups(file)


@contextmanager
def _opened(root: str, path: str) -> Generator[Any]:
    """Open a Parquet file; what pyarrow cannot read of it in the block is a DataError."""
    files, _ = file_system(root)
    parquet = arrow("pyarrow.parquet")
    try:
        with parquet.ParquetFile(files.open_input_file(path)) as file:
            yield file
    except arrow_errors() as error:
        raise DataError(
            f"{path}: this Parquet file cannot be read ({_in_short(error)}). Leave it out, or "
            "write it again."
        ) from error


def _columns(path: str, schema: Any) -> tuple[str, str | None]:
    """Return the names of the column of images and, if there is one, of their names."""
    image = next((each for each in COLUMNS if each in schema.names), None)
    if image is None:
        raise DataError(
            f"{path}: expected a column of encoded images ({', '.join(COLUMNS)}), got "
            f"{', '.join(schema.names) or 'no column'}. Rename the column, or leave the file out."
        )
    kind = _kind_of(schema, image)
    if kind is not None:
        raise DataError(
            f"{path}: expected encoded images in the column {image}, as bytes or as structs of "
            f"bytes and path, got {kind}. Write the content of the images into the column, or "
            "leave the file out."
        )
    return image, next((each for each in NAMES if each in schema.names), None)


def _kind_of(schema: Any, image: str) -> str | None:
    """Return what a column holds instead of encoded images; None if it holds such."""
    if schema.names.count(image) > 1:
        return f"{schema.names.count(image)} columns of this name"
    types, kind = arrow("pyarrow").types, schema.field(image).type
    held = kind
    if types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        held = kind.field("bytes").type
    if types.is_dictionary(held):
        held = held.value_type
    known = (types.is_binary, types.is_large_binary, types.is_binary_view)
    return None if any(each(held) for each in known) else str(kind)


def files_read(root: str, paths: Sequence[str]) -> Iterator[Content]:
    """Yield the content of image files.

    Raises:
        DataError: after the last one, if none could be read because all are out of reach, such as
            those of a disk that is not mounted. Single ones that cannot be read are yielded.
    """
    files, place = file_system(root)
    errors: list[OSError] = []
    for path in paths:
        try:
            read = _read(files, path)
        except OSError as error:
            errors.append(error)
            read = FrameError(f"{path}: cannot be read ({_in_short(error)})")
        yield Content(path, read)
    if len(errors) == len(paths) and _is_out_of_reach(files, place, errors):
        raise DataError(
            f"{root}: none of its {counted(len(paths), 'image')} can be read "
            f"({_in_short(errors[-1])}). Make them reachable on every machine, then continue with "
            "--resume."
        )


def _read(files: Any, path: str) -> bytes | FrameError:
    with files.open_input_file(path) as file:
        if file.size() > MOST_IMAGE_BYTES:
            return FrameError(f"{path}: the file is larger than {MOST_IMAGE_BYTES} bytes")
        return bytes(file.read())


def _is_out_of_reach(files: Any, place: str, errors: Sequence[OSError]) -> bool:
    """Return whether all images failed for a common reason: not because they were removed."""
    if not all(isinstance(each, (FileNotFoundError, PermissionError)) for each in errors):
        return True
    return _is_local(files) and not is_file(Path(place)) and not _has_entries(place)


def _has_entries(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(True for _ in entries)
    except OSError:
        return False


_BATCH = 1
"""Rows of a Parquet file that are in memory at the same time: a file of some kilobytes may repeat
one value of many megabytes in every row."""


def rows_read(root: str, path: str, row_groups: Sequence[int], images: int) -> Iterator[Content]:
    """Yield the images in some row groups of a Parquet file; without a name column, by number.

    Args:
        root: the path or address that the user gave.
        path: the file.
        row_groups: the numbers of the row groups.
        images: the number of rows that they had when they were counted.

    Raises:
        DataError: if the file cannot be read, or its row groups have another number of rows.
    """
    with _opened(root, path) as file:
        image, name = _columns(path, file.schema_arrow)
        rows = _rows_in_groups(file)
        if sum(rows[group] for group in row_groups if group < len(rows)) != images:
            raise DataError(
                f"{path}: this Parquet file has changed since its images were listed, so that "
                "their division into shards no longer fits. Restore it, or begin anew with "
                "another folder for --poses."
            )
        wanted = [image] if name is None else [image, name]
        for group in row_groups:
            for number, row in enumerate(_rows(path, file, group, wanted), sum(rows[:group])):
                yield _content(path, number, row[image], row.get(name) if name else None)


def _rows_in_groups(file: Any) -> list[int]:
    return [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]


def _rows(path: str, file: Any, group: int, columns: list[str]) -> Iterator[dict[str, Any]]:
    try:
        for batch in file.iter_batches(_BATCH, row_groups=[group], columns=columns):
            yield from batch.to_pylist()
    except arrow_errors() as error:
        raise DataError(
            f"{path}: row group {group} of this Parquet file cannot be read ({_in_short(error)}). "
            "Replace the file by an undamaged copy, then continue with --resume."
        ) from error


def _content(path: str, number: int, value: Any, name: object) -> Content:
    """Return the image of a row: bytes, or a struct of bytes and path."""
    encoded: object = value
    if isinstance(value, dict):
        parts = cast("dict[str, object]", value)
        encoded, name = parts.get("bytes"), name or parts.get("path")
    shown = f"{path}#{number}" if name is None else str(name)
    if not isinstance(encoded, bytes) or len(encoded) > MOST_IMAGE_BYTES:
        return Content(shown, FrameError(f"{path}: row {number} has no image in its column"))
    return Content(shown, encoded)
