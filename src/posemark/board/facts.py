"""All that a board says of itself before a run, as data and in words."""

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from posemark.board import clocks, files, models, rails, thermal, throttling

COLUMNS = 80
"""The width of a serial console."""


def read(root: Path = Path("/")) -> dict[str, Any]:
    """Read what a board says of itself; the result can be written as JSON.

    Args:
        root: the root of the file system.

    Returns:
        * board: the model by the device tree; None without one.
        * kind: the key of posemark.board.models.BOARDS; None if it is not listed.
        * soc, release: chip and release of Jetson Linux; None if unknown.
        * processor, cores: the kinds of ARM cores as text, and their number by kind.
        * contradiction: a sentence if processor and device tree disagree, else None.
        * power_mode: id and name of nvpmodel; None on other boards.
        * clocks: see posemark.board.clocks.cpu_clocks; the GPU's are among them.
        * jetson_clocks: whether all clocks of a Jetson are fixed; None on other boards.
        * supply: the name of what the whole board takes; None without a sensor for that.
        * watts: the present power by rail. Rails overlap: these are never to be added.
        * celsius: temperatures by thermal zone.
        * throttling: see posemark.board.throttling.state.
    """
    kind = models.kind(root)
    found = rails.rails(root)
    supply = rails.supply(found)
    cpu, gpu = clocks.cpu_clocks(root), clocks.gpu_clocks(root)
    mode = clocks.power_mode(root)
    return {
        "board": models.model(root) or None,
        "kind": kind.key if kind else None,
        "soc": models.chip(root),
        "release": models.release(root),
        "processor": models.processor(root),
        "cores": models.cores(root),
        "contradiction": models.contradiction(root),
        "power_mode": mode,
        "clocks": cpu + gpu,
        "jetson_clocks": clocks.locked(cpu + gpu) if mode or gpu else None,
        "supply": supply.name if supply else None,
        "watts": _watts(found),
        "celsius": thermal.temperatures(root),
        "throttling": throttling.state(root),
    }


def settings(root: Path = Path("/"), label: str | None = None) -> dict[str, str]:
    """Return what stays as it is during a run and what other runs must share to be compared.

    Args:
        root: the root of the file system.
        label: the user's name for the machine, if any.

    Returns:
        power_mode, such as "MAXN, clocks fixed", and contradiction (see models.contradiction);
        each only if there is one, so that the records of other machines stay as they are.
    """
    mode = clocks.power_mode(root)
    doubt = models.contradiction(root, label)
    fixed = clocks.locked(clocks.cpu_clocks(root) + clocks.gpu_clocks(root))
    found: dict[str, str] = {}
    if mode:
        found["power_mode"] = f"{_mode_name(mode)}{', clocks fixed' if fixed else ''}"
    if doubt:
        found["contradiction"] = doubt
    return found


def _mode_name(mode: dict[str, Any]) -> str:
    return mode["name"] or f"mode {mode['id']}"


def _watts(found: Iterable[rails.Rail]) -> dict[str, float]:
    watts: dict[str, float] = {}
    for rail in found:
        try:
            watts[rail.name] = round(rail.watts(), 3)
        except files.FAILURES:
            continue
    return watts


def describe(facts: dict[str, Any], columns: int = COLUMNS) -> list[str]:
    """Say what was read, in lines of limited length.

    Args:
        facts: what read() returned, also after a detour through JSON.
        columns: the most characters of a line.
    """
    sentences = [
        _board(facts),
        facts["contradiction"] and f"Warning: {facts['contradiction']}",
        *_modes(facts),
        *_clocks(facts["clocks"]),
        _power(facts),
        _temperature(facts["celsius"]),
        *_throttling(facts["throttling"]),
    ]
    return [
        line
        for sentence in sentences
        if sentence
        for line in textwrap.wrap(sentence, columns, subsequent_indent="  ")
    ]


def _board(facts: dict[str, Any]) -> str:
    more = ", ".join(facts[key] for key in ("soc", "processor", "release") if facts[key])
    return f"Board: {facts['board'] or 'unknown'}{f' ({more})' if more else ''}."


def _modes(facts: dict[str, Any]) -> list[str]:
    mode, fixed = facts["power_mode"], facts["jetson_clocks"]
    parts: list[str] = []
    if mode:
        parts.append(f"Power mode: {_mode_name(mode)} (nvpmodel {mode['id']}).")
    if fixed is not None:
        parts.append(
            "Clocks are fixed, as by jetson_clocks."
            if fixed
            else "Clocks follow the load: jetson_clocks has not been run."
        )
    return parts


def _clocks(found: list[dict[str, Any]]) -> list[str]:
    return [
        f"Clock of {clock['name']}: {_mhz(clock['mhz'])} MHz now, {_mhz(clock['min_mhz'])} to "
        f"{_mhz(clock['max_mhz'])} allowed, {_mhz(clock['limit_mhz'])} at most; governor "
        f"{clock['governor'] or 'unknown'}."
        for clock in found
    ]


def _mhz(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"


def _power(facts: dict[str, Any]) -> str:
    watts, supply = facts["watts"], facts["supply"]
    if not watts:
        return "Power: this board has no sensor that can be read."
    parts = ", ".join(f"{name} {value:.2f} W" for name, value in watts.items())
    whole = f"{supply} is the whole board" if supply else "no rail is known to be the whole board"
    return f"Power: {parts} ({whole}; rails overlap)."


def _temperature(celsius: dict[str, float]) -> str:
    if not celsius:
        return "Temperature: unknown."
    hottest = max(celsius, key=lambda name: celsius[name])
    return f"Temperature: {celsius[hottest]:.1f} degrees C at {hottest}, the hottest zone."


def _throttling(found: dict[str, Any]) -> list[str]:
    events = {name: count for name, count in found["events"].items() if count}
    said = [
        f"Throttled now: {', '.join(found['now'])}." if found["now"] else "",
        f"Since the board started: {', '.join(found['since_boot'])}."
        if found["since_boot"]
        else "",
        "Over-current events since the board started: "
        + ", ".join(f"{name} {count}" for name, count in events.items())
        + "."
        if events
        else "",
    ]
    return [sentence for sentence in said if sentence] or ["Throttling: none reported."]
