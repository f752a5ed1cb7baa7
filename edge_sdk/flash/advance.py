"""How far the unpacking of an image or the writing of a drive is, and how long it will take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_RATES = {"mmc": (20e6, 60e6), "usb": (20e6, 60e6), "loop": (300e6, 600e6)}
"""Bytes a second written and read. Cards promise 10 (class 10, U1) to 30 MB/s (U3) of writing and read as fast as their
reader, which takes 25 to 100 (SD Association, speed classes and bus speeds)."""


@dataclass(frozen=True, slots=True)
class Advance:
    """How far it is.

    Attributes:
        stage: What is being done.
        done_bytes: So many of this stage are done.
        size_bytes: Of so many.
        elapsed_s: Since the stage began.
    """

    stage: Literal["unpack", "write", "verify"]
    done_bytes: int
    size_bytes: int
    elapsed_s: float

    @property
    def bytes_per_s(self) -> float:
        """How fast it has been since the stage began."""
        return self.done_bytes / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float:
        """How long the stage will take yet, if it goes on so."""
        rate = self.bytes_per_s
        return (self.size_bytes - self.done_bytes) / rate if rate > 0 else 0.0


Tell = Callable[[Advance], None]


@dataclass(frozen=True, slots=True)
class Estimate:
    """About how long a drive will take.

    Attributes:
        write_s: For writing the image.
        verify_s: For reading it back.
    """

    write_s: int
    verify_s: int


def estimate(transport: str, size_bytes: int) -> Estimate:
    """Return about how long an image takes on a drive of a usual kind.

    Args:
        transport: How the drive is connected, as `Drive.transport` says.
        size_bytes: Of the image.
    """
    written, read = _RATES.get(transport, _RATES["usb"])
    return Estimate(round(size_bytes / written), round(size_bytes / read))
