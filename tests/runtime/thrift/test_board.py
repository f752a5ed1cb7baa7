"""The board's state from trees of /sys as boards have them."""

from __future__ import annotations

import pytest

from edge_sdk.runtime.thrift.board import BoardState, read_board
from tests.sysfs import lay

PI_FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
HWMON = "sys/class/hwmon"


def test_a_machine_that_tells_nothing_has_a_state_that_says_nothing(tmp_path):
    assert read_board(tmp_path) == BoardState()


def test_a_raspberry_pi_tells_what_holds_it_back_and_what_has(tmp_path):
    lay(tmp_path, {PI_FIRMWARE: "50004", "sys/class/thermal/thermal_zone0/type": "cpu-thermal"})
    lay(tmp_path, {"sys/class/thermal/thermal_zone0/temp": "81234"})
    state = read_board(tmp_path)
    assert (state.temperature_c, state.hottest) == (81.234, "cpu-thermal")
    assert (state.held_back, state.has_been) == ({"throttled"}, {"throttled", "under-voltage"})


@pytest.mark.parametrize(
    ("bits", "held_back"),
    [
        ("1", {"under-voltage"}),
        ("2", {"clock capped"}),
        ("0x8", {"soft temperature limit"}),
        ("f0000", set()),
        ("garbage", set()),
        ("", set()),
    ],
)
def test_each_bit_of_the_firmware_has_a_name(tmp_path, bits, held_back):
    lay(tmp_path, {"sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": bits})
    assert read_board(tmp_path).held_back == held_back


def test_a_jetson_tells_its_hottest_part_and_its_guards(tmp_path):
    zones = {"CPU-therm": "51000", "GPU-therm": "62500", "PMIC-Die": "100000", "cv0-thermal": None}
    for number, (name, temp) in enumerate(zones.items()):
        zone = tmp_path / f"sys/class/thermal/thermal_zone{number}"
        lay(zone, {"type": name})
        if temp is None:
            (zone / "temp").mkdir()  # as a part that is switched off: it is there, and cannot be read
        else:
            lay(zone, {"temp": temp})
    guards = {"name": "soctherm_oc", "oc1_event_cnt": "0", "oc1_throt_en": "1", "oc2_event_cnt": "7"}
    lay(tmp_path / HWMON / "hwmon2", {**guards, "oc2_throt_en": "1", "oc3_event_cnt": "99", "oc3_throt_en": "0"})
    state = read_board(tmp_path)
    assert (state.temperature_c, state.hottest) == (62.5, "GPU-therm")
    assert state.events == {"under-voltage": 0, "average over-current": 7}


def test_a_desktop_tells_by_its_chips(tmp_path):
    lay(tmp_path / HWMON / "hwmon0", {"name": "nvme", "temp1_input": "90000"})
    lay(tmp_path / HWMON / "hwmon1", {"name": "coretemp", "temp1_input": "55000", "temp2_input": "61000"})
    lay(tmp_path / "sys/class/thermal/thermal_zone0", {"type": "acpitz", "temp": "99000"})
    state = read_board(tmp_path)
    assert (state.temperature_c, state.hottest) == (61.0, "coretemp")


def test_a_clock_that_is_capped_is_a_share_of_the_highest(tmp_path):
    cpufreq = tmp_path / "sys/devices/system/cpu/cpufreq"
    lay(cpufreq / "policy0", {"scaling_max_freq": "1500000", "cpuinfo_max_freq": "1500000"})
    lay(cpufreq / "policy4", {"scaling_max_freq": "1200000", "cpuinfo_max_freq": "2400000"})
    assert read_board(tmp_path).clock_share == 0.5


def test_an_x86_machine_counts_when_it_was_too_hot(tmp_path):
    for number, count in enumerate((3, 4)):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{number}/thermal_throttle"
        lay(folder, {"core_throttle_count": count, "package_throttle_count": 5, "core_power_limit_count": 99})
    state = read_board(tmp_path)
    assert (state.events, state.told_by) == ({"too hot": 17}, ("thermal counters",))


@pytest.mark.parametrize(
    ("kind", "state", "held_back"),
    [
        ("thermal-cpufreq-0", "2", {"slowed to cool"}),
        ("cpufreq-cpu4", "1", {"slowed to cool"}),
        ("devfreq-17000000.gpu", "3", {"slowed to cool"}),
        ("Processor", "1", {"slowed to cool"}),
        ("cpufreq-cpu4", "0", set()),
        ("intel_powerclamp", "-1", set()),
        ("pwm-fan", "4", set()),
        ("cpufreq-cpu4", "garbage", set()),
    ],
)
def test_what_is_slowed_to_cool_is_held_back_and_a_fan_is_not(tmp_path, kind, state, held_back):
    lay(tmp_path / "sys/class/thermal/cooling_device0", {"type": kind, "cur_state": state})
    assert read_board(tmp_path).held_back == held_back


def test_a_board_says_what_would_tell(tmp_path):
    lay(tmp_path, {PI_FIRMWARE: "0"})
    lay(tmp_path / HWMON / "hwmon2", {"name": "soctherm_oc", "oc1_event_cnt": "0", "oc1_throt_en": "1"})
    lay(tmp_path / "sys/class/thermal/cooling_device0", {"type": "cpufreq-cpu0", "cur_state": "0"})
    assert read_board(tmp_path).told_by == ("firmware", "supply guards", "cooling devices")


BEFORE = BoardState(has_been=frozenset({"under-voltage"}), events={"average over-current": 7})


@pytest.mark.parametrize(
    ("now", "limits"),
    [
        (BEFORE, set()),
        (BoardState(held_back=frozenset({"throttled"})), {"throttled"}),
        (BoardState(has_been=frozenset({"under-voltage", "throttled"})), {"throttled"}),
        (BoardState(events={"average over-current": 8}), {"average over-current"}),
        (BoardState(events={"under-voltage": 1}), {"under-voltage"}),
    ],
)
def test_what_stands_from_before_holds_nobody_back_now(now, limits):
    assert now.limits_since(BEFORE) == limits
