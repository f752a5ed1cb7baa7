from __future__ import annotations

import os
from contextlib import closing

import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime.sources.iio import open_iio
from edge_sdk.runtime.sources.iio_scan import parse_element, scan_of
from edge_sdk.runtime.sources.record import Address
from edge_sdk.runtime.sources.sensor import SensorWindows
from tests.sysfs import accelerometer, lay, scan


def iio(root, place="accel3d", columns=("accel_x", "accel_y"), **options):
    uri = f"iio:{place}"
    address = Address(uri, place, {name: str(value) for name, value in options.items()})
    return open_iio(address, columns, sysfs=root / "sys", dev=root / "dev")


@pytest.mark.parametrize(
    ("text", "stored", "number"),
    [
        ("le:s12/16>>4", b"\xf0\x7f", 2047),
        ("le:s12/16>>4", b"\x00\x80", -2048),
        ("be:s12/16>>4", b"\x80\x0f", -2048),
        ("le:u12/16>>4", b"\xff\xff", 4095),
        ("be:u24/32>>8", b"\x01\x02\x03\xff", 0x010203),
        ("be:s24/32>>8", b"\xff\xff\xfe\x00", -2),
        ("le:s8/8>>0", b"\xff", -1),
        ("le:s64/64>>0", (-5).to_bytes(8, "little", signed=True), -5),
    ],
)
def test_packed_values_are_decoded_as_the_kernel_describes_them(text, stored, number):
    element = parse_element(f"{text}\n", 0, linear=(0.5, 1.0), where="type")
    array = np.frombuffer(stored, element.dtype)
    assert element.numbers(array).tolist() == [number]
    assert element.decode(array).tolist() == [(number + 1) * 0.5]


@pytest.mark.parametrize("text", ["le:s12/16X3>>4", "s12/16>>4", "le:s12/12>>0", ""])
def test_a_description_that_is_not_understood_is_told(text):
    with pytest.raises(InputError, match=r"^in_x_type: expected a type such as le:s12/16>>4, got '"):
        parse_element(text, 0, where="in_x_type")


def test_elements_lie_at_multiples_of_their_sizes_in_the_order_of_their_indices():
    kinds = {2: "le:s64/64>>0", 0: "le:u8/8>>0", 1: "le:s16/16>>0"}
    scan = scan_of([parse_element(text, index, where="") for index, text in kinds.items()])
    assert [scan.fields[f"e{i}"][1] for i in range(3)] == [8, 0, 2]
    assert scan.itemsize == 16


def test_a_buffer_is_set_up_read_and_stopped(tmp_path):
    folder, end = accelerometer(tmp_path)
    with closing(iio(tmp_path, buffer=1, rate_hz=100, trigger="trig0")) as sensor:
        assert (folder / "current_timestamp_clock").read_text() == "monotonic"
        assert (folder / "trigger/current_trigger").read_text() == "trig0"
        on = {p.name: p.read_text() for p in (folder / "scan_elements").glob("*_en")}
        assert on == {"in_accel_x_en": "1", "in_accel_y_en": "1", "in_accel_z_en": "0", "in_timestamp_en": "1"}
        assert (folder / "buffer/enable").read_text() == "1"
        os.write(end, scan(-3, 10, 5_000) + scan(100, 20, 15_000)[:7])
        first = sensor.read()
        os.write(end, scan(100, 20, 15_000)[7:])
        second = sensor.read()
    assert (first.values.tolist(), first.stamps_ns.tolist()) == ([[-1.5, 7.0]], [5_000])
    assert (second.values.tolist(), second.stamps_ns.tolist()) == ([[50.0, 12.0]], [15_000])
    assert (folder / "buffer/enable").read_text() == "0"
    os.close(end)


