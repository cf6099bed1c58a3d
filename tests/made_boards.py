"""Writes /proc and /sys of boards into a folder, as their kernels provide them.

Names and files are those of real boards: NVIDIA's developer guides, the device trees of Linux, and
listings that users published. Values are made up.
"""

from dataclasses import dataclass, field

CPUS = "sys/devices/system/cpu"
THERMAL = "sys/class/thermal"
HWMON = "sys/class/hwmon"
ARM, NVIDIA = 0x41, 0x4E
A53, A57, A72, A76, A78AE = (
    (ARM, 0xD03),
    (ARM, 0xD07),
    (ARM, 0xD08),
    (ARM, 0xD0B),
    (ARM, 0xD42),
)
DENVER, CARMEL = (NVIDIA, 0x003), (NVIDIA, 0x004)


@dataclass(frozen=True)
class Made:
    """One board.

    Attributes:
        model: the device tree's model.
        compatible: the device tree's list.
        cores: implementer and part number of each core.
        iio: watts by rail and chip, from the driver of JetPack 4.
        hwmon: watts by rail and chip, from the driver of JetPack 5 on.
        gpu: folder of the GPU's clock; None without one.
        zones: degrees Celsius by thermal zone; None for one that fails.
        cooling: state by cooling device.
        mode: the number of the power mode; None without nvpmodel.
        modes: the names of power modes by number.
        release: the first line of nv_tegra_release.
        firmware: the text of get_throttled; None without one.
    """

    model: str
    compatible: tuple[str, ...]
    cores: tuple[tuple[int, int], ...]
    iio: dict[str, dict[str, float]] = field(default_factory=dict)
    hwmon: dict[str, dict[str, float]] = field(default_factory=dict)
    gpu: str | None = None
    zones: dict[str, float | None] = field(default_factory=dict)
    cooling: dict[str, int] = field(default_factory=dict)
    mode: int | None = None
    modes: dict[int, str] = field(default_factory=dict)
    release: str | None = None
    firmware: str | None = None


JETPACK_4 = "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64"
JETPACK_5 = "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64"
NANO_ZONES = {"AO-therm": 41.5, "CPU-therm": 34.0, "GPU-therm": 31.0, "PMIC-Die": 100.0}

