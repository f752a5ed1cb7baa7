"""A writing of a drive that is killed at random moments: what it leaves says that it is incomplete, or is whole."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from edge_sdk.flash.mark import is_incomplete

_KILLS = 100
_STAMP = b"\x11" * 4096
_STAMPED_EVERY_BYTES = 1 << 20
_PROGRAM = """
import sys
from pathlib import Path
from edge_sdk.flash.drives import require_drive
from edge_sdk.flash.pieces import pieces_of
from edge_sdk.flash.write import write_drive

image = Path(sys.argv[2])
size_bytes = image.stat().st_size
drive = require_drive(sys.argv[1], size_bytes)
print("ready", flush=True)
write_drive(drive, pieces_of(image), size_bytes=size_bytes)
"""


def kill_writers(image: Path, drive: str, behind: Path) -> Counter[str]:
    """Kill again and again (SIGKILL), and count what the drive is afterwards.

    Args:
        image: What is written.
        drive: A loop device.
        behind: Its file.

    Returns:
        How often it was `incomplete`, `whole`, `as before`, or, which must not be, `half`.
    """
    chance = random.Random(1)
    whole_s = _write(image, drive, behind, None)
    found: Counter[str] = Counter()
    for _ in range(_KILLS):
        _write(image, drive, behind, chance.uniform(0, whole_s))
        found[_state(image.read_bytes(), behind)] += 1
    return found


def _write(image: Path, drive: str, behind: Path, kill_after_s: float | None) -> float:
    """Write, or be killed; return how long it ran."""
    with behind.open("r+b") as file:
        for start in range(0, image.stat().st_size, _STAMPED_EVERY_BYTES):
            file.seek(start)
            file.write(_STAMP)
    with subprocess.Popen([sys.executable, "-c", _PROGRAM, drive, image], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        started_s = time.perf_counter()
        try:
            writer.wait(kill_after_s)
        except subprocess.TimeoutExpired:
            writer.kill()
        return time.perf_counter() - started_s


def _state(image: bytes, behind: Path) -> str:
    with behind.open("rb") as file:
        on_it = file.read(len(image))
    if is_incomplete(on_it):
        return "incomplete"
    if all(on_it.startswith(_STAMP, start) for start in range(0, len(image), _STAMPED_EVERY_BYTES)):
        return "as before"
    return "whole" if on_it == image else "half"
