"""Energy counters on made-up machines: RAPL, NVML, INA3221, and machines without any."""

import sys
from types import SimpleNamespace

import pytest

from posemark.measure.energy import EnergyCounter, PowerMeter, counters

SECOND = 1_000_000_000
RAPL = "sys/class/powercap"
IIO = "sys/bus/i2c/drivers/ina3221x"
HWMON = "sys/class/hwmon"


@pytest.fixture(autouse=True)
def no_nvml(monkeypatch):
    """Hide the GPU of the machine that runs the tests."""
    monkeypatch.setitem(sys.modules, "pynvml", None)


def write(root, files):
    for path, value in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")


def zone(name, microjoules=0, span=1_000_000):
    return {"name": name, "energy_uj": microjoules, "max_energy_range_uj": span}


def write_zones(root, **zones):
    """Write RAPL zones, named by number: p0_1 is intel-rapl:0:1."""
    for number, files in zones.items():
        folder = f"{RAPL}/intel-rapl:{number.removeprefix('p').replace('_', ':')}"
        write(root, {f"{folder}/{file}": value for file, value in files.items()})


def names(found):
    return [counter.name for counter in found]


class Hands:
    """A clock that moves only when a test moves it."""

    def __init__(self):
        self.ns = 10**15

    def __call__(self):
        return self.ns

    def move(self, seconds):
        self.ns += int(seconds * SECOND)


def test_a_machine_without_counters_has_none(tmp_path):
    assert counters(tmp_path) == []


def test_joules_count_from_the_making_of_the_counter(tmp_path):
    write_zones(tmp_path, p0=zone("package-0", 700_000))
    (package,) = counters(tmp_path)
    assert package.joules() == 0
    write_zones(tmp_path, p0=zone("package-0", 950_000))
    package.sample()
    assert package.joules() == pytest.approx(0.25)
    assert package.joules() == pytest.approx(0.25)


def test_a_counter_that_returns_to_zero_goes_on_counting_each_time(tmp_path):
    write_zones(tmp_path, p0=zone("package-0", 900_000))
    (package,) = counters(tmp_path)
    for reading, total in ((100_000, 0.2), (600_000, 0.7), (50_000, 1.15)):
        write_zones(tmp_path, p0=zone("package-0", reading))
        assert package.joules() == pytest.approx(total)


def test_a_sensor_that_was_reset_never_takes_energy_back():
    reading = iter([5000, 6000, 10, 510])
    gpu = EnergyCounter("gpu-0", lambda: next(reading), 1e-3)
    assert [gpu.joules() for _ in range(3)] == pytest.approx([1.0, 1.0, 1.5])


def test_packages_and_their_memory_count_and_nothing_counts_twice(tmp_path):
    write_zones(
        tmp_path,
        p0=zone("package-0"),
        p0_0=zone("core"),
        p0_1=zone("uncore"),
        p0_2=zone("dram"),
        p1=zone("package-1"),
        p1_0=zone("dram"),
        p2=zone("psys"),
    )
    write(tmp_path, {f"{RAPL}/intel-rapl-mmio:0/{k}": v for k, v in zone("package-0").items()})
    assert names(counters(tmp_path)) == [
        "package-0",
        "package-0 dram",
        "package-1",
        "package-1 dram",
    ]


@pytest.mark.parametrize("broken", ["energy_uj", "max_energy_range_uj", "name"])
def test_a_zone_that_cannot_be_read_is_absent_and_the_others_stay(tmp_path, broken):
    write_zones(tmp_path, p0=zone("package-0"), p1=zone("package-1"))
    file = tmp_path / RAPL / "intel-rapl:0" / broken
    file.unlink()
    file.mkdir()
    assert names(counters(tmp_path)) == ["package-1"]


def test_counters_of_root_are_absent_for_other_users(tmp_path, monkeypatch):
    write_zones(tmp_path, p0=zone("package-0"))
    read_text = type(tmp_path).read_text

    def refused(self, *args, **kwargs):
        if self.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(self))
        return read_text(self, *args, **kwargs)

    monkeypatch.setattr(type(tmp_path), "read_text", refused)
    assert counters(tmp_path) == []


class Nvml(SimpleNamespace):
    """A stand-in for pynvml. energies: millijoules by GPU, or the error it raises."""

    class NVMLError(Exception):
        pass

    def __init__(self, *energies, init=None):
        super().__init__(energies=list(energies), init=init)

    def nvmlInit(self):  # noqa: N802
        if self.init:
            raise self.init

    def nvmlDeviceGetCount(self):  # noqa: N802
        return len(self.energies)

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return f"handle {index}"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):  # noqa: N802
        found = self.energies[int(handle.split()[1])]
        if isinstance(found, Exception):
            raise found
        return found


