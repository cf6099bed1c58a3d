"""Which board this is, by its device tree, and whether its processor agrees.

A name alone proves little: logs are published under the name of another board, and a carrier board
or an overlay may carry the wrong one. The part numbers of the cores cannot be mistaken.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from posemark.board import files

DEVICE_TREE = "proc/device-tree"
"""The folder, below the root of the file system, that boards with a device tree have."""

_CPU_INFO = "proc/cpuinfo"
_RELEASE = "etc/nv_tegra_release"

_ARM, _NVIDIA = 0x41, 0x4E
CORES = {
    (_ARM, 0xB76): "ARM1176",
    (_ARM, 0xC07): "Cortex-A7",
    (_ARM, 0xC09): "Cortex-A9",
    (_ARM, 0xC0F): "Cortex-A15",
    (_ARM, 0xD03): "Cortex-A53",
    (_ARM, 0xD04): "Cortex-A35",
    (_ARM, 0xD05): "Cortex-A55",
    (_ARM, 0xD07): "Cortex-A57",
    (_ARM, 0xD08): "Cortex-A72",
    (_ARM, 0xD09): "Cortex-A73",
    (_ARM, 0xD0A): "Cortex-A75",
    (_ARM, 0xD0B): "Cortex-A76",
    (_ARM, 0xD0C): "Neoverse-N1",
    (_ARM, 0xD0D): "Cortex-A77",
    (_ARM, 0xD40): "Neoverse-V1",
    (_ARM, 0xD41): "Cortex-A78",
    (_ARM, 0xD42): "Cortex-A78AE",
    (_ARM, 0xD4F): "Neoverse-V2",
    (_NVIDIA, 0x000): "Denver",
    (_NVIDIA, 0x003): "Denver 2",
    (_NVIDIA, 0x004): "Carmel",
}
"""Names of cores by implementer and part number of the register MIDR_EL1, which Linux shows in
/proc/cpuinfo. Source: Arm's technical reference manuals, as listed by lscpu of util-linux."""


@dataclass(frozen=True)
class Board:
    """A kind of board.

    Attributes:
        key: its name in records and messages.
        name: how people and most device trees call it.
        marks: parts of the device tree's `compatible`, of which one is enough. NVIDIA writes the
            part numbers of carrier and module there, such as p3449-0000+p3448-0000.
        cores: the kinds of its cores. Power modes switch cores off, so not all need be there.
    """

    key: str
    name: str
    marks: tuple[str, ...]
    cores: tuple[str, ...]


# The first that matches counts, so special boards stand before the general ones. Part numbers:
# NVIDIA Jetson Linux Developer Guide, "Quick Start", and Documentation/devicetree of Linux.
BOARDS = (
    Board("jetson-nano-2gb", "Jetson Nano 2GB", ("jetson-nano-2gb", "p3448-0003"), ("Cortex-A57",)),
    Board("jetson-nano", "Jetson Nano", ("jetson-nano", "p3448-"), ("Cortex-A57",)),
    Board("jetson-tx1", "Jetson TX1", ("jetson-tx1", "p2371-2180"), ("Cortex-A57",)),
    Board("jetson-tx2-nx", "Jetson TX2 NX", ("p3636-",), ("Denver 2", "Cortex-A57")),
    Board(
        "jetson-tx2", "Jetson TX2", ("jetson-tx2", "p3310-", "p3489-"), ("Denver 2", "Cortex-A57")
    ),
    Board("jetson-xavier-nx", "Jetson Xavier NX", ("p3668-",), ("Carmel",)),
    Board("jetson-agx-xavier", "Jetson AGX Xavier", ("jetson-xavier", "p2888-"), ("Carmel",)),
    Board(
        "jetson-orin-nano",
        "Jetson Orin Nano",
        ("p3767-0003", "p3767-0004", "p3767-0005"),
        ("Cortex-A78AE",),
    ),
    Board("jetson-orin-nx", "Jetson Orin NX", ("p3767-",), ("Cortex-A78AE",)),
    Board("jetson-agx-orin", "Jetson AGX Orin", ("p3701-",), ("Cortex-A78AE",)),
    Board("raspberry-pi-zero-2", "Raspberry Pi Zero 2", ("model-zero-2",), ("Cortex-A53",)),
    Board("raspberry-pi-3", "Raspberry Pi 3", ("bcm2837",), ("Cortex-A53",)),
    Board("raspberry-pi-4", "Raspberry Pi 4", ("bcm2711",), ("Cortex-A72",)),
    Board("raspberry-pi-5", "Raspberry Pi 5", ("bcm2712",), ("Cortex-A76",)),
)

