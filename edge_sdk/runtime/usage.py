"""What this process uses: memory and processor time, as Linux counts them."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from pathlib import Path

_STATM = Path("/proc/self/statm")
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Usage:
    """What this process uses.

    Attributes:
        resident_bytes: Memory that is resident now; 0 where it is not told.
        cpu_s: Processor time of all its threads until now, in seconds.
    """

    resident_bytes: int
    cpu_s: float


def usage() -> Usage:
    """Return what this process uses now (proc(5), `statm`)."""
    resident = int(_STATM.read_text().split()[1]) if _STATM.exists() else 0
    return Usage(resident * resource.getpagesize(), time.process_time())


def peak_memory_bytes() -> int:
    """Return the most memory that this process ever had resident (proc(5), `VmHWM`); 0 where it is not told."""
    lines = _STATUS.read_text().splitlines() if _STATUS.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
