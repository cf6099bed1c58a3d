"""Reads the JSON files of a bundle."""

import json
from pathlib import Path
from typing import Any

from posemark.core.errors import DataError

REMEDY = "Copy the bundle to this device again, and unzip it into an empty folder."


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        DataError: if it cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        why = error.strerror or str(error)
        raise DataError(f"{path}: cannot read this file of the bundle ({why}). {REMEDY}") from error
    except ValueError as error:  # also bytes that are not UTF-8
        raise DataError(
            f"{path}: this file of the bundle is damaged ({error}). {REMEDY}"
        ) from error


def wrong_content(path: Path, error: Exception) -> DataError:
    """Return the error for a JSON file of the bundle that lacks a part or has a wrong value."""
    what = f"{type(error).__name__}: {error}"
    return DataError(
        f"{path}: this file of the bundle has not the expected content ({what}). {REMEDY}"
    )
