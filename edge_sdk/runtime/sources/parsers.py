"""What people declare about a chip on a bus, or about bytes on a line: TOML files, read into these records; pure.

`numbers_of` makes the numbers of bytes; where they come from is told by `i2c.py` and `serial_port.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from edge_sdk import files, records
from edge_sdk.errors import InputError

Endian = Literal["big", "little"]
Checksum = Literal["none", "sum8", "xor8", "crc16-modbus", "crc16-ccitt"]
RecordT = TypeVar("RecordT")
_MAX_BYTES = 1 << 20
_MOST_REGISTERS = 32  # of one block on an SMBus


@dataclass(frozen=True, slots=True)
class RegisterBytes:
    """Bytes in a chip's registers.

    Attributes:
        register: The first one.
        bytes: Their values, 0 to 255.
    """

    register: int
    bytes: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: There are none, too many, or one is not of a byte.
        """
        if not (1 <= len(self.bytes) <= _MOST_REGISTERS and all(0 <= value <= 255 for value in self.bytes)):
            raise InputError(f"bytes: expected 1 to {_MOST_REGISTERS} values from 0 to 255, got {list(self.bytes)}")
        if not 0 <= self.register <= 255:
            raise InputError(f"register: expected 0 to 255, got {self.register}")


@dataclass(frozen=True, slots=True)
class RegisterValue:
    """A value in a chip's registers: `(number >> shift) * scale + offset`.

    Attributes:
        name: The column.
        register: The first register.
        size_bytes: How many there are.
        endian: Which byte comes first.
        signed: Whether it is a two's complement.
        shift: Bits to the right.
        scale: Multiplied with then.
        offset: Added last.
        unit: For people.
    """

    name: str
    register: int
    size_bytes: int = 1
    endian: Endian = "big"
    signed: bool = False
    shift: int = 0
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: There is no such register, or no such number of bytes.
        """
        if not (0 <= self.register <= 255 and 1 <= self.size_bytes <= 8 and 0 <= self.shift < 8 * self.size_bytes):
            raise InputError(
                f"register, size_bytes, shift: expected 0 to 255, 1 to 8 and fewer bits than there are, "
                f"got {self.register}, {self.size_bytes} and {self.shift}"
            )

    def decode(self, data: bytes) -> float:
        """Return the value of its bytes."""
        number = int.from_bytes(data, self.endian, signed=self.signed)
        return (number >> self.shift) * self.scale + self.offset


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip on an I²C bus.

    Attributes:
        values: What it measures.
        identity: What must stand in its registers, so that another chip at this address is refused.
        init: What is written once, in this order.
    """

    values: tuple[RegisterValue, ...]
    identity: RegisterBytes | None = None
    init: tuple[RegisterBytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A number in a packet: `number * scale + offset`.

    Attributes:
        name: The column; empty passes it over.
        type: `u8` to `u64`, `s8` to `s64`, `f32` or `f64`.
        scale: Multiplied with first.
        offset: Added then.
    """

    name: str
    type: Literal["u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "f32", "f64"]
    scale: float = 1.0
    offset: float = 0.0

    @property
    def dtype(self) -> str:
        """NumPy's name of the type, without the order of its bytes."""
        return f"{'i' if self.type[0] == 's' else self.type[0]}{int(self.type[1:]) // 8}"


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of bytes: header, fields, checksum.

    Attributes:
        header: The bytes that each packet begins with.
        fields: What follows.
        endian: Which byte of a number comes first.
        checksum: Of the fields' bytes, behind them; of two bytes in the order of `endian`.
        counter: The field that counts packets; a step over numbers tells lost ones.
    """

    header: tuple[int, ...]
    fields: tuple[Field, ...]
    endian: Endian = "little"
    checksum: Checksum = "none"
    counter: str = ""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: There is no header or no field, a byte is none, or the counter is no whole number among them.
        """
        if not (self.header and self.fields and all(0 <= byte <= 255 for byte in self.header)):
            raise InputError("header, fields: expected at least one byte, and one field")
        counting = [field.name for field in self.fields if field.type[0] == "u"]
        if self.counter and self.counter not in counting:
            raise InputError(f"counter: expected one of {', '.join(counting) or 'no field'}, got {self.counter}")


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of text, a row each.

    Attributes:
        columns: Names of what stands between the separators; an empty name passes it over.
        separator: What stands between numbers.
    """

    columns: tuple[str, ...]
    separator: str = ","

    def __post_init__(self) -> None:
        """Check that lines can be split.

        Raises:
            InputError: There is no column, or nothing between them.
        """
        if not self.columns or not self.separator:
            raise InputError("columns, separator: expected at least one column, and a separator")


@dataclass(frozen=True, slots=True)
class Line:
    """What comes over a serial line: lines of text, or packets.

    Attributes:
        lines: For text.
        packet: For bytes.
    """

    lines: Lines | None = None
    packet: Packet | None = None

    def __post_init__(self) -> None:
        """Check that one of them is given.

        Raises:
            InputError: Both, or none of them is.
        """
        if (self.lines is None) == (self.packet is None):
            raise InputError("lines, packet: expected one of them")


def read_parser(record: type[RecordT], path: str, *, where: str) -> RecordT:
    """Read a declaration.

    Raises:
        InputError: The address names none, it cannot be read, or each mistake by its place.
    """
    if not path:
        raise InputError(f"{where}: expected parser=FILE.toml, got none", hint="see docs/how_to/sensors.md")
    return records.read_toml(record, files.read_bytes(Path(path), max_bytes=_MAX_BYTES), where=path)


def pick(columns: tuple[str, ...], there: tuple[str, ...], *, where: str) -> list[int]:
    """Return the places of the model's columns among those that a parser names.

    Raises:
        InputError: One is missing.
    """
    for name in columns:
        if name not in there:
            nearest = records.near_match(name, list(there))
            raise InputError(f"{where}: expected a value {name}, got {', '.join(filter(None, there))}{nearest}")
    return [there.index(name) for name in columns]
