"""The processors of this machine: how busy each one was, and its clock, from the files of /proc and /sys alone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_BUSY = (0, 1, 2, 5, 6, 7)
"""Columns of /proc/stat (proc(5)): user, nice, system, irq, softirq, steal; those of guests are in user already."""


@dataclass(frozen=True, slots=True)
class Processors:
    """What the processors have done until one moment; empty where it is not told.

    Attributes:
        busy_s: How long each one has worked since the machine was started, or was taken by another machine.
        clock_hz: The clock that each one has now.
    """

    busy_s: Mapping[str, float] = field(default_factory=dict)
    clock_hz: Mapping[str, float] = field(default_factory=dict)

    def worked_since(self, before: Processors) -> Mapping[str, float]:
        """Return how long each one has worked since an earlier moment, in seconds."""
        return {name: busy_s - before.busy_s[name] for name, busy_s in self.busy_s.items() if name in before.busy_s}


def read_processors(root: Path) -> Processors:
    """Read what the processors have done until now.

    Args:
        root: Where the machine's file system is.
    """
    ticks_a_second = os.sysconf("SC_CLK_TCK")
    busy_s = {}
    for line in _text(root / "proc/stat").splitlines():
        name, *columns = line.split()
        if re.fullmatch(r"cpu[0-9]+", name):
            busy_s[name] = sum(int(columns[column]) for column in _BUSY) / ticks_a_second
    clocks = {name: _text(root / f"sys/devices/system/cpu/{name}/cpufreq/scaling_cur_freq") for name in busy_s}
    return Processors(busy_s, {name: float(khz) * 1e3 for name, khz in clocks.items() if khz.strip().isdecimal()})


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
