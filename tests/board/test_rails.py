"""Which rails boards have, and which of them is the whole board."""

import sys
from dataclasses import replace

import pytest

from made_boards import BOARDS, HWMON, make, write
from posemark.board.power import idle_watts, power_meter
from posemark.board.rails import rails, supply
from posemark.measure.energy import counters

WHOLE = {
    # kind: the supply and its watts; the rails beside it are parts of it, or other boards
    "jetson-nano": ("POM_5V_IN", 3.5),
    "jetson-nano-2gb": None,
    "jetson-tx2": ("VDD_IN", 4.2),
    "jetson-xavier-nx": ("VDD_IN", 4.6),
    "jetson-agx-xavier": ("sum of rails", 9.0),
    "jetson-orin-nano": ("VDD_IN", 5.0),
    "jetson-orin-nx": ("VDD_IN", 6.0),
    "raspberry-pi-4": None,
}


@pytest.fixture(autouse=True)
def no_nvml(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)


@pytest.mark.parametrize("kind", BOARDS)
def test_the_whole_board_is_one_rail_and_its_parts_are_not_added(tmp_path, kind):
    make(tmp_path, kind)
    found = supply(rails(tmp_path))
    if WHOLE[kind] is None:
        assert found is None
        return
    name, watts = WHOLE[kind]
    assert found.name == name
    assert found.watts() == pytest.approx(watts)


@pytest.mark.parametrize("kind", BOARDS)
def test_a_run_of_posemark_and_a_bundle_measure_the_same(tmp_path, kind):
    make(tmp_path, kind)
    mine, own = power_meter(lambda: 0, tmp_path), counters(tmp_path)
    assert [counter.name for counter in own] == ([mine.name] if mine else [])


def made(**rails):
    return replace(BOARDS["jetson-xavier-nx"], iio={"7-0040": rails})


def test_the_input_of_a_xavier_nx_has_two_names(tmp_path):
    make(tmp_path, made(VDD_CPU_GPU=1.0, VDD_SOC=1.0, **{"5V_IN": 4.0}))
    assert supply(rails(tmp_path)).name == "5V_IN"


def test_an_agx_orin_has_inputs_beside_each_other_and_one_behind(tmp_path):
    first = {"VDD_GPU_SOC": 3.0, "VDD_CPU_CV": 2.0, "VIN_SYS_5V0": 4.0}
    second = {"NC": 0.0, "VDDQ_VDD2_1V8AO": 1.0}
    orin = replace(BOARDS["jetson-orin-nx"], hwmon={"1-0040": first, "1-0041": second})
    make(tmp_path, orin)
    assert [rail.name for rail in rails(tmp_path)] == [*first, "VDDQ_VDD2_1V8AO"]
    assert supply(rails(tmp_path)).watts() == pytest.approx(9.0)


def test_rails_of_an_unknown_board_are_shown_but_never_added(tmp_path):
    make(tmp_path, made(VDD_BIG=3.0, VDD_SMALL=1.0))
    assert [rail.name for rail in rails(tmp_path)] == ["VDD_BIG", "VDD_SMALL"]
    assert supply(rails(tmp_path)) is None
    assert counters(tmp_path) == []


def test_a_known_rail_beside_an_unknown_one_proves_nothing(tmp_path):
    make(tmp_path, made(GPU=3.0, CPU=1.0, VDD_BIG=9.0))
    assert supply(rails(tmp_path)) is None


def test_a_sensor_without_its_class_is_found_by_its_driver(tmp_path):
    folder = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3"
    write(
        tmp_path,
        {f"{folder}/in1_label": "VDD_IN", f"{folder}/in1_input": 5000, f"{folder}/curr1_input": 80},
    )
    (rail,) = rails(tmp_path)
    assert (rail.name, rail.watts()) == ("VDD_IN", pytest.approx(0.4))


def test_a_rail_without_its_power_has_voltage_and_current(tmp_path):
    make(tmp_path, "jetson-nano")
    folder = tmp_path / "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"
    write(folder, {"in_power0_input": "", "in_voltage0_input": 4800, "in_current0_input": 500})
    assert supply(rails(tmp_path)).watts() == pytest.approx(2.4)
    (folder / "in_current0_input").unlink()
    assert [rail.name for rail in rails(tmp_path)] == ["POM_5V_GPU", "POM_5V_CPU"]
    assert supply(rails(tmp_path)) is None, "parts are not the whole"


@pytest.mark.parametrize("broken", ["in1_input", "curr1_input", "in1_label"])
def test_a_rail_without_one_of_its_files_is_no_rail(tmp_path, broken):
    make(tmp_path, "jetson-orin-nano")
    (tmp_path / HWMON / "hwmon3" / broken).unlink()
    assert [rail.name for rail in rails(tmp_path)] == ["VDD_CPU_GPU_CV", "VDD_SOC"]


def test_idle_power_is_the_mean_of_what_was_seen(tmp_path):
    make(tmp_path, "jetson-nano")
    file = tmp_path / "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input"
    values = iter(["1000", "2000", "", "-5000", "3000"])
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        file.write_text(next(values))

    assert idle_watts(tmp_path, 0.5, sleep) == pytest.approx((1 + 2 + 0 + 3) / 4)
    assert sum(waited) == pytest.approx(0.5)


def test_without_a_sensor_nothing_is_waited_for(tmp_path):
    assert idle_watts(make(tmp_path, "raspberry-pi-4"), 10, pytest.fail) is None


def test_a_sensor_that_fails_all_the_time_gives_no_idle_power(tmp_path):
    make(tmp_path, "jetson-nano")
    file = tmp_path / "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input"
    assert idle_watts(tmp_path, 0.2, lambda _: file.write_text("")) is None
