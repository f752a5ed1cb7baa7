"""How Industrial I/O packs a scan, from `scan_elements/*_type` such as `le:s12/16>>4`; pure.

An element lies at a multiple of its own size, and a scan is as long as a multiple of its largest element.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_sdk.errors import InputError
from edge_sdk.tensors import Array

_TYPE = re.compile(r"(le|be):([su])(\d+)/(8|16|32|64)(X\d+)?>>(\d+)")


@dataclass(frozen=True, slots=True)
class Element:
    """How a channel is packed.

    Attributes:
        index: Its place among the elements of the scan.
        dtype: NumPy's name of what is stored, such as `<u2`.
        bits: How many bits count, after the shift.
        shift: Bits to the right.
        is_signed: Whether they are a two's complement.
        scale: Multiplied with last.
        offset: Added before.
    """

    index: int
    dtype: str
    bits: int
    shift: int
    is_signed: bool
    scale: float = 1.0
    offset: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of what is stored."""
        return np.dtype(self.dtype).itemsize

    def decode(self, stored: Array) -> Array:
        """Return the values, float64, of what is stored."""
        return (self.numbers(stored).astype(np.float64) + self.offset) * self.scale

    def numbers(self, stored: Array) -> Array:
        """Return the whole numbers of what is stored."""
        unused = np.uint64(64 - self.bits)
        values = (stored.astype(np.uint64) >> np.uint64(self.shift)) << unused
        return values.view(np.int64) >> np.int64(unused) if self.is_signed else values >> unused


def parse_element(text: str, index: int, *, linear: tuple[float, float] = (1.0, 0.0), where: str) -> Element:
    """Read the kernel's description of an element.

    Args:
        text: Such as `le:s12/16>>4`.
        index: Its place in the scan.
        linear: Scale and offset of its values.
        where: The file, which starts the message.

    Raises:
        InputError: It is no such description, or one of repeated values.
    """
    match = _TYPE.fullmatch(text.strip())
    if match is None or match[5]:
        raise InputError(f"{where}: expected a type such as le:s12/16>>4, got {text.strip()[:40]!r}")
    order, sign, bits, stored, _, shift = match.groups()
    dtype = f"{'<' if order == 'le' else '>'}u{int(stored) // 8}"
    return Element(index, dtype, int(bits), int(shift), sign == "s", *linear)


def scan_of(elements: Sequence[Element]) -> np.dtype[np.void]:
    """Return the layout of a scan: a field `e0`, `e1`, … for each element, in the order given."""
    offsets, end = {}, 0
    for number in sorted(range(len(elements)), key=lambda number: elements[number].index):
        size = elements[number].size
        offsets[number] = -(-end // size) * size
        end = offsets[number] + size
    largest = max(element.size for element in elements)
    return np.dtype(
        {
            "names": [f"e{number}" for number in range(len(elements))],
            "formats": [element.dtype for element in elements],
            "offsets": [offsets[number] for number in range(len(elements))],
            "itemsize": -(-end // largest) * largest,
        }
    )
