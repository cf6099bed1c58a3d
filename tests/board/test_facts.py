"""What eight boards say of themselves, what damaged ones do, and how both are described."""

import json
from dataclasses import replace

import pytest

from made_boards import A72, BOARDS, CPUS, HWMON, JETPACK_4, JETPACK_5, THERMAL, make, write
from posemark.board import facts, models
from posemark.board.facts import describe, read, settings
from posemark.measure.environment import machine_facts

SAID = {
    # kind: processor, supply, power mode, hottest zone
    "jetson-nano": ("4x Cortex-A57", "POM_5V_IN", "MAXN", "AO-therm"),
    "jetson-nano-2gb": ("4x Cortex-A57", None, "5W", "AO-therm"),
    "jetson-tx2": ("4x Cortex-A57, 2x Denver 2", "VDD_IN", "MAXP_CORE_ARM", "MCPU-therm"),
    "jetson-xavier-nx": ("6x Carmel", "VDD_IN", "MODE_15W_6CORE", "CPU-therm"),
    "jetson-agx-xavier": ("8x Carmel", "sum of rails", "MAXN", "CPU-therm"),
    "jetson-orin-nano": ("6x Cortex-A78AE", "VDD_IN", "15W", "tj-thermal"),
    "jetson-orin-nx": ("8x Cortex-A78AE", "VDD_IN", "25W", "cpu-thermal"),
    "raspberry-pi-4": ("4x Cortex-A72", None, None, "cpu-thermal"),
}

TITLES = {"jetson-tx2": "NVIDIA Jetson TX2", "jetson-agx-xavier": "NVIDIA Jetson AGX Xavier"}
RELEASES = {JETPACK_4: "R32.7.1", JETPACK_5: "R35.4.1", None: None}


def test_all_boards_are_described_here():
    assert set(SAID) == set(BOARDS)


@pytest.mark.parametrize("kind", SAID)
def test_a_board_is_read(tmp_path, kind):
    processor, supply, mode, hottest = SAID[kind]
    made = BOARDS[kind]
    found = read(make(tmp_path, kind))
    assert found == json.loads(json.dumps(found)), "JSON keeps all of it"
    assert (found["kind"], found["board"]) == (kind, TITLES.get(kind, made.model))
    assert (found["processor"], found["contradiction"]) == (processor, None)
    assert found["soc"] == made.compatible[-1].split(",")[1]
    assert found["release"] == RELEASES[made.release]
    assert found["power_mode"] == (mode and {"id": made.mode, "name": mode})
    assert found["supply"] == supply
    wanted = {k: v for chip in (*made.iio.values(), *made.hwmon.values()) for k, v in chip.items()}
    assert found["watts"] == pytest.approx(wanted)
    assert max(found["celsius"], key=found["celsius"].get) == hottest
    assert "PMIC-Die" not in found["celsius"], "it always says 100"
    assert found["throttling"]["now"] == found["throttling"]["since_boot"] == []


@pytest.mark.parametrize("kind", SAID)
def test_clocks_are_read(tmp_path, kind):
    found = read(make(tmp_path, kind))
    cpu, *gpu = found["clocks"]
    assert cpu == {
        "name": "policy0",
        "mhz": 921.6,
        "min_mhz": 102.0,
        "max_mhz": 1479.0,
        "limit_mhz": 1479.0,
        "governor": "schedutil",
    }
    assert len(gpu) == (BOARDS[kind].gpu is not None)
    for clock in gpu:
        assert (clock["name"], clock["mhz"], clock["limit_mhz"]) == ("gpu", 76.8, 921.6)
    assert found["jetson_clocks"] == (False if gpu else None)


def test_clocks_without_room_are_fixed(tmp_path):
    make(tmp_path, "jetson-nano")
    write(tmp_path, {f"{CPUS}/cpufreq/policy0/scaling_min_freq": 1479000})
    assert read(tmp_path)["jetson_clocks"] is False, "the GPU's follow the load"
    write(tmp_path, {"sys/class/devfreq/57000000.gpu/min_freq": 921600000})
    assert read(tmp_path)["jetson_clocks"] is True
    assert "Clocks are fixed, as by jetson_clocks." in describe(read(tmp_path))
    (tmp_path / CPUS / "cpufreq/policy0/scaling_max_freq").unlink()
    assert read(tmp_path)["jetson_clocks"] is None


