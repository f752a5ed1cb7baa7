from __future__ import annotations

from contextlib import closing

import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.sources.i2c import open_i2c
from edge_sdk.runtime.sources.record import Address
from tests.fakes import I2cBus

CHIP = """
identity = { register = 0xd0, bytes = [0x58] }

[[init]]
register = 0xf4
bytes = [0x27]

[[values]]
name = "temperature_c"
register = 0x00
size_bytes = 2
signed = true
shift = 5
scale = 0.125

[[values]]
name = "light"
register = 0x10
size_bytes = 2
endian = "little"
offset = -1.0
"""


@pytest.fixture
def bus():
    return I2cBus({0x48: {0xD0: 0x58, 0x00: 0xFB, 0x01: 0x20, 0x10: 0x02, 0x11: 0x01}})


@pytest.fixture
def parser(tmp_path):
    (tmp_path / "chip.toml").write_text(CHIP)
    return tmp_path / "chip.toml"


def i2c(parser, bus, place="1:0x48", columns=("light", "temperature_c")):
    address = Address(f"i2c:{place}", place, {"parser": str(parser), "rate_hz": "100"})
    return open_i2c(address, columns, opener=bus.opened)


def test_a_chip_is_set_up_and_read_as_declared(parser, bus):
    with closing(i2c(parser, bus)) as chip:
        assert bus.chips[0x48][0xF4] == 0x27
        assert chip.read().values.tolist() == [[0x0102 - 1.0, -4.875]]
    assert bus.is_closed


def test_another_chip_at_the_address_is_refused_and_nothing_is_written_to_it(parser, bus):
    bus.chips[0x48][0xD0] = 0x60
    with pytest.raises(UnavailableError, match=r"^i2c:1:0x48: expected the identity 58, got 60$"):
        i2c(parser, bus)
    assert 0xF4 not in bus.chips[0x48]
    assert bus.is_closed


def test_a_chip_that_is_silent_is_unavailable(parser, bus):
    with closing(i2c(parser, bus)) as chip:
        del bus.chips[0x48]
        with pytest.raises(UnavailableError, match=r"^i2c:1:0x48: expected an answer of register 0x10, got "):
            chip.read()
    with pytest.raises(UnavailableError, match=r"^i2c:1:72: expected an answer of register 0xd0, got "):
        i2c(parser, bus, "1:72")


def test_a_bus_that_is_not_there_is_unavailable(parser, bus):
    with pytest.raises(
        UnavailableError, match=r"^i2c:7:0x48: expected a bus /dev/i2c-7, got No such file or directory$"
    ):
        i2c(parser, bus, "7:0x48")


@pytest.mark.parametrize(
    ("place", "columns", "text", "message"),
    [
        ("0x48", ("light",), CHIP, "i2c:0x48: expected i2c:BUS:ADDRESS such as i2c:1:0x48, got '0x48'"),
        (
            *("1:0x48", ("lights",), CHIP),
            "chip.toml: expected a value lights, got temperature_c, light; did you mean 'light'?",
        ),
        ("1:0x48", ("light",), "values = 3", "chip.toml: values: expected a list, got 3"),
        (
            *("1:0x48", ("light",), '[[values]]\nname = "light"\nregister = 256'),
            "chip.toml: values[0].register, size_bytes, shift: expected 0 to 255, 1 to 8 and fewer bits than there "
            "are, got 256, 1 and 0",
        ),
        (
            *("1:0x48", ("light",), "values = []\ninit = [{ register = 0, bytes = [] }]"),
            "chip.toml: init[0].bytes: expected 1 to 32 values from 0 to 255, got []",
        ),
    ],
)
def test_mistakes_are_told(parser, bus, place, columns, text, message):
    parser.write_text(text)
    with pytest.raises(InputError) as caught:
        i2c(parser, bus, place, columns)
    assert str(caught.value).replace(f"{parser.parent}/", "") == message


def test_a_parser_is_needed(bus):
    with pytest.raises(InputError, match=r"^i2c:1:0x48: expected parser=FILE.toml, got none$"):
        open_i2c(Address("i2c:1:0x48", "1:0x48"), ("x",), opener=bus.opened)
