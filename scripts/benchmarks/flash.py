"""scripts/bench flash: an image beside dd, in turns, onto a drive as slow as a card, a fast one, and a file."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_sdk.flash.drives import require_drive
from edge_sdk.flash.medium import claimed
from edge_sdk.flash.pieces import pieces_of
from edge_sdk.flash.write import Written, write_drive, write_medium
from scripts.benchmarks import flash_customise
from scripts.benchmarks.flash_kills import kill_writers
from scripts.benchmarks.flash_page import page

_PAGE = Path("benchmarks/flash.md")
_ROUNDS = 5
_BYTES = 512 << 20
_CARD_BYTES_PER_S = 60_000_000
_CARD_BYTES = 240 << 20
_KILLED_BYTES = 64 << 20
_THROTTLE = Path("/sys/fs/cgroup/blkio")
_DD = {"dd, fsync": ("conv=fsync,notrunc",), "dd, direct": ("conv=fsync,notrunc", "oflag=direct")}


def main() -> None:
    """Measure, and write the page; as root, since drives are loop devices."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
        folder = Path(name)
        image, small = _random(folder / "os.img", _BYTES), _random(folder / "small.img", _CARD_BYTES)
        target = _random(folder / "target.img", _BYTES + (64 << 20))
        with _attached(target) as drive:
            with _slowed(drive):
                rows = {"drive at 60 MB/s": _race(small, drive, _to_drive)}
            rows["drive without a limit"] = _race(image, drive, _to_drive)
            kills = kill_writers(_random(folder / "short.img", _KILLED_BYTES), drive, target)
        rows["file"] = _race(image, str(target), _to_file)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
        customised = flash_customise.measure(Path(name))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}"
    text = page(rows, kills, customised, rounds=_ROUNDS, machine=machine)
    _PAGE.write_text(text)
    print(text)


def _race(image: Path, target: str, write: Callable[[Path, str], Written]) -> dict[str, Any]:
    """Write in turns, and return the medians in seconds."""
    took: dict[str, list[float]] = {name: [] for name in ("edge-sdk", "read back", *_DD)}
    for _ in range(_ROUNDS):
        done = write(image, target)
        took["edge-sdk"].append(done.write_s)
        took["read back"].append(done.verify_s)
        for name, options in _DD.items():
            started_s = time.perf_counter()
            subprocess.run(["dd", f"if={image}", f"of={target}", "bs=4M", "status=none", *options], check=True)
            took[name].append(time.perf_counter() - started_s)
    return {"size_bytes": image.stat().st_size, **{name: statistics.median(times) for name, times in took.items()}}


def _to_drive(image: Path, target: str) -> Written:
    size_bytes = image.stat().st_size
    return write_drive(require_drive(target, size_bytes), pieces_of(image), size_bytes=size_bytes)


def _to_file(image: Path, target: str) -> Written:
    with claimed(target) as medium:
        return write_medium(medium, pieces_of(image), size_bytes=image.stat().st_size)


def _random(path: Path, size_bytes: int) -> Path:
    with path.open("wb") as file:
        for _ in range(size_bytes >> 20):
            file.write(os.urandom(1 << 20))
        os.fsync(file.fileno())
    return path


@contextmanager
def _attached(file: Path) -> Iterator[str]:
    done = subprocess.run(["losetup", "--find", "--show", file], check=True, capture_output=True, text=True)
    try:
        yield done.stdout.strip()
    finally:
        subprocess.run(["losetup", "--detach", done.stdout.strip()], check=True)


@contextmanager
def _slowed(drive: str) -> Iterator[None]:
    """Have the kernel let through what a card would take (blkio controller of cgroup v1)."""
    number = Path("/sys/block", Path(drive).name, "dev").read_text().strip()
    limits = [_THROTTLE / f"blkio.throttle.{way}_bps_device" for way in ("write", "read")]
    try:
        for limit in limits:
            limit.write_text(f"{number} {_CARD_BYTES_PER_S}")
        yield
    finally:
        for limit in limits:
            limit.write_text(f"{number} 0")