def test_before_a_mode_was_set_the_default_applies(tmp_path):
    make(tmp_path, "jetson-nano")
    (tmp_path / "var/lib/nvpmodel/status").unlink()
    assert read(tmp_path)["power_mode"] is None
    write(tmp_path, {"etc/nvpmodel.conf": "< POWER_MODEL ID=1 NAME=5W >\n< PM_CONFIG DEFAULT=1 >"})
    assert read(tmp_path)["power_mode"] == {"id": 1, "name": "5W"}
    write(tmp_path, {"etc/nvpmodel.conf": "< PM_CONFIG DEFAULT=8 >"})
    assert read(tmp_path)["power_mode"] == {"id": 8, "name": None}


def test_cores_share_no_folder_on_some_kernels(tmp_path):
    write(tmp_path, {f"{CPUS}/cpu0/cpufreq/scaling_cur_freq": 500000})
    write(tmp_path, {f"{CPUS}/cpu1/cpufreq/scaling_cur_freq": 700000})
    found = read(tmp_path)["clocks"]
    assert [(clock["name"], clock["mhz"]) for clock in found] == [("cpu0", 500), ("cpu1", 700)]


@pytest.mark.parametrize(
    ("model", "compatible", "cores", "strange"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0", ("raspberrypi,4-model-b", "brcm,bcm2711"), (A72,), True),
        ("Raspberry Pi 5 Model B Rev 1.0", ("brcm,bcm2712",), (A72,), True),
        ("Some carrier", ("brcm,bcm2712",), (A72,), True),
        ("Raspberry Pi 4 Model B", ("brcm,bcm2711",), ((0x41, 0xFFF),), False),
        ("Raspberry Pi 4 Model B", ("brcm,bcm2711",), (), False),
        ("Orange Pi 5", ("rockchip,rk3588s",), (A72,), False),
    ],
)
def test_a_name_that_the_cores_contradict_is_noticed(tmp_path, model, compatible, cores, strange):
    made = replace(BOARDS["raspberry-pi-4"], model=model, compatible=compatible, cores=cores)
    found = read(make(tmp_path, made))["contradiction"]
    assert (found is not None) == strange
    if strange:
        assert model in found
        assert "has Cortex-A72, and such a board has Cortex-A76" in found


def test_a_label_is_held_to_the_same_table():
    board = models.claimed("my Raspberry Pi 5 on the shelf")
    assert board is not None
    assert board.cores == ("Cortex-A76",)
    assert models.claimed("jetson nano 2GB").key == "jetson-nano-2gb"
    assert models.claimed("desk") is None


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("Raspberry Pi 5", "The name of this machine says Raspberry Pi 5, but the processor has "),
        ("raspberry pi 4 (kitchen)", None),
        ("kitchen", None),
        (None, None),
    ],
)
def test_the_name_that_a_user_gives_is_held_to_the_cores(tmp_path, label, says):
    found = models.contradiction(make(tmp_path, "raspberry-pi-4"), label)
    assert (found or "").startswith(says or "")
    assert (found is None) == (says is None)


def test_settings_are_what_runs_must_share(tmp_path):
    assert settings(tmp_path) == {}
    assert settings(make(tmp_path / "pi", "raspberry-pi-4")) == {}
    assert list(settings(tmp_path / "pi", "Raspberry Pi 3")) == ["contradiction"]
    nano = make(tmp_path / "nano", "jetson-nano")
    assert settings(nano) == {"power_mode": "MAXN"}
    write(nano, {f"{CPUS}/cpufreq/policy0/scaling_min_freq": 1479000})
    write(nano, {"sys/class/devfreq/57000000.gpu/min_freq": 921600000})
    write(nano, {"var/lib/nvpmodel/status": "pmode:0007"})
    assert settings(nano) == {"power_mode": "mode 7, clocks fixed"}


def test_a_record_has_the_settings_of_a_board(tmp_path):
    make(tmp_path, "raspberry-pi-4")
    found = machine_facts("Raspberry Pi 5", tmp_path)
    assert (found["board"], found["cpu"]) == ("Raspberry Pi 4 Model B Rev 1.4", "4x Cortex-A72")
    assert "such a board has Cortex-A76" in found["contradiction"]
    assert "power_mode" not in found
    assert machine_facts(root=make(tmp_path / "nano", "jetson-nano"))["power_mode"] == "MAXN"


def test_a_core_without_a_name_is_shown_by_its_number(tmp_path):
    make(tmp_path, replace(BOARDS["raspberry-pi-4"], cores=((0x41, 0xABC),)))
    assert read(tmp_path)["processor"] == "1x core 0x41/0xabc"


