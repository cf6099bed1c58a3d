"""Where images are: folders, object stores, and Parquet files with a column of encoded images."""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from posemark.core.errors import DataError, FrameError, UsageError
from posemark.core.places import with_home
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
    if "://" not in root:
        return fs.LocalFileSystem(), str(with_home(root).absolute())
    try:
        return fs.FileSystem.from_uri(root)
    except Exception as error:  # pyarrow raises many kinds
        raise UsageError(
            f"{root}: this address cannot be opened ({_in_short(error)}). Expected a path, or an "
            "address that begins with s3://, gs://, hdfs:// or file://."
        ) from error


def _in_short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def files_under(root: str) -> Iterator[list[tuple[str, int]]]:
    """Yield the images and Parquet files at a root, one folder after the other, sorted by name.

    Only the listing of one folder, and the names of folders that follow, are in memory.

    Args:
        root: a path or address of a file or folder.

    Yields:
        Path in the file system, and bytes, of all such files of one folder.

    Raises:
        DataError: if it does not exist, or a folder cannot be listed.
    """
    files, path = file_system(root)
    kinds = arrow("pyarrow.fs").FileType
    try:
        info = files.get_file_info(path)
        if info.type == kinds.NotFound:
            raise DataError(
                f"{root}: there is no such file or folder. Give an image, a Parquet file, or a "
                "folder with either."
            )
        if info.type == kinds.File:
            yield [(info.path, int(info.size))]
            return
        yield from _folders(files, path, kinds)
    except OSError as error:
        raise DataError(
            f"{root}: cannot be listed ({_in_short(error)}). Check the address and your rights."
        ) from error


def _folders(files: Any, path: str, kinds: Any) -> Iterator[list[tuple[str, int]]]:
    selector, left = arrow("pyarrow.fs").FileSelector, [path]
    while left:
        found = sorted(files.get_file_info(selector(left.pop())), key=lambda each: each.path)
        left += [each.path for each in reversed(found) if each.type == kinds.Directory]
        wanted = [each for each in found if each.type == kinds.File and _is_wanted(each.path)]
        if wanted:
            yield [(each.path, int(each.size)) for each in wanted]


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
        return [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]


def _opened(root: str, path: str) -> Any:
    files, _ = file_system(root)
    parquet = arrow("pyarrow.parquet")
    try:
        return parquet.ParquetFile(files.open_input_file(path))
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        raise DataError(
            f"{path}: this Parquet file cannot be read ({_in_short(error)}). Leave it out, or "
            "write it again."
        ) from error


def _columns(path: str, schema: Any) -> tuple[str, str | None]:
    """Return the names of the column of images and, if there is one, of their names."""
    image = next((each for each in COLUMNS if each in schema.names), None)
    if image is None:
        raise DataError(
            f"{path}: expected a column of encoded images ({', '.join(COLUMNS)}), got the columns "
            f"{', '.join(schema.names)}. Rename the column."
        )
    return image, next((each for each in NAMES if each in schema.names), None)


def files_read(root: str, paths: Sequence[str]) -> Iterator[Content]:
    """Yield the content of image files."""
    files, _ = file_system(root)
    for path in paths:
        yield Content(path, _read(files, path))


def _read(files: Any, path: str) -> bytes | FrameError:
    try:
        with files.open_input_file(path) as file:
            if file.size() > MOST_IMAGE_BYTES:
                return FrameError(f"{path}: the file is larger than {MOST_IMAGE_BYTES} bytes")
            return bytes(file.read())
    except OSError as error:
        return FrameError(f"{path}: cannot be read ({_in_short(error)})")


_BATCH = 16
"""Rows of a Parquet file that are in memory at the same time."""


def rows_read(root: str, path: str, row_groups: Sequence[int]) -> Iterator[Content]:
    """Yield the images in some row groups of a Parquet file; without a name column, by number.

    Raises:
        DataError: if the file cannot be read.
    """
    with _opened(root, path) as file:
        image, name = _columns(path, file.schema_arrow)
        before = [0]
        for group in range(file.metadata.num_row_groups):
            before.append(before[-1] + file.metadata.row_group(group).num_rows)
        wanted = [image] if name is None else [image, name]
        for group in row_groups:
            number = before[group]
            for batch in file.iter_batches(_BATCH, row_groups=[group], columns=wanted):
                for row in batch.to_pylist():
                    yield _content(path, number, row[image], row.get(name) if name else None)
                    number += 1


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
