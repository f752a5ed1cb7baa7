"""Whether models get the processors that the board has: its governor, its power mode, limits of a container, others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from edge_sdk.doctor.record import Finding, Subject
from edge_sdk.profiles.processors import usable_processors
from edge_sdk.runtime.thrift.board import read_board

_GOVERNORS = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
_SLOW = {"powersave", "conservative"}
_OWN_GOVERNOR = {"intel_pstate", "amd-pstate-epp"}
"""Drivers whose `powersave` is their usual, dynamic governor (kernel.org, "intel_pstate CPU Performance Scaling")."""


def check_processors(subject: Subject) -> Iterator[Finding]:
    """Judge what models get of the processors."""
    usable, there = usable_processors(subject.root), os.cpu_count() or 1
    yield _usable(usable, there, subject)
    yield _governor(subject.root)
    share = read_board(subject.root).clock_share
    if share is not None and share < 1:
        said = f"{share:.0%} of the highest is allowed"
        yield Finding(
            "clock limit", "warning", said, "sudo nvpmodel -q shows the power mode, sudo nvpmodel -m 0 sets the most"
        )
    yield _load(subject.root, there)


def _usable(usable: int, there: int, subject: Subject) -> Finding:
    wanted = subject.profile.threads.intra_op if subject.profile else 0
    said = f"{usable} of {there} for this process"
    if usable < min(wanted or there, there):
        cure = "give the container or service more: docker run --cpus, systemd CPUQuota= and AllowedCPUs="
        return Finding("processors", "warning", f"{said}, a model wants {wanted or there}", cure)
    return Finding("processors", "ok", f"{said}, a model takes {wanted or usable}")


def _governor(root: Path) -> Finding:
    policies = sorted(root.glob("sys/devices/system/cpu/cpufreq/policy*"))
    pairs = {(_text(policy / "scaling_governor"), _text(policy / "scaling_driver")) for policy in policies}
    governors = ", ".join(sorted({governor for governor, _ in pairs if governor}))
    if not governors:
        return Finding("governor", "not here", "the clock is not ours to set")
    if any(governor in _SLOW and driver not in _OWN_GOVERNOR for governor, driver in pairs):
        cure = f"echo ondemand | sudo tee {_GOVERNORS} (or performance, which is hotter)"
        return Finding("governor", "warning", f"{governors}: the clock stays low under load", cure)
    return Finding("governor", "ok", governors)


def _load(root: Path, there: int) -> Finding:
    text = _text(root / "proc/loadavg")
    if not text:
        return Finding("load", "not here", "not told")
    waiting = float(text.split()[0])
    said = f"{waiting:.1f} programs at work on {there} processors in the last minute"
    if waiting > there:
        return Finding("load", "warning", f"{said}: models share with others", "top shows who: stop what is not needed")
    return Finding("load", "ok", said)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