_CODE_NAMES = {"quill": "NVIDIA Jetson TX2", "Jetson-AGX": "NVIDIA Jetson AGX Xavier"}
"""What a model in the device trees of JetPack 4 means, where it says little."""


def has_device_tree(root: Path) -> bool:
    """Return whether this machine was described to Linux by a device tree, as boards are."""
    return (root / DEVICE_TREE).is_dir()


def model(root: Path) -> str:
    """Return the model that the device tree names; empty without one."""
    name = files.words(root / DEVICE_TREE / "model")
    return _CODE_NAMES.get(name, name)


def compatible(root: Path) -> list[str]:
    """Return the strings of the device tree's `compatible`, the special before the general."""
    return files.lines(root / DEVICE_TREE / "compatible")


def kind(root: Path) -> Board | None:
    """Return the kind of this board according to its device tree; None if it is not listed."""
    names = compatible(root)
    for board in BOARDS:
        if any(mark in name for mark in board.marks for name in names):
            return board
    return None


def chip(root: Path) -> str | None:
    """Return the name of the chip, such as tegra210 or bcm2711; None if it is not known."""
    names = compatible(root)
    return names[-1].split(",")[-1] if names else None


def release(root: Path) -> str | None:
    """Return the release of Jetson Linux, such as R32.7.1; None on other systems.

    The file begins with "# R32 (release), REVISION: 7.1".
    """
    parts = files.words(root / _RELEASE).replace(",", " ").split()
    if len(parts) < 5 or parts[0] != "#" or parts[3] != "REVISION:":
        return None
    return f"{parts[1]}.{parts[4]}"


def cores(root: Path) -> dict[str, int]:
    """Return the number of running cores by their kind, in the order of /proc/cpuinfo.

    Empty on other than ARM processors. A part number that is not listed stands for itself.
    """
    found: dict[str, int] = {}
    implementer = 0
    for line in files.lines(root / _CPU_INFO):
        key, _, value = line.partition(":")
        try:
            if key.strip() == "CPU implementer":
                implementer = int(value, 16)
            elif key.strip() == "CPU part":
                part = int(value, 16)
                name = CORES.get((implementer, part), f"core {implementer:#x}/{part:#x}")
                found[name] = found.get(name, 0) + 1
        except ValueError:
            continue
    return found


def processor(root: Path) -> str | None:
    """Return the cores as text, such as "4x Cortex-A57"; None on other than ARM processors."""
    return ", ".join(f"{count}x {name}" for name, count in cores(root).items()) or None


def contradiction(root: Path, label: str | None = None) -> str | None:
    """Compare what the device tree, and a user's name for the machine, say with the processor.

    Args:
        root: the root of the file system.
        label: the user's name for the machine, if any.

    Returns:
        A sentence if they do not agree, else None. Cores that are not listed prove nothing.
    """
    named = model(root)
    found = [name for name in cores(root) if name in CORES.values()]
    claims = (
        ("The device tree", named, kind(root)),
        ("The device tree", named, claimed(named)),
        ("The name of this machine", label, claimed(label or "")),
    )
    for source, words, board in claims:
        strange = [name for name in found if board and name not in board.cores]
        if board and strange:
            return (
                f"{source} says {words or board.name}, but the processor has "
                f"{_listed(strange)}, and such a board has {_listed(board.cores)}: it is another "
                "board than that."
            )
    return None


def claimed(name: str) -> Board | None:
    """Return the kind of board that a text names, such as a label or a model."""
    for board in BOARDS:
        if board.name.lower() in name.lower():
            return board
    return None


def _listed(names: Iterable[str]) -> str:
    return " and ".join(names)
