"""How many processors this process may use: its CPU set, and the quota of its control groups.

A container of one processor's time on a machine of 64 would otherwise get 64 threads, which the kernel stops for the
rest of each period once they have used its quota up (docs.kernel.org, "CFS Bandwidth Control").
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

_ROOT = Path("/")
_GROUPS = "sys/fs/cgroup"


def usable_processors(root: Path = _ROOT) -> int:
    """Return how many processors this process may use, at least 1; of a quota the whole ones.

    Args:
        root: Where the files of /proc and /sys are.
    """
    return max(1, int(min([len(os.sched_getaffinity(0)), *_quotas(root)])))


def _quotas(root: Path) -> Iterator[float]:
    """Yield the quota of each control group that the process is in, in processors."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            yield from _along(root / _GROUPS, path, _quota_v2)
        elif "cpu" in controllers.split(","):
            yield from _along(root / _GROUPS / controllers, path, _quota_v1)
            yield from _along(root / _GROUPS / "cpu", path, _quota_v1)


def _along(top: Path, path: str, quota: Callable[[Path], float | None]) -> Iterator[float]:
    """Yield the quotas from a group up to the top, each of which holds; groups outside a container are not there."""
    parts = Path(path.lstrip("/")).parts
    for depth in range(len(parts) + 1):
        found = quota(top.joinpath(*parts[:depth]))
        if found is not None:
            yield found


def _quota_v2(group: Path) -> float | None:
    words = _text(group / "cpu.max").split()
    return _share(*words) if len(words) == 2 else None


def _quota_v1(group: Path) -> float | None:
    return _share(_text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us"))


def _share(quota_us: str, period_us: str) -> float | None:
    """Return a quota in processors; None where there is none (`max`, `-1`, or no file)."""
    is_told = quota_us.isdecimal() and period_us.isdecimal() and int(period_us) > 0
    return int(quota_us) / int(period_us) if is_told else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
