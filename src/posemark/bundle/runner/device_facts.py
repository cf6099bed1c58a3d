"""Describes the device and its software, for the environment of a record."""

from typing import Any

import cv2
import numpy as np

from posemark.bundle.runner.bundled import Bundle
from posemark.bundle.runner.found_engines import EngineChoice
from posemark.bundle.runner.numpy_sentinel import NumpySentinel
from posemark.measure.environment import machine_facts


def opencv_version() -> str | None:
    """Return the version of OpenCV; None without it, when functions in numpy take its place."""
    version = getattr(cv2, "__version__", None)
    return None if version is None else str(version)


def set_image_threads(threads: int) -> None:
    """Set the number of threads of OpenCV, if there is OpenCV."""
    if opencv_version() is not None:
        cv2.setNumThreads(threads)


def environment(bundle: Bundle, chosen: EngineChoice, sentinel: NumpySentinel) -> dict[str, Any]:
    """Return the environment of a record; `edge` holds what only bundles record.

    Args:
        bundle: the bundle.
        chosen: the engine of the entry.
        sentinel: the fixed workload between blocks.
    """
    facts = machine_facts()
    libraries = {"numpy": str(np.__version__), "opencv": opencv_version()}
    libraries[chosen.engine.name] = chosen.version
    images = "OpenCV" if opencv_version() else "plain PNG files, numpy"
    facts.update(
        label=None,
        libraries=libraries,
        edge={
            "target": bundle.target,
            "model_file": chosen.model.file,
            "images": images,
            "sentinel": sentinel.description,
            "sentinel_side": sentinel.side,
        },
    )
    return facts