def test_scans_that_an_overrun_lost_are_lost_windows(tmp_path):
    _, end = accelerometer(tmp_path)
    numbers = [i for i in range(300) if not 250 <= i < 256]
    os.write(end, b"".join(scan(i, 0, i * 10_000_000) for i in numbers[:210]))
    steps = WindowSteps(("accel_x", "accel_y"), samples=4, hop=4)
    with closing(SensorWindows(iio(tmp_path, buffer=1), steps)) as source:
        samples = [source.read() for _ in range(52)]
        os.write(end, b"".join(scan(i, 0, i * 10_000_000) for i in numbers[210:]))
        samples += [source.read() for _ in range(21)]
    assert [sample.seq for sample in samples] == [*range(62), *range(64, 75)]
    assert {sample.clock for sample in samples} == {"driver"}
    assert all(np.ptp(sample.data[:, 0]) == 1.5 for sample in samples)
    os.close(end)


def test_a_device_on_another_clock_is_refused(tmp_path):
    folder, end = accelerometer(tmp_path)
    (folder / "current_timestamp_clock").unlink()
    (folder / "current_timestamp_clock").symlink_to("/dev/null")  # takes everything, and changes nothing
    with pytest.raises(UnavailableError, match=r"current_timestamp_clock: expected the clock monotonic, got $"):
        iio(tmp_path, buffer=1)
    os.close(end)


def test_a_device_that_ends_is_unavailable(tmp_path):
    _, end = accelerometer(tmp_path)
    with closing(iio(tmp_path, buffer=1)) as sensor:
        os.close(end)
        with pytest.raises(UnavailableError, match=r"^iio:accel3d: expected rows, got the end$"):
            sensor.read()


def test_channels_are_asked_for_in_the_kernel_s_units(tmp_path):
    lay(
        tmp_path / "sys/bus/iio/devices/iio:device1",
        {
            "name": "bmp280",
            "in_temp_input": "25080",
            "in_pressure_raw": "200",
            "in_pressure_offset": "2",
            "in_pressure_scale": "0.5",
        },
    )
    with closing(iio(tmp_path, "bmp280", ("p", "t"), channels="pressure,temp", rate_hz=200)) as sensor:
        rows = [sensor.read() for _ in range(3)]
    assert [row.values.tolist() for row in rows] == [[[101.0, 25080.0]]] * 3
    assert all(row.lost == 0 for row in rows)
    assert rows[2].stamps_ns[0] - rows[0].stamps_ns[0] > 5_000_000


@pytest.mark.parametrize(
    ("place", "columns", "options", "family", "message"),
    [
        ("bmp288", ("temp",), {}, UnavailableError, "iio:bmp288: expected a device bmp288, got bmp280 (iio:device1); "),
        ("bmp280", ("tmp",), {}, InputError, "iio:bmp280: expected a channel tmp, got temp; did you mean 'temp'?"),
        ("bmp280", ("temp",), {"rate_hz": -1}, InputError, "rate_hz: expected 1/3600 to 10000, got -1.0"),
        ("bmp280", ("a", "b"), {"channels": "temp"}, InputError, "iio:bmp280: expected channels for a, b, got temp"),
        ("bmp280", ("temp",), {"rate": 1}, InputError, "iio:bmp280: rate: unknown key; did you mean 'rate_hz'?"),
    ],
)
def test_what_is_not_there_is_told(tmp_path, place, columns, options, family, message):
    lay(tmp_path / "sys/bus/iio/devices/iio:device1", {"name": "bmp280", "in_temp_input": "25080"})
    with pytest.raises(family) as caught:
        iio(tmp_path, place, columns, **options)
    assert str(caught.value).startswith(message)


def test_a_device_that_goes_is_unavailable(tmp_path):
    folder = lay(tmp_path / "sys/bus/iio/devices/iio:device1", {"name": "bmp280", "in_temp_input": "25080"})
    with closing(iio(tmp_path, "bmp280", ("temp",), rate_hz=100)) as sensor:
        assert sensor.read().values.tolist() == [[25080.0]]
        (folder / "in_temp_input").unlink()
        with pytest.raises(UnavailableError, match=r"in_temp_input: expected a value, got No such file or directory$"):
            sensor.read()
