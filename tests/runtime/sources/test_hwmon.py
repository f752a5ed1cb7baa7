from __future__ import annotations

import threading
import time
from contextlib import closing

import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.sources.hwmon import open_hwmon, open_thermal
from edge_sdk.runtime.sources.polled import Polled
from edge_sdk.runtime.sources.record import Address
from tests.sysfs import lay


def hwmon(root, place, columns, opener=open_hwmon, **options):
    return opener(Address(f"hwmon:{place}", place, {k: str(v) for k, v in options.items()}), columns, sysfs=root)


def test_chips_are_read_in_the_units_of_people(tmp_path):
    lay(tmp_path / "class/hwmon/hwmon0", {"name": "other", "temp1_input": "1"})
    lay(
        tmp_path / "class/hwmon/hwmon1",
        {
            "name": "ina3221",
            "temp1_input": "-5500",
            "in1_input": "5012",
            "curr1_input": "750",
            "power1_input": "3759000",
        }
        | {"in1_label": "VDD_IN", "fan1_input": "2400"},
    )
    columns = ("temp1", "VDD_IN", "curr1", "power1", "fan1")
    with closing(hwmon(tmp_path, "ina3221", columns, rate_hz=100)) as sensor:
        assert sensor.read().values.tolist() == [[-5.5, 5.012, 0.75, 3.759, 2400.0]]


def test_a_thermal_zone_is_read_in_degrees(tmp_path):
    lay(tmp_path / "class/thermal/thermal_zone0", {"type": "cpu-thermal", "temp": "48312"})
    with closing(hwmon(tmp_path, "cpu-thermal", ("soc",), open_thermal)) as sensor:
        assert sensor.read().values.tolist() == [[48.312]]


def test_one_of_two_chips_of_a_name_is_told_by_its_folder(tmp_path):
    for number in (0, 1):
        lay(tmp_path / f"class/hwmon/hwmon{number}", {"name": "lm75", "temp1_input": number * 1000})
    with pytest.raises(InputError, match=r"^hwmon:lm75: expected one device lm75, got hwmon0, hwmon1$"):
        hwmon(tmp_path, "lm75", ("temp1",))
    with closing(hwmon(tmp_path, "hwmon1", ("temp1",))) as sensor:
        assert sensor.read().values.tolist() == [[1.0]]


def test_a_channel_that_is_not_there_is_told(tmp_path):
    lay(tmp_path / "class/hwmon/hwmon0", {"name": "lm75", "temp1_input": "0"})
    with pytest.raises(InputError, match=r"^hwmon:lm75: expected a channel temp2, got temp1; did you mean 'temp1'\?$"):
        hwmon(tmp_path, "lm75", ("temp2",))
    with pytest.raises(UnavailableError, match=r"^hwmon:lm76: expected a device lm76, got lm75 \(hwmon0\)"):
        hwmon(tmp_path, "lm76", ("temp1",))


def test_moments_that_were_missed_are_lost_rows():
    sensor = Polled("x", lambda: [1.0], rate_hz=50)
    rows = [sensor.read()]
    time.sleep(0.11)
    rows += [sensor.read() for _ in range(3)]
    assert rows[0].lost == 0
    assert rows[1].lost >= 4
    periods = [(row.stamps_ns[0] - rows[0].stamps_ns[0]) / 20_000_000 for row in rows]
    assert periods == pytest.approx(np.cumsum([0, *(row.lost + 1 for row in rows[1:])]), abs=1)


def test_a_slow_sensor_that_is_closed_does_not_hold_its_reader():
    sensor = Polled("x", lambda: [1.0], rate_hz=0.01)
    sensor.read()
    threading.Timer(0.05, sensor.close).start()
    assert sensor.read() is None
