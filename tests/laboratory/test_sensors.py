"""Our sensors on drivers of a real kernel, in the emulated machine: what was read is what stands in the registers."""

from __future__ import annotations

import importlib.util

import pytest

from scripts.laboratory.machine import why_not
from scripts.laboratory.parts import run_part

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def seen():
    """What the guest tried, by name, and what came of it."""
    if why := why_not():
        pytest.skip(f"no emulated machine ({why}): scripts/lab setup makes one, as root on Debian x86_64")
    return run_part("sensors")


def test_the_barometer_of_the_kernel_says_what_its_data_sheet_computes(seen):
    assert seen["barometer"] == [[25080.0, 100.653253906]] * 3


def test_windows_are_cut_of_it(seen):
    assert seen["windows"] == [{"seq": number, "clock": "readout", "shape": [4, 1]} for number in range(3)]


def test_the_thermometer_of_the_kernel_is_read_in_degrees(seen):
    assert seen["thermometer"] == [21.5, 42.0, -5.5]


def test_a_chip_without_a_driver_is_read_as_declared_and_another_one_is_refused(seen):
    assert seen["declared"] == {
        "refused": f"UnavailableError: i2c:{seen['bus']}:0x49: expected the identity b3, got 00",
        "rows": [[-12.5]] * 3,
        "init": [0x60, 0xA0],
    }


def test_a_device_that_is_taken_away_is_unavailable(seen):
    assert seen["unplugged"].startswith(
        "UnavailableError: /sys/bus/iio/devices/iio:device0/in_temp_input: expected a value"
    )


def test_a_tone_is_heard_as_it_is_played(seen):
    if importlib.util.find_spec("sounddevice") is None:
        pytest.skip("sounddevice is not installed")
    heard = seen["microphone"]
    assert sorted(heard["hz"])[len(heard["hz"]) // 2] == 1000
    assert heard["peak"] == pytest.approx(0.5, abs=0.01)
    assert heard["numbers"] == sorted(set(heard["numbers"]))
    assert heard["stamps_ms"] == sorted(heard["stamps_ms"])
    assert heard["stamps_ms"][0] > 0
