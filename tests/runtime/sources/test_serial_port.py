from __future__ import annotations

import os
import struct
import tty
from contextlib import closing

import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.sources.packets import _CHECKSUMS
from edge_sdk.runtime.sources.record import Address
from edge_sdk.runtime.sources.serial_port import open_serial

PACKET = """
[packet]
header = [0xaa, 0x55]
endian = "little"
checksum = "crc16-modbus"
counter = "count"
fields = [
    { name = "count", type = "u8" },
    { name = "x_g", type = "s16", scale = 0.001 },
    { name = "temperature_c", type = "f32", offset = 0.5 },
]
"""


@pytest.fixture
def line():
    """Both ends of a line: the one to write to, and the path of the other."""
    pytest.importorskip("serial", reason="pyserial is not installed")
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    for end in (ours, theirs):
        os.close(end)


def serial(path, columns, **options):
    address = Address(f"serial:{path}", path, {"timeout_s": "0.3", **options})
    return open_serial(address, columns)


def packet(count, x, temperature):
    body = struct.pack("<Bhf", count, x, temperature)
    return b"\xaa\x55" + body + _CHECKSUMS["crc16-modbus"][1](body).to_bytes(2, "little")


def read_all(sensor):
    """Return what each read gives until the line is silent: rows and lost ones, or what is told."""
    told = []
    while True:
        try:
            rows = sensor.read()
            told += [(row, rows.lost if i == 0 else 0) for i, row in enumerate(rows.values.tolist())]
        except InputError as exc:
            told.append(str(exc).partition(": ")[2])
        except UnavailableError:
            return told


def test_lines_of_numbers_are_rows_and_broken_ones_are_told(line):
    ours, path = line
    with closing(serial(path, ("x", "y"))) as sensor:
        os.write(ours, b"0.5,7\r\n1,2\r\nERR\r\n5,nan\n3,4.5\r\n6,7")
        told = read_all(sensor)
    assert told == [
        ([0.5, 7.0], 0),
        ([1.0, 2.0], 0),
        "expected numbers in x, y, got could not convert string to float: 'ERR'",
        "expected numbers in x, y, got 5,nan",
        ([3.0, 4.5], 2),
    ]


def test_a_line_that_began_before_we_listened_is_passed_over(line, tmp_path):
    ours, path = line
    (tmp_path / "p.toml").write_text('[lines]\ncolumns = ["", "y", "x"]\nseparator = ";"\n')
    with closing(serial(path, ("x", "y"), parser=str(tmp_path / "p.toml"))) as sensor:
        os.write(ours, b"8\nt1;2;3\n")
        assert read_all(sensor) == [([3.0, 2.0], 0)]


def test_a_line_without_an_end_is_told_and_does_not_grow(line):
    ours, path = line
    with closing(serial(path, ("x",))) as sensor:
        os.write(ours, b"1\n" + b"7" * 4000)
        told = [sensor.read().values.tolist()]
        with pytest.raises(InputError, match="expected numbers in x, got more than 4096 bytes without an end"):
            os.write(ours, b"7" * 200)
            sensor.read()
        os.write(ours, b"2\n")
        assert [*told, sensor.read().values.tolist()] == [[[1.0]], [[2.0]]]


def test_packets_are_found_between_noise_and_checked(line, tmp_path):
    ours, path = line
    (tmp_path / "p.toml").write_text(PACKET)
    broken = bytearray(packet(3, 1, 1.0))
    broken[4] ^= 1
    with closing(serial(path, ("temperature_c", "x_g"), parser=str(tmp_path / "p.toml"))) as sensor:
        os.write(ours, b"\x00\xaa" + packet(254, -1000, 20.0) + b"\xaa\x55\xaa" + packet(255, 500, 21.0))
        os.write(ours, bytes(broken) + packet(1, 0, 22.0))
        told = read_all(sensor)
    rows = [entry for entry in told if not isinstance(entry, str)]
    assert rows == [([20.5, -1.0], 0), ([21.5, 0.5], 0), ([22.5, 0.0], 1)]
    assert [entry for entry in told if isinstance(entry, str)] == ["expected a crc16-modbus that fits, got another"] * 2


@pytest.mark.parametrize(
    ("name", "value"), [("sum8", 0xDD), ("xor8", 0x31), ("crc16-modbus", 0x4B37), ("crc16-ccitt", 0x29B1), ("none", 0)]
)
def test_checksums_have_their_published_values(name, value):
    assert _CHECKSUMS[name][1](b"123456789") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.toml: lines, packet: expected one of them"),
        ('[lines]\ncolumns = ["y"]', "PATH: expected a value x, got y"),
        ("[lines]\ncolumns = []", "p.toml: lines.columns, separator: expected at least one column, and a separator"),
        (
            "[packet]\nheader = []\nfields = []",
            "p.toml: packet.header, fields: expected at least one byte, and one field",
        ),
        (
            '[packet]\nheader = [1]\ncounter = "x"\nfields = [{ name = "x", type = "f32" }]',
            "p.toml: packet.counter: expected one of no field, got x",
        ),
    ],
)
def test_mistakes_of_a_parser_are_told(tmp_path, text, message):
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        serial("/dev/none", ("x",), parser=str(tmp_path / "p.toml"))
    told = str(caught.value).replace(f"{tmp_path}/", "").replace("serial:/dev/none", "PATH")
    assert told == message


def test_a_port_that_is_not_there_is_unavailable():
    pytest.importorskip("serial", reason="pyserial is not installed")
    with pytest.raises(UnavailableError, match=r"^serial:/dev/none: expected a serial port, got "):
        serial("/dev/none", ("x",))
