"""What the files of a made board say."""

from __future__ import annotations

import pytest

from edge_sdk.doctor.board import check_board, recognize
from edge_sdk.doctor.heat import check_heat
from edge_sdk.doctor.memory import check_memory
from edge_sdk.doctor.processors import check_processors
from edge_sdk.doctor.record import Subject, User
from edge_sdk.profiles import load_profile
from tests.sysfs import lay

PI = load_profile("raspberry-pi-4b")
ZONE = "sys/class/thermal/thermal_zone0"
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
POLICY = "sys/devices/system/cpu/cpufreq/policy0"
MEMORY = {"proc/self/cgroup": "0::/", "proc/meminfo": "MemTotal: 4000000 kB\nMemAvailable: 3000000 kB"}


@pytest.fixture
def found(tmp_path):
    """Lay a board out and let a check look at it; return its findings by name."""

    def checked(check, files):
        subject = Subject(User("pi", 1000, frozenset()), PI, root=lay(tmp_path, files))
        return {one.name: one for one in check(subject)}

    return checked


def test_a_board_that_is_known_is_named_by_its_mark(tmp_path, found):
    tree = {"proc/cpuinfo": "Features : asimd", "proc/device-tree/compatible": "raspberrypi,4-model-b\0"}
    finding = found(check_board, tree)["board"]
    assert (finding.state, recognize(tmp_path)) == ("ok", PI)
    assert "Raspberry Pi 4" in finding.evidence


def test_a_32_bit_system_is_a_finding_with_its_cure(tmp_path, found):
    finding = found(check_board, {"proc/cpuinfo": "Features : half thumb"})["board"]
    assert (finding.state, recognize(tmp_path)) == ("failed", None)
    assert finding.cure == "onnxruntime has no wheel for it: install the 64-bit system of the board"


def test_what_holds_a_board_back_now_fails_and_what_has_is_told(found):
    findings = found(check_heat, {FIRMWARE: "50001"})
    assert {name: one.state for name, one in findings.items() if one.state != "not here"} == {
        "under-voltage": "failed",
        "throttled": "warning",
    }
    assert findings["under-voltage"].evidence == "holds the board back now"
    assert "power supply" in findings["under-voltage"].cure
    assert "heat sink" in findings["throttled"].cure


def test_a_quiet_board_says_by_what_that_is_known(found):
    assert found(check_heat, {FIRMWARE: "0"})["throttling"].evidence == (
        "not held back since its start, by its firmware"
    )
    assert found(check_heat, {f"{ZONE}/type": "cpu-thermal"})["temperature"].state == "not here"


@pytest.mark.parametrize(("temp", "state"), [("52000", "ok"), ("76000", "warning"), ("71000", "warning")])
def test_a_temperature_is_held_against_the_trip_points(found, temp, state):
    trips = {f"{ZONE}/trip_point_0_type": "passive", f"{ZONE}/trip_point_0_temp": "75000"}
    finding = found(check_heat, {f"{ZONE}/type": "cpu-thermal", f"{ZONE}/temp": temp, **trips})["temperature"]
    assert finding.state == state
    assert finding.evidence.endswith("in cpu-thermal, runs do less from 80 °C on; trip points: passive 75 °C")


@pytest.mark.parametrize(
    ("governor", "driver", "state"),
    [
        ("ondemand", "cpufreq-dt", "ok"),
        ("powersave", "cpufreq-dt", "warning"),
        ("powersave", "intel_pstate", "ok"),
    ],
)
def test_a_governor_that_saves_power_is_told_where_it_does(found, governor, driver, state):
    files = {f"{POLICY}/scaling_governor": governor, f"{POLICY}/scaling_driver": driver}
    assert found(check_processors, files)["governor"].state == state


def test_a_power_mode_a_quota_and_others_are_told(found):
    findings = found(
        check_processors,
        {
            f"{POLICY}/scaling_max_freq": "900000",
            f"{POLICY}/cpuinfo_max_freq": "1800000",
            "proc/self/cgroup": "0::/box",
            "sys/fs/cgroup/box/cpu.max": "100000 100000",
            "proc/loadavg": "999.0 1 1 1/1 1",
        },
    )
    assert findings["clock limit"].evidence == "50% of the highest is allowed"
    assert findings["load"].state == "warning"
    assert findings["processors"].evidence.startswith("1 of ")


def test_memory_is_that_of_the_control_group(found):
    assert found(check_memory, MEMORY)["memory"].state == "ok"
    box = {
        "proc/self/cgroup": "0::/box",
        "sys/fs/cgroup/box/memory.max": 200 << 20,
        "sys/fs/cgroup/box/memory.current": 150 << 20,
        "sys/fs/cgroup/box/memory.stat": "inactive_file 0",
    }
    finding = found(check_memory, {**MEMORY, **box})["memory"]
    assert finding.state == "failed"
    assert finding.evidence.startswith("50 MiB of 3906 MiB free for this process, by the limit of its control group")


def test_killed_processes_and_little_cma_are_told(found):
    files = {**MEMORY, "proc/vmstat": "pgfault 7\noom_kill 3"}
    files["proc/meminfo"] += "\nCmaTotal: 65536 kB\nCmaFree: 2048 kB\nHugePages_Total: 0"
    findings = found(check_memory, files)
    assert findings["out of memory"].evidence == "the kernel has killed 3 processes for memory since the start"
    assert findings["CMA memory"].evidence.startswith("2 MiB of 64 MiB left")


def test_swap_on_the_card_of_a_small_board_is_told(found):
    header = "Filename\tType\tSize\tUsed\tPriority\n"
    small = {**MEMORY, "proc/meminfo": "MemTotal: 1000000 kB\nMemAvailable: 900000 kB"}
    on_card = found(check_memory, {**small, "proc/swaps": f"{header}/var/swap file 102400 1024 -2"})["swap"]
    assert (on_card.state, on_card.cure) == ("warning", "sudo apt install zram-tools")
    assert on_card.evidence.startswith("/var/swap 100 MiB, 1 used")
    zram = found(check_memory, {**small, "proc/swaps": f"{header}/dev/zram0 partition 102400 0 100"})["swap"]
    assert zram.state == "ok"