def test_a_machine_without_any_of_it_says_so(tmp_path):
    found = read(tmp_path)
    assert found["board"] is found["kind"] is found["soc"] is found["processor"] is None
    assert found["clocks"] == []
    assert describe(found) == [
        "Board: unknown.",
        "Power: this board has no sensor that can be read.",
        "Temperature: unknown.",
        "Throttling: none reported.",
    ]


@pytest.mark.parametrize("kind", SAID)
def test_files_that_are_empty_or_garbage_count_as_missing(tmp_path, kind):
    make(tmp_path, kind)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    for content in (b"", b"\xff\xfe\n", b"-" * 200_000, b"9" * 5000):
        for file in files:
            file.write_bytes(content)
        found = read(tmp_path)
        assert found["watts"] == {}
        assert found["celsius"] == {}
        assert all(len(line) <= facts.COLUMNS for line in describe(found))


def test_a_sensor_that_fails_is_left_out(tmp_path, monkeypatch):
    make(tmp_path, "jetson-orin-nano")
    read_text = type(tmp_path).read_text

    def failing(self, *args, **kwargs):
        if self.name in ("curr2_input", "cur_freq") or self.parent.name == "thermal_zone0":
            raise OSError(5, "Input/output error", str(self))
        return read_text(self, *args, **kwargs)

    monkeypatch.setattr(type(tmp_path), "read_text", failing)
    found = read(tmp_path)
    assert set(found["watts"]) == {"VDD_IN", "VDD_SOC"}
    assert set(found["celsius"]) == {"tj-thermal"}
    assert found["clocks"][1]["mhz"] is None
    assert "Clock of gpu: ? MHz now, 77 to 922 allowed" in " ".join(describe(found))


def test_hostile_text_of_a_device_tree_stays_text(tmp_path):
    hostile = "\x1b[2J\x1b]0;owned\x07 Raspberry\nPi " + "\u202e" + "A" * 500
    make(tmp_path, replace(BOARDS["raspberry-pi-4"], model=hostile, compatible=(hostile,)))
    found = read(tmp_path)
    lines = describe(found)
    assert all(character.isprintable() for line in lines for character in line)
    assert all(len(line) <= facts.COLUMNS for line in lines)
    assert "\\u001b[2J" in found["board"]
    assert found["kind"] is None


def test_the_description_says_what_matters(tmp_path):
    made = replace(BOARDS["raspberry-pi-4"], firmware="50005", model="Raspberry Pi 5 Model B")
    assert describe(read(make(tmp_path, made))) == [
        "Board: Raspberry Pi 5 Model B (bcm2711, 4x Cortex-A72).",
        "Warning: The device tree says Raspberry Pi 5 Model B, but the processor has",
        "  Cortex-A72, and such a board has Cortex-A76: it is another board than that.",
        "Clock of policy0: 922 MHz now, 102 to 1479 allowed, 1479 at most; governor",
        "  schedutil.",
        "Power: this board has no sensor that can be read.",
        "Temperature: 52.1 degrees C at cpu-thermal, the hottest zone.",
        "Throttled now: throttled, under voltage.",
        "Since the board started: throttled, under voltage.",
    ]


def test_the_description_of_a_jetson(tmp_path):
    make(tmp_path, "jetson-orin-nano")
    write(tmp_path, {f"{HWMON}/hwmon9/oc3_event_cnt": 12})
    write(tmp_path, {f"{THERMAL}/cooling_device0/cur_state": 2})
    assert describe(read(tmp_path)) == [
        "Board: NVIDIA Jetson Orin Nano Developer Kit (tegra234, 6x Cortex-A78AE,",
        "  R35.4.1).",
        "Power mode: 15W (nvpmodel 0).",
        "Clocks follow the load: jetson_clocks has not been run.",
        "Clock of policy0: 922 MHz now, 102 to 1479 allowed, 1479 at most; governor",
        "  schedutil.",
        "Clock of gpu: 77 MHz now, 77 to 922 allowed, 922 at most; governor",
        "  nvhost_podgov.",
        "Power: VDD_IN 5.00 W, VDD_CPU_GPU_CV 1.00 W, VDD_SOC 1.50 W (VDD_IN is the whole",
        "  board; rails overlap).",
        "Temperature: 49.5 degrees C at tj-thermal, the hottest zone.",
        "Throttled now: cpufreq-cpu0.",
        "Over-current events since the board started: oc3 (instantaneous over-current)",
        "  12.",
    ]
