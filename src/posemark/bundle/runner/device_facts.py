"""Describes the device and its software, for the environment of a record."""

from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

import cv2
import numpy as np

from posemark.board.facts import read
from posemark.board.power import idle_watts
from posemark.bundle.runner.bundled import Bundle
from posemark.bundle.runner.found_engines import EngineChoice
from posemark.bundle.runner.numpy_sentinel import NumpySentinel
from posemark.measure.environment import machine_facts

ROOT = Path("/")
"""The root of the file system, in which Linux describes the board."""

IDLE_SECONDS = 3.0
"""Duration in which the power without load is measured."""

_OF_THE_MOMENT = ("watts", "celsius", "throttling")
"""Facts of the board that change from one moment to the next."""


def opencv_version() -> str | None:
    """Return the version of OpenCV; None without it, when functions in numpy take its place."""
    version = getattr(cv2, "__version__", None)
    return None if version is None else str(version)


def set_image_threads(threads: int) -> None:
    """Set the number of threads of OpenCV, if there is OpenCV."""
    # The functions in numpy that take the place of OpenCV have no threads.
    set_number: Callable[[int], None] | None = getattr(cv2, "setNumThreads", None)
    if set_number:
        set_number(threads)


def at_start() -> dict[str, Any]:
    """Return what the board reads before a network is loaded, which differs at every start.

    If the board measures its own power, this takes IDLE_SECONDS, for the power without any load.
    """
    facts = read(ROOT)
    found: dict[str, Any] = {name: facts[name] for name in _OF_THE_MOMENT}
    found["idle_watts"] = idle_watts(ROOT, IDLE_SECONDS, sleep) if facts["supply"] else None
    return found


def environment(
    bundle: Bundle, chosen: EngineChoice, sentinel: NumpySentinel, before: dict[str, Any]
) -> dict[str, Any]:
    """Return the environment of a record; `edge` and `at_start` hold what only bundles record.

    Args:
        bundle: the bundle.
        chosen: the engine of the entry.
        sentinel: the fixed workload between blocks.
        before: what at_start has returned.
    """
    facts = machine_facts()
    edge = {name: fact for name, fact in read(ROOT).items() if name not in _OF_THE_MOMENT}
    for clock in edge["clocks"]:
        del clock["mhz"]  # of this moment; the other values are settings
    edge.update(
        target=bundle.target,
        model_file=chosen.model.file,
        images="OpenCV" if opencv_version() else "plain PNG files, numpy",
        sentinel=sentinel.description,
        sentinel_side=sentinel.side,
    )
    libraries = {"numpy": str(np.__version__), "opencv": opencv_version()}
    libraries[chosen.engine.name] = chosen.version
    facts.update(label=None, libraries=libraries, edge=edge, at_start=before)
    return facts
