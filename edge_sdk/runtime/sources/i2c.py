"""A chip on an I²C bus, as a file declares it: `i2c:1:0x48?parser=lm75.toml&rate_hz=10`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.extras import require
from edge_sdk.runtime.rows import Rows, Slack
from edge_sdk.runtime.sources.parsers import Chip, RegisterValue, pick, read_parser
from edge_sdk.runtime.sources.polled import Polled, check_rate
from edge_sdk.runtime.sources.record import Address


class Bus(Protocol):
    """An I²C bus, as smbus2 opens it."""

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        """Return the bytes in so many registers from one on."""

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: list[int]) -> None:
        """Write bytes into registers from one on."""

    def close(self) -> None:
        """Give the bus back."""


@dataclass(frozen=True, slots=True)
class I2cOptions:
    """What the address may say.

    Attributes:
        parser: The file that declares the chip.
        rate_hz: Rows a second.
    """

    parser: str = ""
    rate_hz: float = 1.0

    def __post_init__(self) -> None:
        """Check the rate.

        Raises:
            InputError: It is out of bounds.
        """
        check_rate(self.rate_hz)


def open_bus(number: int) -> Bus:
    """Open a bus of this machine.

    Raises:
        InputError: smbus2 is not installed.
        OSError: It is not there, or not for this user.
    """
    bus: Bus = require("smbus2", extra="sensors", where=f"i2c:{number}").SMBus(number)
    return bus


def open_i2c(address: Address, columns: tuple[str, ...], *, opener: Callable[[int], Bus] = open_bus) -> I2cChip:
    """Open a chip.

    Raises:
        InputError: The address is none of a chip, or its parser is not valid or lacks a column.
        UnavailableError: The bus or the chip is not there, or it is another chip.
    """
    match = re.fullmatch(r"([0-9]{1,3}):(0x[0-9a-fA-F]{1,2}|[0-9]{1,3})", address.place)
    if match is None:
        raise InputError(f"{address.uri}: expected i2c:BUS:ADDRESS such as i2c:1:0x48, got '{address.place}'")
    options = address.read_options(I2cOptions)
    chip = read_parser(Chip, options.parser, where=address.uri)
    places = pick(columns, tuple(value.name for value in chip.values), where=options.parser)
    name = f"i2c:{address.place}"
    try:
        bus = opener(int(match[1]))
    except OSError as exc:
        raise UnavailableError(f"{name}: expected a bus /dev/i2c-{match[1]}, got {exc.strerror or exc}") from exc
    return I2cChip(name, bus, int(match[2], 0), chip, values=[chip.values[i] for i in places], rate_hz=options.rate_hz)


class I2cChip:
    """A chip that is asked for its registers."""

    live = True
    slack: Slack | None = None

    def __init__(
        self, name: str, bus: Bus, number: int, chip: Chip, *, values: Sequence[RegisterValue], rate_hz: float
    ) -> None:
        """Check the chip and write its settings.

        Raises:
            UnavailableError: It does not answer, or is another chip.
        """
        self.name, self.rate_hz = name, rate_hz
        self._bus, self._number, self._values = bus, number, values
        self._polled = Polled(name, self._ask, rate_hz=rate_hz)
        self.clock = self._polled.clock
        try:
            self._set_up(chip)
        except BaseException:
            self.close()
            raise

    def read(self) -> Rows | None:
        """Return the next row; see `Sensor.read`."""
        return self._polled.read()

    def close(self) -> None:
        """Give the bus back."""
        self._polled.close()
        with suppress(OSError):
            self._bus.close()

    def _set_up(self, chip: Chip) -> None:
        if chip.identity is not None:
            found = self._read(chip.identity.register, len(chip.identity.bytes))
            if found != bytes(chip.identity.bytes):
                wanted = bytes(chip.identity.bytes).hex(" ")
                raise UnavailableError(f"{self.name}: expected the identity {wanted}, got {found.hex(' ')}")
        for setting in chip.init:
            try:
                self._bus.write_i2c_block_data(self._number, setting.register, list(setting.bytes))
            except OSError as exc:
                raise self._silent(setting.register, exc) from exc

    def _ask(self) -> list[float]:
        return [value.decode(self._read(value.register, value.size_bytes)) for value in self._values]

    def _read(self, register: int, count: int) -> bytes:
        try:
            return bytes(self._bus.read_i2c_block_data(self._number, register, count))
        except OSError as exc:
            raise self._silent(register, exc) from exc

    def _silent(self, register: int, exc: OSError) -> UnavailableError:
        return UnavailableError(
            f"{self.name}: expected an answer of register {register:#04x}, got {exc.strerror or exc}"
        )
