"""What a board does during a block: energy, heat, clock, and what slowed it down."""

import sys

import pytest

from made_boards import BOARDS, CPUS, HWMON, THERMAL, make, write
from posemark.board import throttling
from posemark.board.clocks import mean_mhz
from posemark.board.throttling import asked_firmware, firmware_bits
from posemark.bundle.runner.proc_sensors import ProcSensors
from posemark.measure import energy
from posemark.measure.watch import BlockWatch, Watch

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
POWER = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input"


class Clock:
    """Nanoseconds that only a test moves."""

    def __init__(self):
        self.ns = 0

    def __call__(self):
        return self.ns

    def move(self, seconds):
        self.ns += round(seconds * 1e9)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["bundle", "run"])
def watch_of(request, clock, monkeypatch):
    """Make the watch of a bundle's runner, and that of `posemark run`: they count alike."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(energy, "now_ns", clock)
    if request.param == "bundle":
        return lambda root: BlockWatch(root, ProcSensors(root), energy.counters(root), clock)
    return lambda root: Watch(root, now=clock)


def throttles(watch, *steps):
    """Run a block with a sample after each step; return the events that it counts."""
    watch.start()
    for step in steps:
        step()
        watch.sample()
    return watch.stop().throttles


def setting(root, path, value):
    return lambda: write(root, {path: value})


def test_energy_is_the_area_under_the_samples(tmp_path, clock, watch_of):
    make(tmp_path, "jetson-nano")
    watch = watch_of(tmp_path)
    watch.start()
    clock.move(2)
    write(tmp_path, {POWER: 5500})
    watch.sample()
    clock.move(1)
    found = watch.stop()
    assert found.energy_j == {"POM_5V_IN": pytest.approx((3.5 + 5.5) / 2 * 2 + 5.5)}
    assert (found.celsius, found.throttles) == (41.5, 0), "not the 100 degrees of PMIC-Die"
    watch.start()
    assert watch.stop().energy_j == {"POM_5V_IN": pytest.approx(0)}


def test_a_sensor_that_fails_is_left_out_until_it_works(tmp_path, clock, watch_of):
    make(tmp_path, "jetson-nano")
    watch = watch_of(tmp_path)
    write(tmp_path, {POWER: ""})
    watch.start()
    watch.sample()
    assert watch.stop().energy_j == {}
    write(tmp_path, {POWER: 2000})
    watch.start()
    clock.move(1)
    assert watch.stop().energy_j == {"POM_5V_IN": pytest.approx(2)}


def test_a_machine_without_limits_reports_no_throttling(tmp_path, watch_of):
    assert throttles(watch_of(tmp_path)) is None


def test_temperatures_of_boards_without_zones_are_those_of_other_sensors(tmp_path, watch_of):
    make(tmp_path, "jetson-nano")
    for zone in (tmp_path / THERMAL).glob("thermal_zone*/temp"):
        zone.unlink()
    watch = watch_of(tmp_path)
    assert watch.stop().celsius is None
    write(tmp_path, {f"{HWMON}/hwmon2/temp1_input": 47500, f"{HWMON}/hwmon2/temp2_input": 255000})
    assert watch.stop().celsius == 47.5


@pytest.mark.parametrize("kind", BOARDS)
def test_a_board_at_rest_is_not_throttled(tmp_path, watch_of, kind):
    make(tmp_path, kind)
    idle = setting(tmp_path, f"{CPUS}/cpufreq/policy0/scaling_cur_freq", 102000)
    assert throttles(watch_of(tmp_path), idle) == 0, "a governor's low clock is no throttling"


def test_over_current_events_are_counted(tmp_path, watch_of):
    make(tmp_path, "jetson-orin-nano")
    write(tmp_path, {f"{HWMON}/hwmon9/oc1_event_cnt": 7, f"{HWMON}/hwmon9/oc2_throt_en": 0})
    watch = watch_of(tmp_path)
    third = setting(tmp_path, f"{HWMON}/hwmon9/oc3_event_cnt", 4)
    second = setting(tmp_path, f"{HWMON}/hwmon9/oc2_event_cnt", 50)
    assert throttles(watch, third, second) == 4, "events that do not throttle are no throttling"
    assert throttles(watch) == 0


def test_a_lost_counter_is_none(tmp_path, watch_of):
    make(tmp_path, "jetson-orin-nano")
    watch = watch_of(tmp_path)
    assert throttles(watch, (tmp_path / HWMON / "hwmon9/oc3_event_cnt").unlink) is None


def test_cooling_counts_when_it_begins_and_once_in_each_block_while_it_stays(tmp_path, watch_of):
    make(tmp_path, "jetson-tx2")
    watch = watch_of(tmp_path)
    hot = setting(tmp_path, f"{THERMAL}/cooling_device0/cur_state", 1)
    cool = setting(tmp_path, f"{THERMAL}/cooling_device0/cur_state", 0)
    assert throttles(watch, hot, cool, hot, hot) == 2
    assert throttles(watch, lambda: None, lambda: None) == 1
    assert throttles(watch, cool, lambda: None) == 1, "it was still hot when the block began"
    assert throttles(watch) == 0


def test_a_fan_is_no_throttling(tmp_path, watch_of):
    make(tmp_path, "jetson-tx2")
    assert (
        throttles(watch_of(tmp_path), setting(tmp_path, f"{THERMAL}/cooling_device1/cur_state", 9))
        == 0
    )


@pytest.mark.parametrize(
    "path",
    [f"{CPUS}/cpufreq/policy0/scaling_max_freq", "sys/class/devfreq/57000000.gpu/max_freq"],
)
def test_a_highest_clock_that_falls_is_throttling(tmp_path, watch_of, path):
    make(tmp_path, "jetson-nano")
    assert throttles(watch_of(tmp_path), setting(tmp_path, path, 614400)) == 1


@pytest.mark.parametrize(
    ("before", "during", "events"),
    [
        ("0", ["0"], 0),
        ("50000", ["50000"], 0),  # before the run, not in it
        ("0", ["50005"], 2),  # under voltage, throttled
        ("0", ["50000"], 2),  # between two looks
        ("50000", ["50004", "50000", "50004"], 2),
        ("0", ["e0008", "garbage", "e0008"], 3),  # what cannot be read changes nothing
    ],
)
def test_the_firmware_of_a_raspberry_pi_reports_each_limit(
    tmp_path, watch_of, before, during, events
):
    make(tmp_path, "raspberry-pi-4")
    write(tmp_path, {FIRMWARE: before})
    watch = watch_of(tmp_path)
    assert throttles(watch, *(setting(tmp_path, FIRMWARE, value) for value in during)) == events


def test_the_sensor_of_a_raspberry_pi_reports_under_voltage(tmp_path, watch_of):
    make(tmp_path, "raspberry-pi-4")
    (tmp_path / FIRMWARE).unlink()
    write(tmp_path, {f"{HWMON}/hwmon1/name": "rpi_volt", f"{HWMON}/hwmon1/in0_lcrit_alarm": 0})
    alarm = setting(tmp_path, f"{HWMON}/hwmon1/in0_lcrit_alarm", 1)
    assert throttles(watch_of(tmp_path), alarm) == 1


@pytest.mark.parametrize(
    ("text", "bits"),
    [("50000", 0x50000), ("throttled=0x50005", 0x50005), ("0", 0), ("", None), ("error", None)],
)
def test_both_texts_of_the_firmware_are_read(text, bits):
    assert firmware_bits(text) == bits


def test_without_the_file_the_firmware_is_asked_by_its_program(tmp_path):
    make(tmp_path, "raspberry-pi-4")
    (tmp_path / FIRMWARE).unlink()
    assert asked_firmware(tmp_path) is None
    program = tmp_path / "usr/bin/vcgencmd"
    write(
        tmp_path, {"usr/bin/vcgencmd": '#!/bin/sh\n[ "$1" = get_throttled ] && echo throttled=0x4'}
    )
    assert asked_firmware(tmp_path) is None, "a program that cannot run"
    program.chmod(0o755)
    assert asked_firmware(tmp_path) == 4
    assert throttling.state(tmp_path)["now"] == ["throttled"]
    program.write_text("#!/bin/sh\nexit 1\n")
    assert asked_firmware(tmp_path) is None


def test_no_program_is_run_on_other_machines(tmp_path):
    write(tmp_path, {"usr/bin/vcgencmd": "#!/bin/sh\necho throttled=0x4"})
    (tmp_path / "usr/bin/vcgencmd").chmod(0o755)
    assert asked_firmware(tmp_path) is None


def test_the_mean_clock_counts_each_core(tmp_path):
    make(tmp_path, "jetson-tx2")  # six cores, of which two are moved to another group
    write(tmp_path, {f"{CPUS}/cpufreq/policy0/affected_cpus": "0 3 4 5"})
    write(tmp_path, {f"{CPUS}/cpufreq/policy1/affected_cpus": "1 2"})
    write(tmp_path, {f"{CPUS}/cpufreq/policy0/scaling_cur_freq": 1000000})
    write(tmp_path, {f"{CPUS}/cpufreq/policy1/scaling_cur_freq": 2500000})
    assert mean_mhz(tmp_path) == ProcSensors(tmp_path).mhz() == pytest.approx(1500)
    assert mean_mhz(tmp_path / "none") is None
