"""Whether there is memory for a model, and what happens when there is not: swap, and processes that were killed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from edge_sdk.doctor.record import Finding, State, Subject
from edge_sdk.runtime.swap.room import available_bytes

_LEAST_BYTES = 128 << 20
"""What Python, NumPy, onnxruntime, OpenCV and a small model take (docs/decisions/0028-swapping.md)."""
_SMALL_BOARD_BYTES = 2 << 30
_LEAST_CMA_BYTES = 32 << 20


def check_memory(subject: Subject) -> Iterator[Finding]:
    """Judge memory, swap, and the history of both."""
    figures = _figures(subject.root / "proc/meminfo")
    yield _free(available_bytes(subject.root), figures, subject)
    yield _swap(subject.root, figures["MemTotal"])
    if figures.get("CmaTotal") and figures.get("CmaFree", 0) < _LEAST_CMA_BYTES:
        said = f"{figures['CmaFree'] >> 20} MiB of {figures['CmaTotal'] >> 20} MiB left: CSI cameras and codecs need it"
        yield Finding("CMA memory", "warning", said, "cma=256M in /boot/firmware/cmdline.txt, or smaller pictures")
    if killed := _figures(subject.root / "proc/vmstat").get("oom_kill", 0):
        said = f"the kernel has killed {killed} processes for memory since the start"
        yield Finding(
            "out of memory", "warning", said, "sudo dmesg | grep -i 'killed process' shows whom; add swap, run less"
        )


def _free(free_bytes: int, figures: Mapping[str, int], subject: Subject) -> Finding:
    there = figures["MemTotal"]
    said = f"{free_bytes >> 20} MiB of {there >> 20} MiB free for this process"
    if free_bytes < figures.get("MemAvailable", 0):
        said += ", by the limit of its control group"
    cure = "stop what is not needed (a desktop: sudo systemctl set-default multi-user.target), or raise the limit"
    if free_bytes < _LEAST_BYTES:
        return Finding("memory", "failed", f"{said}, the runtime alone takes {_LEAST_BYTES >> 20}", cure)
    budget = subject.profile.budget.memory_bytes if subject.profile else 0
    if free_bytes < budget:
        return Finding("memory", "warning", f"{said}, a model of this board may take {budget >> 20}", cure)
    return Finding("memory", "ok", said)


def _swap(root: Path, memory_bytes: int) -> Finding:
    path = root / "proc/swaps"
    rows = [line.split() for line in path.read_text().splitlines()[1:]] if path.exists() else []
    if not rows:
        state: State = "warning" if memory_bytes < _SMALL_BOARD_BYTES else "ok"
        return Finding(
            "swap", state, "none: what does not fit is killed", "sudo apt install zram-tools" * (state != "ok")
        )
    said = ", ".join(f"{name} {int(size) >> 10} MiB, {int(used) >> 10} used" for name, _, size, used, *_ in rows)
    on_card = [row[0] for row in rows if "zram" not in row[0]]
    if on_card and memory_bytes < _SMALL_BOARD_BYTES:
        return Finding("swap", "warning", f"{said}: it wears a card out, and is slow", "sudo apt install zram-tools")
    return Finding("swap", "ok", said)


def _figures(path: Path) -> dict[str, int]:
    """Return the numbers of a file such as /proc/meminfo by name, in bytes where it says kB."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        name, value, *unit = line.replace(":", " ").split()
        found[name] = int(value) << 10 if unit == ["kB"] else int(value)
    return found
