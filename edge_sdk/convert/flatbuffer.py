"""Reads tables of the FlatBuffers format, in which TFLite files are written, with every offset checked.

A table begins with the distance back to its vtable: sizes, and then where each field lies, 0 for one that is not there.
Vectors, strings and other tables are found by an offset from where it stands. All integers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from edge_sdk.errors import InputError


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and the fields in it by their number in the schema.

    Attributes:
        content: The whole file.
        place: Where the table begins.
    """

    content: bytes
    place: int

    def integer(self, field: int, kind: str = "I") -> int:
        """Return a number of a type of `struct`; 0 where it is not there."""
        place = self._place(field)
        return int(_read(self.content, place, kind)) if place else 0

    def table(self, field: int) -> Table | None:
        """Return a table in it; None where it is not there."""
        place = self._place(field)
        return Table(self.content, self._target(place)) if place else None

    def tables(self, field: int) -> Iterator[Table]:
        """Yield the tables of a vector."""
        start, count = self._vector(field)
        for index in range(count):
            yield Table(self.content, self._target(start + 4 * index))

    def floats(self, field: int) -> tuple[float, ...]:
        """Return the numbers of a vector of float32."""
        start, count = self._vector(field)
        return tuple(_read(self.content, start + 4 * index, "f") for index in range(count))

    def integers(self, field: int) -> tuple[int, ...]:
        """Return the numbers of a vector of int32."""
        start, count = self._vector(field)
        return tuple(int(_read(self.content, start + 4 * index, "i")) for index in range(count))

    def bytes(self, field: int) -> bytes:
        """Return a vector of bytes."""
        start, count = self._vector(field)
        return self.content[start : start + count]

    def text(self, field: int) -> str:
        """Return a string; empty where it is not there."""
        return self.bytes(field).decode(errors="replace")

    def _place(self, field: int) -> int:
        vtable = self.place - int(_read(self.content, self.place, "i"))
        slot = 4 + 2 * field
        if slot + 2 > int(_read(self.content, vtable, "H")):
            return 0
        offset = int(_read(self.content, vtable + slot, "H"))
        return self.place + offset if offset else 0

    def _vector(self, field: int) -> tuple[int, int]:
        place = self._place(field)
        if not place:
            return 0, 0
        start = self._target(place)
        count = int(_read(self.content, start, "I"))
        if count > len(self.content) - start:
            raise InputError(f"flatbuffer: expected at most {len(self.content) - start} elements, got {count}")
        return start + 4, count

    def _target(self, place: int) -> int:
        return place + int(_read(self.content, place, "I"))


def root(content: bytes) -> Table:
    """Return the outermost table.

    Raises:
        InputError: An offset leads out of the file.
    """
    return Table(content, int(_read(content, 0, "I")))


def _read(content: bytes, place: int, kind: str) -> float:
    if not 0 <= place <= len(content) - struct.calcsize(kind):
        raise InputError(f"flatbuffer: expected offsets within {len(content)} bytes, got {place}")
    number: float = struct.unpack_from(f"<{kind}", content, place)[0]
    return number
