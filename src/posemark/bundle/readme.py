"""README.txt of a bundle: what is in it, and the steps on the device, in plain ASCII."""

import textwrap
from collections.abc import Iterable, Mapping

from posemark.bundle.runner.engines.known import engine_named
from posemark.bundle.targets import BundleTarget

NAME = "README.txt"

_WIDTH = 76

_STEPS: Mapping[str, tuple[str, ...]] = {
    "jetson-nano": (
        "sudo nvpmodel -m 0        # highest clocks (Nano 10 W; Xavier NX only 2 cores)",
        "sudo jetson_clocks        # hold the clocks at their highest",
    ),
    "jetson-orin": (
        "sudo nvpmodel -q          # the power mode; /etc/nvpmodel.conf names all",
        "sudo nvpmodel -m 0        # often the highest; 2 is MAXN_SUPER of an Orin Nano",
        "sudo jetson_clocks        # hold the clocks at their highest",
    ),
    "raspberry-pi": ("vcgencmd get_throttled    # expected: throttled=0x0",),
    "generic": (),
}
"""The commands before a measurement, by target."""

_BUILDING = (
    "The first run with TensorRT builds an engine for each model, which takes minutes on a small "
    "board; they are kept in the folder engines. "
)

_ADVICE: Mapping[str, tuple[str, ...]] = {
    "jetson-nano": (
        "If pip3 does not find onnxruntime, pip3 is too old: "
        "python3 -m pip install --user --upgrade pip",
        'If Python ends with "Illegal instruction", the reason is numpy 1.19.5: '
        "export OPENBLAS_CORETYPE=ARMV8, or pip3 install numpy==1.19.4",
    ),
    "jetson-orin": (),
    "raspberry-pi": (
        "pip3 installs only into a virtual environment: "
        "python3 -m venv ~/pose && source ~/pose/bin/activate",
    ),
    "generic": (),
}
"""What helps if an engine cannot be installed or loaded, by target; docs/edge.md has sources."""


def readme(
    target: BundleTarget, entries: Iterable[str], refused: Mapping[str, str], frames: int
) -> str:
    """Return the text.

    Args:
        target: the kind of device.
        entries: the names of the entries.
        refused: why other entries are not in the bundle, by name.
        frames: the number of frames.
    """
    parts = [
        "PoseMark bundle",
        _wrapped(
            f"Measures pose models on: {target.title}. It needs Python 3.6 or later, numpy, and "
            "one of the engines below. It uses no network and installs nothing."
        ),
        "Steps\n\n" + "\n".join(f"  {line}" for line in _steps(target)),
        _wrapped(
            _BUILDING * ("tensorrt" in target.engines)
            + "Ctrl-C stops cleanly, and the same command continues."
        ),
        "Engines, in the order in which they are looked for\n\n" + _engines(target),
        *map(_wrapped, _ADVICE[target.name]),
        f"Entries ({frames} frames each)\n\n" + "\n".join(f"  {each}" for each in entries),
    ]
    if refused:
        reasons = (_wrapped(f"{name}: {why}", "  ", "    ") for name, why in refused.items())
        parts.append("Left out\n\n" + "\n".join(reasons))
    return "\n\n".join(parts).encode("ascii", "replace").decode() + "\n"


def _steps(target: BundleTarget) -> tuple[str, ...]:
    return (
        *_STEPS[target.name],
        "python3 run.py --list     # what it finds on this device",
        "python3 run.py            # measures every entry",
        "python3 run.py --sustained    # ten minutes for each entry: does it throttle?",
        "then copy the folder results home, and there: posemark report results",
    )


def _engines(target: BundleTarget) -> str:
    engines = (engine_named(name) for name in target.engines)
    return "\n".join(_wrapped(f"{e.name}: {e.how_to_install}", "  ", "    ") for e in engines)


def _wrapped(text: str, first: str = "", later: str = "") -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
