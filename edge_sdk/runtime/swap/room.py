"""How much memory a model will take, and how much there is for it.

- What is there is what the kernel says is available, or less: what is left to this process's control groups.
- What a model will take is told by its file: three times its size for weights that are laid out anew, and 32 MB for
  what it computes. Of nine models of 0.1 to 14 MB, none took more (docs/decisions/0028-swapping.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_FILES_V2 = ("memory.max", "memory.current", "inactive_file")
_FILES_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_EACH_BYTES = 32 << 20
_FACTOR = 3


def expected_bytes(model_bytes: int) -> int:
    """Return what a model of this size will take when it is opened."""
    return _FACTOR * model_bytes + _EACH_BYTES


def available_bytes(root: Path = Path("/")) -> int:
    """Return how much memory this process can still take.

    Args:
        root: Where /proc and /sys are.
    """
    return min([_meminfo(root / "proc/meminfo"), *_left_to_groups(root)])


def _meminfo(path: Path) -> int:
    for line in path.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 1 << 62


def _left_to_groups(root: Path) -> Iterator[int]:
    """Yield what is left to each control group around this process that has a limit, of either version."""
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, place = line.split(":", 2)
        if controllers in {"", "memory"}:
            top = root / "sys/fs/cgroup" / controllers
            group = top / place.lstrip("/")
            for folder in (group, *group.parents):
                if folder.is_relative_to(top):
                    yield from _left(folder, *(_FILES_V1 if controllers else _FILES_V2))


def _left(folder: Path, limit_name: str, used_name: str, cache_name: str) -> Iterator[int]:
    try:
        limit, used = (folder / limit_name).read_text().strip(), int((folder / used_name).read_text())
        stat = (folder / "memory.stat").read_text()
    except OSError:  # the root has no such files
        return
    if limit != "max":
        cache = next((int(line.split()[1]) for line in stat.splitlines() if line.split()[0] == cache_name), 0)
        yield int(limit) - used + cache
