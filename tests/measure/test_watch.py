"""The readings of a block, on made-up machines and on this one."""

import hashlib
import resource
import sys
from collections import namedtuple
from types import SimpleNamespace

import psutil
import pytest

from posemark.measure import watch as module
from posemark.measure.clock import now_ns
from posemark.measure.watch import Readings, Watch
from posemark.records.schema import BlockLine

CPU = "sys/devices/system/cpu"
CGROUP = "sys/fs/cgroup"

LinuxTimes = namedtuple("LinuxTimes", "user nice system idle iowait irq softirq steal guest")
MacTimes = namedtuple("MacTimes", "user nice system idle")


@pytest.fixture(autouse=True)
def no_nvml(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)


def write(root, files):
    for path, value in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")


def series(monkeypatch, owner, name, *values):
    """Make a function return one value after the other, and then always the last."""
    left = list(values)

    def give(*_, **__):
        value = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(value, Exception):
            raise value
        return value

    monkeypatch.setattr(owner, name, give, raising=False)


def usage(user=0.0, system=0.0, majflt=0, nivcsw=0, maxrss=0):
    return SimpleNamespace(
        ru_utime=user, ru_stime=system, ru_majflt=majflt, ru_nivcsw=nivcsw, ru_maxrss=maxrss
    )


def block(watch, during=lambda: None):
    watch.start()
    during()
    return watch.stop()


def test_readings_are_what_a_block_line_holds():
    theirs = set(BlockLine.__struct_fields__) - {"frames", "began_ns", "sentinel_ns"}
    assert set(Readings.__dataclass_fields__) == theirs


def test_without_readings_every_value_is_none_and_never_zero(tmp_path, monkeypatch):
    series(monkeypatch, psutil, "cpu_times", OSError())
    series(monkeypatch, psutil, "cpu_freq", NotImplementedError())
    monkeypatch.delattr(psutil, "sensors_temperatures", raising=False)
    found = block(Watch(tmp_path))
    for name in ("other_cpu_ns", "stolen_ns", "held_ns", "mhz", "celsius", "throttles"):
        assert getattr(found, name) is None, name
    assert found.energy_j == {}


def test_cpu_time_is_that_of_this_process_and_that_of_all_others(tmp_path, monkeypatch):
    before = LinuxTimes(100, 10, 50, 1000, 5, 1, 2, 7, 60)
    after = LinuxTimes(101, 10.5, 50.25, 1009, 9, 1.125, 2.125, 7.5, 61)
    series(monkeypatch, psutil, "cpu_times", before)
    series(monkeypatch, resource, "getrusage", usage(3, 1))
    watch = Watch(tmp_path)
    series(monkeypatch, psutil, "cpu_times", before, after)
    series(monkeypatch, resource, "getrusage", usage(3, 1), usage(3.75, 1.25))
    found = block(watch)
    assert found.own_cpu_ns == 1_000_000_000
    assert found.other_cpu_ns == 2_000_000_000 - found.own_cpu_ns
    assert found.stolen_ns == 500_000_000


def test_others_never_took_less_than_nothing(tmp_path, monkeypatch):
    series(monkeypatch, psutil, "cpu_times", MacTimes(100, 0, 50, 1000))
    series(monkeypatch, resource, "getrusage", usage(1))
    watch = Watch(tmp_path)
    series(monkeypatch, resource, "getrusage", usage(1), usage(1.01))
    found = block(watch)
    assert found.own_cpu_ns == pytest.approx(10_000_000, abs=1)
    assert found.other_cpu_ns == 0
    assert found.stolen_ns is None, "this system counts no stolen time"


def test_a_sandbox_in_which_no_core_ever_ran_has_no_readings(tmp_path, monkeypatch):
    series(monkeypatch, psutil, "cpu_times", LinuxTimes(*[0.0] * 9))
    found = block(Watch(tmp_path))
    assert found.other_cpu_ns is found.stolen_ns is None


@pytest.mark.parametrize(("system", "unit"), [("Linux", 1024), ("Darwin", 1)])
def test_faults_preemptions_and_the_peak_memory_of_this_process(
    tmp_path, monkeypatch, system, unit
):
    series(monkeypatch, module.platform, "system", system)
    series(monkeypatch, resource, "getrusage", usage(majflt=7, nivcsw=100, maxrss=5000))
    watch = Watch(tmp_path)
    after = usage(majflt=9, nivcsw=130, maxrss=6000)
    series(monkeypatch, resource, "getrusage", usage(majflt=7, nivcsw=100), after)
    found = block(watch)
    assert (found.major_faults, found.preempted) == (2, 30)
    assert found.peak_rss == 6000 * unit


def test_the_wall_time_is_the_block_alone(tmp_path):
    ticks = iter([0, 1000, 1700])
    assert block(Watch(tmp_path, now=lambda: next(ticks))).wall_ns == 700


def test_the_hottest_sensor_and_the_mean_clock(tmp_path, monkeypatch):
    def sensor(celsius):
        return SimpleNamespace(current=celsius)

    hot = {"coretemp": [sensor(61.0), sensor(78.5)], "nvme": [sensor(40.0)]}
    bogus = {"acpitz": [sensor(-128.0), sensor(255.0), sensor(0.0)]}
    series(monkeypatch, psutil, "sensors_temperatures", hot | bogus, bogus, {})
    series(monkeypatch, psutil, "cpu_freq", SimpleNamespace(current=3400.5), None)
    watch = Watch(tmp_path)
    first, second, third = block(watch), block(watch), block(watch)
    assert (first.celsius, second.celsius, third.celsius) == (78.5, None, None)
    assert (first.mhz, second.mhz) == (3400.5, None)