BOARDS = {
    "jetson-nano": Made(
        "NVIDIA Jetson Nano Developer Kit",
        ("nvidia,p3449-0000-b00+p3448-0000-b00", "nvidia,jetson-nano", "nvidia,tegra210"),
        (A57,) * 4,
        iio={"6-0040": {"POM_5V_IN": 3.5, "POM_5V_GPU": 0.9, "POM_5V_CPU": 1.1}},
        gpu="57000000.gpu",
        zones=NANO_ZONES,
        mode=0,
        modes={0: "MAXN", 1: "5W"},
        release=JETPACK_4,
    ),
    "jetson-nano-2gb": Made(
        "NVIDIA Jetson Nano 2GB Developer Kit",
        (
            "nvidia,p3542-0000+p3448-0003",
            "nvidia,jetson-nano-2gb",
            "nvidia,jetson-nano",
            "nvidia,tegra210",
        ),
        (A57,) * 4,
        gpu="57000000.gpu",
        zones=NANO_ZONES,
        mode=1,
        modes={0: "MAXN", 1: "5W"},
        release=JETPACK_4,
    ),
    "jetson-tx2": Made(
        "quill",
        ("nvidia,p2597-0000+p3310-1000", "nvidia,tegra186"),
        (A57, DENVER, DENVER, A57, A57, A57),
        iio={
            "0-0040": {"VDD_SYS_GPU": 0.4, "VDD_SYS_SOC": 0.8, "VDD_4V0_WIFI": 0.0},
            "0-0041": {"VDD_IN": 4.2, "VDD_SYS_CPU": 0.5, "VDD_SYS_DDR": 0.6},
            "0-0042": {"VDD_MUX": 5.9, "VDD_5V0_IO_SYS": 1.0, "VDD_3V3_SYS": 0.1},
        },
        gpu="17000000.gp10b",
        zones={"BCPU-therm": 38.0, "MCPU-therm": 38.5, "GPU-therm": 36.5, "PMIC-Die": 100.0},
        cooling={"bcpu-throttle-alert": 0, "pwm-fan": 3},
        mode=3,
        modes={0: "MAXN", 3: "MAXP_CORE_ARM"},
        release=JETPACK_4,
    ),
    "jetson-xavier-nx": Made(
        "NVIDIA Jetson Xavier NX Developer Kit",
        ("nvidia,p3449-0000+p3668-0000", "nvidia,p3509-0000+p3668-0000", "nvidia,tegra194"),
        (CARMEL,) * 6,
        iio={"7-0040": {"VDD_IN": 4.6, "VDD_CPU_GPU_CV": 0.8, "VDD_SOC": 1.0}},
        gpu="17000000.gv11b",
        zones={"CPU-therm": 45.0, "AUX-therm": 44.5},
        mode=2,
        modes={2: "MODE_15W_6CORE"},
        release=JETPACK_4,
    ),
    "jetson-agx-xavier": Made(
        "Jetson-AGX",
        (
            "nvidia,galen",
            "nvidia,jetson-xavier",
            "nvidia,p2822-0000+p2888-0001",
            "nvidia,tegra194",
        ),
        (CARMEL,) * 8,
        iio={
            "1-0040": {"GPU": 1.0, "CPU": 2.0, "SOC": 3.0},
            "1-0041": {"CV": 0.5, "VDDRQ": 0.25, "SYS5V": 2.25},
        },
        gpu="17000000.gv11b",
        zones={"CPU-therm": 40.0},
        mode=0,
        modes={0: "MAXN"},
        release=JETPACK_4,
    ),
    "jetson-orin-nano": Made(
        "NVIDIA Jetson Orin Nano Developer Kit",
        ("nvidia,p3768-0000+p3767-0005", "nvidia,p3767-0005", "nvidia,tegra234"),
        (A78AE,) * 6,
        hwmon={"1-0040": {"VDD_IN": 5.0, "VDD_CPU_GPU_CV": 1.0, "VDD_SOC": 1.5}},
        gpu="17000000.ga10b",
        zones={"cpu-thermal": 48.0, "cv0-thermal": None, "tj-thermal": 49.5},
        cooling={"cpufreq-cpu0": 0, "cpu-throttle-alert": 0, "pwm-fan": 1},
        mode=0,
        modes={0: "15W", 1: "7W"},
        release=JETPACK_5,
    ),
    "jetson-orin-nx": Made(
        "NVIDIA Jetson Orin NX Engineering Reference Developer Kit",
        ("nvidia,p3768-0000+p3767-0000", "nvidia,p3767-0000", "nvidia,tegra234"),
        (A78AE,) * 8,
        hwmon={"1-0040": {"VDD_IN": 6.0, "VDD_CPU_GPU_CV": 1.0, "VDD_SOC": 1.5}},
        gpu="17000000.gpu",
        zones={"cpu-thermal": 50.0},
        mode=3,
        modes={0: "MAXN", 3: "25W"},
        release=JETPACK_5,
    ),
    "raspberry-pi-4": Made(
        "Raspberry Pi 4 Model B Rev 1.4",
        ("raspberrypi,4-model-b", "brcm,bcm2711"),
        (A72,) * 4,
        zones={"cpu-thermal": 52.1},
        firmware="0",
    ),
}


def write(root, files):
    """Write files, each with a line feed at its end, as Linux does."""
    for path, value in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")


def make(root, board):
    """Write a board, given by itself or by its key in BOARDS, below a folder."""
    made = BOARDS[board] if isinstance(board, str) else board
    tree = root / "proc/device-tree"
    tree.mkdir(parents=True)
    (tree / "model").write_bytes(made.model.encode() + b"\0")
    (tree / "compatible").write_bytes(b"".join(name.encode() + b"\0" for name in made.compatible))
    write(root, {"proc/cpuinfo": "\n\n".join(map(_core, range(len(made.cores)), made.cores))})
    write(root, dict(_clocks(made)))
    write(root, dict(_rails(made)))
    write(root, dict(_heat(made)))
    write(root, dict(_modes(made)))
    return root