def test_every_gpu_that_counts_energy_is_a_counter(tmp_path, monkeypatch):
    nvml = Nvml(1_000_000, Nvml.NVMLError("Not Supported"), 5000)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    found = counters(tmp_path)
    assert names(found) == ["gpu-0", "gpu-2"]
    nvml.energies[0] += 12_500
    assert [counter.joules() for counter in found] == pytest.approx([12.5, 0])


def test_a_gpu_that_fails_later_fails_as_a_file_would(tmp_path, monkeypatch):
    nvml = Nvml(0)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    (gpu,) = counters(tmp_path)
    nvml.energies[0] = Nvml.NVMLError("GPU is lost")
    with pytest.raises(OSError, match="GPU is lost"):
        gpu.joules()


def test_without_the_driver_there_is_no_gpu(tmp_path, monkeypatch):
    nvml = Nvml(0, init=Nvml.NVMLError("NVML Shared Library Not Found"))
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert counters(tmp_path) == []


def test_power_is_integrated_as_lines_between_the_looks():
    hands, watts = Hands(), iter([10.0, 20.0, 20.0, 0.0])
    meter = PowerMeter("VDD_IN", lambda: next(watts), hands)
    hands.move(2)
    assert meter.joules() == pytest.approx(30)
    hands.move(0.5)
    meter.sample()
    hands.move(0.5)
    assert meter.joules() == pytest.approx(30 + 10 + 5)


def test_noise_below_zero_takes_no_energy_back():
    hands, watts = Hands(), iter([-4.0, -4.0, 2.0])
    meter = PowerMeter("idle rail", lambda: next(watts), hands)
    hands.move(1)
    assert meter.joules() == 0
    hands.move(1)
    assert meter.joules() == pytest.approx(1)


def rails_iio(folder, **rails):
    for channel, (name, milliwatts) in enumerate(rails.items()):
        yield f"{IIO}/{folder}/rail_name_{channel}", name
        yield f"{IIO}/{folder}/in_power{channel}_input", milliwatts


def rails_hwmon(folder, **rails):
    yield f"{HWMON}/{folder}/name", "ina3221"
    for channel, (name, (millivolts, milliamperes)) in enumerate(rails.items(), 1):
        yield f"{HWMON}/{folder}/in{channel}_label", name
        yield f"{HWMON}/{folder}/in{channel}_input", millivolts
        yield f"{HWMON}/{folder}/curr{channel}_input", milliamperes


def watts_of(counter):
    return counter._watts()


def test_jetpack_4_the_whole_board_is_preferred_to_its_parts(tmp_path):
    nano = {"POM_5V_IN": 3500, "POM_5V_GPU": 900, "POM_5V_CPU": 1100}
    write(tmp_path, dict(rails_iio("6-0040/iio:device0", **nano)))
    (board,) = counters(tmp_path)
    assert board.name == "POM_5V_IN"
    assert watts_of(board) == pytest.approx(3.5)


def test_rails_of_several_chips_are_summed_where_none_carries_the_board(tmp_path):
    write(tmp_path, dict(rails_iio("1-0040/iio:device0", GPU=2000, CPU=1500)))
    write(tmp_path, dict(rails_iio("1-0041/iio:device1", SOC=250)))
    (board,) = counters(tmp_path)
    assert board.name == "sum of rails"
    assert watts_of(board) == pytest.approx(3.75)


def test_jetpack_5_power_is_voltage_times_current(tmp_path):
    orin = {"VDD_IN": (5000, 1200), "VDD_CPU_GPU_CV": (5000, 400), "VDD_SOC": (5000, 300)}
    write(tmp_path, dict(rails_hwmon("hwmon3", **orin)))
    # The chip's sum of shunt voltages, and a chip of another kind, are not rails.
    write(tmp_path, {f"{HWMON}/hwmon3/in7_label": "sum of shunt voltages"})
    write(tmp_path, {f"{HWMON}/hwmon0/name": "coretemp", f"{HWMON}/hwmon0/in1_label": "VDD_IN"})
    write(tmp_path, {f"{HWMON}/hwmon1/power": 1})
    (board,) = counters(tmp_path)
    assert board.name == "VDD_IN"
    assert watts_of(board) == pytest.approx(6)


def test_a_rail_that_is_switched_off_is_left_out(tmp_path):
    rails = {"GPU": (5000, 400), "CPU": (5000, 300)}
    write(tmp_path, dict(rails_hwmon("hwmon0", **rails)))
    (tmp_path / HWMON / "hwmon0/curr1_input").write_text("")
    (board,) = counters(tmp_path)
    assert watts_of(board) == pytest.approx(1.5)