def test_version_2_quotas_of_the_own_group_and_of_all_around_it_hold(tmp_path):
    def stats(inner, outer):
        own = "user.slice/job/cpu.stat"
        write(tmp_path, {f"{CGROUP}/{own}": f"usage_usec 5\nthrottled_usec {inner}"})
        write(tmp_path, {f"{CGROUP}/user.slice/cpu.stat": f"throttled_usec {outer}"})

    write(tmp_path, {"proc/self/cgroup": "0::/user.slice/job"})
    write(tmp_path, {f"{CGROUP}/cpu.stat": "usage_usec 99"})
    stats(100, 5000)
    watch = Watch(tmp_path)
    assert block(watch, lambda: stats(130, 5004)).held_ns == 34_000
    assert block(watch).held_ns == 0, "a quota that did not hold is known"


def test_in_a_container_the_own_group_is_the_root_of_what_it_sees(tmp_path):
    host_path = "12:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/docker/abc"
    write(tmp_path, {"proc/self/cgroup": host_path})
    own = f"{CGROUP}/cpu,cpuacct/cpu.stat"
    write(tmp_path, {own: "nr_throttled 3\nthrottled_time 700"})
    watch = Watch(tmp_path)
    assert block(watch, lambda: write(tmp_path, {own: "throttled_time 950"})).held_ns == 250


@pytest.mark.parametrize("group", ["0::/", "3:memory:/x", "nonsense"])
def test_a_group_without_a_quota_has_no_reading(tmp_path, group):
    write(tmp_path, {"proc/self/cgroup": group, f"{CGROUP}/cpu.stat": "usage_usec 99"})
    assert block(Watch(tmp_path)).held_ns is None


def write_cpu(root, number, package, core, core_count, package_count):
    folder = f"{CPU}/cpu{number}"
    write(
        root,
        {
            f"{folder}/topology/physical_package_id": package,
            f"{folder}/topology/core_id": core,
            f"{folder}/thermal_throttle/core_throttle_count": core_count,
            f"{folder}/thermal_throttle/package_throttle_count": package_count,
        },
    )


def test_thermal_events_count_once_a_core_and_once_a_package(tmp_path):
    def two_packages(first_core, first_package, second_package):
        for number in (0, 1):  # two logical CPUs of one core
            write_cpu(tmp_path, number, 0, 0, first_core, first_package)
        write_cpu(tmp_path, 2, 0, 1, 50, first_package)
        write_cpu(tmp_path, 3, 1, 0, 60, second_package)

    write(tmp_path, {f"{CPU}/cpufreq/boost": 1})
    two_packages(5, 10, 20)
    watch = Watch(tmp_path)
    assert block(watch, lambda: two_packages(7, 13, 24)).throttles == 2 + 3 + 4
    assert block(watch).throttles == 0


def test_a_sensor_that_fails_during_the_run_is_none_from_then_on(tmp_path):
    write_cpu(tmp_path, 0, 0, 0, 1, 1)
    watch = Watch(tmp_path)
    gone = tmp_path / CPU / "cpu0/thermal_throttle/core_throttle_count"
    assert block(watch, gone.unlink).throttles is None


class Meter:
    def __init__(self, name, *joules):
        self.name, self.left, self.samples = name, list(joules), 0

    def joules(self):
        found = self.left.pop(0)
        if found is None:
            raise OSError("gone")
        return found

    def sample(self):
        self.samples += 1
        if self.name == "broken":
            raise OSError("gone")


def test_energy_is_that_of_the_block_by_counter(tmp_path):
    fine = Meter("package-0", 0, 3.0, 7.5, 8.0, 8.25, 9.0, 9.5)
    broken = Meter("broken", 0, 3.0, None, None, 4.0, 5.0, 10.0)
    watch = Watch(tmp_path, [fine, broken])
    assert block(watch, watch.sample).energy_j == {"package-0": 4.5}, "it failed at the end"
    assert block(watch).energy_j == {"package-0": 0.25}, "it failed at the start"
    assert block(watch).energy_j == {"package-0": 0.5, "broken": 5.0}
    assert (fine.samples, broken.samples) == (1, 1), "one that fails does not stop the run"


def test_the_energy_counters_of_the_machine_are_found(tmp_path):
    folder = "sys/class/powercap/intel-rapl:0"
    zone = {"name": "package-0", "energy_uj": 0, "max_energy_range_uj": 10**9}
    write(tmp_path, {f"{folder}/{name}": value for name, value in zone.items()})
    watch = Watch(tmp_path)
    work = {f"{folder}/energy_uj": 2_000_000}
    assert block(watch, lambda: write(tmp_path, work)).energy_j == {"package-0": 2.0}


def test_on_this_machine_the_own_work_is_seen():
    def work():
        ends = now_ns() + 50_000_000
        while now_ns() < ends:
            hashlib.sha256(bytes(4096)).digest()

    found = block(Watch(), work)
    assert found.wall_ns >= 50_000_000
    assert found.own_cpu_ns > 0
    assert found.peak_rss > 2**20