def _core(number, identity):
    implementer, part = identity
    return (
        f"processor\t: {number}\nmodel name\t: ARMv8 Processor rev 1 (v8l)\n"
        f"CPU implementer\t: {implementer:#x}\nCPU part\t: 0x{part:03x}\nCPU revision\t: 1"
    )


def _clocks(made):
    folder = f"{CPUS}/cpufreq/policy0"
    yield f"{folder}/scaling_cur_freq", 921600
    yield f"{folder}/scaling_min_freq", 102000
    yield f"{folder}/scaling_max_freq", 1479000
    yield f"{folder}/cpuinfo_max_freq", 1479000
    yield f"{folder}/scaling_governor", "schedutil"
    yield f"{folder}/affected_cpus", " ".join(map(str, range(len(made.cores))))
    if made.gpu:
        folder = f"sys/class/devfreq/{made.gpu}"
        yield f"{folder}/cur_freq", 76800000
        yield f"{folder}/min_freq", 76800000
        yield f"{folder}/max_freq", 921600000
        yield (
            f"{folder}/available_frequencies",
            " ".join(str(76800000 * step) for step in range(1, 13)),
        )
        yield f"{folder}/governor", "nvhost_podgov"


def _rails(made):
    for number, (chip, rails) in enumerate(made.iio.items()):
        folder = f"sys/bus/i2c/drivers/ina3221x/{chip}/iio:device{number}"
        for channel, (name, watts) in enumerate(rails.items()):
            yield f"{folder}/rail_name_{channel}", name
            yield f"{folder}/in_power{channel}_input", round(watts * 1000)
            yield f"{folder}/in_voltage{channel}_input", 5000
            yield f"{folder}/in_current{channel}_input", round(watts * 200)
    for number, rails in enumerate(made.hwmon.values(), 3):
        folder = f"{HWMON}/hwmon{number}"
        yield f"{folder}/name", "ina3221"
        yield f"{folder}/in7_label", "sum of shunt voltages"
        for channel, (name, watts) in enumerate(rails.items(), 1):
            yield f"{folder}/in{channel}_label", name
            yield f"{folder}/in{channel}_input", 5000
            yield f"{folder}/curr{channel}_input", round(watts * 200)
    if "nvidia,tegra234" in made.compatible:
        folder = f"{HWMON}/hwmon9"
        yield f"{folder}/name", "soctherm_oc"
        for number in (1, 2, 3):
            yield f"{folder}/oc{number}_event_cnt", 0
            yield f"{folder}/oc{number}_throt_en", 1


def _heat(made):
    for number, (name, celsius) in enumerate(made.zones.items()):
        yield f"{THERMAL}/thermal_zone{number}/type", name
        yield (
            f"{THERMAL}/thermal_zone{number}/temp",
            "" if celsius is None else round(celsius * 1000),
        )
    for number, (name, level) in enumerate(made.cooling.items()):
        yield f"{THERMAL}/cooling_device{number}/type", name
        yield f"{THERMAL}/cooling_device{number}/cur_state", level
        yield f"{THERMAL}/cooling_device{number}/max_state", 4
    if made.firmware is not None:
        yield "sys/devices/platform/soc/soc:firmware/get_throttled", made.firmware


def _modes(made):
    if made.mode is not None:
        yield "var/lib/nvpmodel/status", f"pmode:{made.mode:04}"
        lines = [
            f"< POWER_MODEL ID={number} NAME={name} >\nCPU_ONLINE CORE_0 1"
            for number, name in made.modes.items()
        ]
        yield "etc/nvpmodel.conf", "\n".join(["# POWER_MODEL ID=9 NAME=X", *lines])
    if made.release:
        yield "etc/nv_tegra_release", made.release
