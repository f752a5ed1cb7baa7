"""Whether the time can be believed: certificates and updates expire by it, and boards have no battery clock.

The kernel is asked itself (adjtimex(2)), which needs neither a process nor a right.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edge_sdk.doctor.record import Finding, Subject

_UNSYNCHRONIZED = 0x40
"""STA_UNSYNC of <linux/timex.h>."""
_WRONG = 5
"""TIME_ERROR, what adjtimex returns of a clock that nobody has set right."""
_MADE_UNIX_S = 1_767_225_600
"""The first second of 2026: nothing that runs this can be older."""
_TOO_LATE_UNIX_S = _MADE_UNIX_S + 30 * 365 * 86_400
_CURE = "sudo timedatectl set-ntp true (and let it reach a time server, or name one in /etc/systemd/timesyncd.conf)"


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the kernel says of its clock.

    Attributes:
        is_synchronized: Whether somebody keeps it right.
        max_error_ms: How far off it may be, in milliseconds.
    """

    is_synchronized: bool
    max_error_ms: float


class _Timex(ctypes.Structure):
    """`struct timex` of 64-bit Linux (adjtimex(2))."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("max_error_us", ctypes.c_long),
        ("estimated_error_us", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def read_clock() -> ClockState:
    """Ask the kernel how its clock stands.

    Raises:
        OSError: It does not say, as in some sandboxes.
    """
    timex = _Timex()
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(ctypes.byref(timex))
    if state < 0:
        raise OSError(ctypes.get_errno(), "the kernel does not tell how its clock stands")
    return ClockState(state != _WRONG and not timex.status & _UNSYNCHRONIZED, timex.max_error_us / 1000)


def check_clock(subject: Subject) -> Iterator[Finding]:
    """Judge this machine's clock."""
    yield judge(read_clock(), now_unix_s=time.time())
    yield _battery_clock(subject.root)


def judge(state: ClockState, *, now_unix_s: float) -> Finding:
    """Judge a clock.

    Args:
        state: What the kernel says of it.
        now_unix_s: What it shows, in seconds since 1970.
    """
    shown = datetime.fromtimestamp(now_unix_s, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    if not _MADE_UNIX_S <= now_unix_s <= _TOO_LATE_UNIX_S:
        return Finding("clock", "failed", f"{shown} cannot be: certificates and updates are judged by it", _CURE)
    if not state.is_synchronized:
        said = f"{shown}, kept right by nobody: it drifts by seconds a day, and jumps when somebody sets it"
        return Finding("clock", "warning", said, _CURE)
    return Finding("clock", "ok", f"{shown}, synchronized, at most {state.max_error_ms:.0f} ms off")


def _battery_clock(root: Path) -> Finding:
    clocks = sorted(root.glob("sys/class/rtc/rtc*"))
    if not clocks:
        said = "none: after a start without a network the time is that of the last shutdown"
        return Finding(
            "battery clock", "not here", said, "add one (Raspberry Pi: dtoverlay=i2c-rtc), or wait for the network"
        )
    name = (clocks[0] / "name").read_text().strip() if (clocks[0] / "name").exists() else clocks[0].name
    return Finding("battery clock", "ok", name)
