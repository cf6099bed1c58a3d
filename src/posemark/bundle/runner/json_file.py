"""Reads the JSON files of a bundle."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from posemark.core.digests import sha256_of
from posemark.core.errors import DataError
from posemark.core.frame import Floats
from posemark.core.text import shortened

UNEXPECTED = (LookupError, TypeError, ValueError, AttributeError, OverflowError)
"""The exceptions that content of another form raises where it is read."""

REMEDY = "Copy the bundle to this device again, and unzip it into an empty folder."


def require_data(folder: Path, sums: Iterable[tuple[str, str]]) -> None:
    """Check the files of a bundle that the figures depend on.

    A memory card that loses a bit of a box or of an annotation would otherwise change AP unseen.

    Args:
        folder: the folder of the bundle.
        sums: the SHA-256 of each file, by its path in that folder.

    Raises:
        DataError: if one cannot be read, or is damaged.
    """
    for name, expected in sums:
        path = folder / name
        try:
            found = sha256_of(path)
        except OSError as error:
            raise _unreadable(path, error) from error
        if found != expected:
            raise DataError(
                f"{path}: this file of the bundle is damaged. Its SHA-256 is {found[:16]}..., "
                f"expected {expected[:16]}.... {REMEDY}"
            )


def _unreadable(path: Path, error: OSError) -> DataError:
    why = error.strerror or str(error)
    return DataError(f"{path}: cannot read this file of the bundle ({why}). {REMEDY}")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        DataError: if it cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:  # also bytes that are not UTF-8
        raise DataError(
            f"{path}: this file of the bundle is damaged ({error}). {REMEDY}"
        ) from error


def numbers(values: Any, *shape: int) -> Floats:
    """Return nested lists of JSON as an array of this shape, of which one side may be -1.

    Raises:
        ValueError: if they have another shape, or a number is not finite; also TypeError and
            OverflowError for other values (UNEXPECTED).
    """
    found = np.array(values, np.float64).reshape(shape)
    if not np.isfinite(found).all():
        raise ValueError("a number is not finite")
    return found


def wrong_content(path: Path, error: Exception) -> DataError:
    """Return the error for a JSON file of the bundle that lacks a part or has a wrong value."""
    what = shortened(f"{type(error).__name__}: {error}")
    return DataError(
        f"{path}: this file of the bundle has not the expected content ({what}). {REMEDY}"
    )
