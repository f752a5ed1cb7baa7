"""Bytes of a serial line become rows: lines of numbers, or packets with header and checksum; pure.

What is broken is passed over up to the next end of a line or the next header, counted, and told once for each time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from edge_sdk.errors import InputError
from edge_sdk.runtime.sources.parsers import Checksum, Lines, Packet, pick

_MOST_LINE = 4096


class Parser(Protocol):
    """Takes bytes as they come, and finds rows in them."""

    def take(self, data: bytes) -> list[tuple[list[float], int]]:
        """Return the rows that are whole now, each with how many were lost before it.

        Raises:
            InputError: A row is broken; the rest stays, and is returned by the next call.
        """


class LineParser:
    """Lines of numbers."""

    def __init__(self, lines: Lines, columns: tuple[str, ...], *, where: str) -> None:
        """Find the columns.

        Raises:
            InputError: One is not in the lines.
        """
        self._separator, self._where = lines.separator, where
        self._columns = columns
        self._places = pick(columns, lines.columns, where=where)
        self._data = b""
        self._lost = 0
        self._is_whole = False  # the first line may have begun before we listened

    def take(self, data: bytes) -> list[tuple[list[float], int]]:
        """Return the rows that are whole; see `Parser.take`."""
        self._data += data
        rows: list[tuple[list[float], int]] = []
        while (end := self._data.find(b"\n")) >= 0:
            line = self._data[:end]
            try:
                row = self._numbers(line.decode("ascii", errors="replace").strip())
            except (ValueError, IndexError) as exc:
                if rows:
                    return rows  # told by the next call
                self._data = self._data[end + 1 :]
                self._break(f"{exc}")
                continue
            self._data, self._is_whole = self._data[end + 1 :], True
            rows.append((row, self._lost))
            self._lost = 0
        if len(self._data) > _MOST_LINE:
            self._data = b""
            self._break(f"more than {_MOST_LINE} bytes without an end")
        return rows

    def _numbers(self, line: str) -> list[float]:
        cells = line.split(self._separator)
        numbers = [float(cells[place]) for place in self._places]
        if not all(map(math.isfinite, numbers)):
            raise ValueError(line[:60])
        return numbers

    def _break(self, why: str) -> None:
        if not self._is_whole:
            self._is_whole = True
            return
        self._lost += 1
        raise InputError(f"{self._where}: expected numbers in {', '.join(self._columns)}, got {why}")


class PacketParser:
    """Packets of bytes."""

    def __init__(self, packet: Packet, columns: tuple[str, ...], *, where: str) -> None:
        """Lay the packet out.

        Raises:
            InputError: A column is not among the fields.
        """
        order = "<" if packet.endian == "little" else ">"
        names = tuple(field.name for field in packet.fields)
        self._dtype = np.dtype([(f"f{i}", order + field.dtype) for i, field in enumerate(packet.fields)])
        self._places = pick(columns, names, where=where)
        self._packet, self._where = packet, where
        self._header = bytes(packet.header)
        self._tail = _CHECKSUMS[packet.checksum][0]
        self._counter = names.index(packet.counter) if packet.counter else None
        self._last_count: int | None = None
        self._data = b""
        self._lost = 0

    def take(self, data: bytes) -> list[tuple[list[float], int]]:
        """Return the rows that are whole; see `Parser.take`."""
        self._data += data
        rows: list[tuple[list[float], int]] = []
        size = len(self._header) + self._dtype.itemsize + self._tail
        while self._seek() and len(self._data) >= size:
            body = self._data[len(self._header) : size]
            if not self._is_right(body):
                if rows:
                    return rows  # told by the next call
                self._data = self._data[1:]  # the header may have been among the numbers
                self._lost += 1
                raise InputError(f"{self._where}: expected a {self._packet.checksum} that fits, got another")
            self._data = self._data[size:]
            rows.append(self._row(body))
        return rows

    def _seek(self) -> bool:
        """Leave away what stands before the next header; return whether there is one."""
        start = self._data.find(self._header)
        if start < 0:
            self._data = self._data[-(len(self._header) - 1) :] if len(self._header) > 1 else b""
            return False
        self._data = self._data[start:]
        return True

    def _is_right(self, body: bytes) -> bool:
        if not self._tail:
            return True
        payload, told = body[: -self._tail], int.from_bytes(body[-self._tail :], self._packet.endian)
        return _CHECKSUMS[self._packet.checksum][1](payload) == told

    def _row(self, body: bytes) -> tuple[list[float], int]:
        record = np.frombuffer(body, self._dtype, 1)[0]
        fields = self._packet.fields
        lost, self._lost = self._lost, 0
        if self._counter is not None:
            count, modulus = int(record[self._counter]), 1 << int(fields[self._counter].type[1:])
            lost = 0 if self._last_count is None else (count - self._last_count - 1) % modulus
            self._last_count = count
        return [float(record[i]) * fields[i].scale + fields[i].offset for i in self._places], lost


def _crc16(start: int, polynomial: int, *, is_reflected: bool) -> Callable[[bytes], int]:
    def crc(data: bytes) -> int:
        value = start
        for byte in data:
            value ^= byte if is_reflected else byte << 8
            for _ in range(8):
                if is_reflected:
                    value = (value >> 1) ^ (polynomial if value & 1 else 0)
                else:
                    value = ((value << 1) ^ (polynomial if value & 0x8000 else 0)) & 0xFFFF
        return value

    return crc


def _xor(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
    return value


_CHECKSUMS: Mapping[Checksum, tuple[int, Callable[[bytes], int]]] = {
    "none": (0, lambda _: 0),
    "sum8": (1, lambda data: sum(data) & 0xFF),
    "xor8": (1, _xor),
    "crc16-modbus": (2, _crc16(0xFFFF, 0xA001, is_reflected=True)),
    "crc16-ccitt": (2, _crc16(0xFFFF, 0x1021, is_reflected=False)),
}
"""Bytes and function of each checksum."""
