"""A disk that is full: from a stage on so many bytes are left, so that each write fails in its turn.

On a small file system of its own in memory where this may be mounted (as root); besides, and without that, by a limit
to the size of files, beyond which the kernel refuses a write.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scripts.crashes.board import SCRIPTS, Fill, Script, limit_files, start
from scripts.crashes.damage import STAGES
from scripts.crashes.fault import GOOD, Fault, Laboratory

_PAGE = 4096
_DISK_BYTES = 40 << 20
_PATIENCE_S = 0.4


def full_disks(lab: Laboratory, count: int) -> Iterator[Fault]:
    """Fill the disk of a board in a stage of an update; it must have a model while it is full, and go on after."""
    with _small_disk(lab.world.folder / "disk") as disk:
        if disk is None:
            lab.notes.append("No file system could be mounted here: full disks are files of limited size only.")
            return
        share = max(1, count // (len(STAGES) * 2))
        for script in (GOOD, SCRIPTS["it gives no numbers in its trial"]):
            for stage in STAGES:
                for number in range(share):
                    yield _full(lab, disk, replace(script, fills=Fill(stage, number * _PAGE, _PATIENCE_S)))


def _full(lab: Laboratory, disk: Path, script: Script) -> Fault:
    board, kind = disk / "board", "disk full"
    assert script.fills is not None
    for path in disk.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(lab.world.fresh, board, symlinks=True)
    start(lab.world, board, script)
    running = lab.checker.runs(board)
    if " " in running:
        return Fault(kind, script.fills.stage, f"while it is full: {running}")
    (disk / Fill.NAME).unlink(missing_ok=True)
    return replace(lab.outlive(board, replace(script, fills=None), kind), stage=script.fills.stage)


def limited_files(lab: Laboratory, count: int) -> Iterator[Fault]:
    """Refuse writes beyond a size, from nothing to the size of the package."""
    most_bytes = lab.world.offer("good").package.size_bytes
    for number in range(count):
        board = lab.world.board("limited")
        size_bytes = number * most_bytes // count

        def limit(size_bytes: int = size_bytes) -> None:
            limit_files(size_bytes)

        start(lab.world, board, replace(GOOD, lives_s=_PATIENCE_S), before=limit)
        running = lab.checker.runs(board)
        trouble = f"while it is full: {running}" if " " in running else ""
        yield Fault("writes refused", "", trouble) if trouble else lab.outlive(board, GOOD, "writes refused")


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path | None]:
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "crashlab", str(folder)]
    is_mounted = (
        os.geteuid() == 0 and subprocess.run(["mount", *options], capture_output=True, check=False).returncode == 0
    )
    try:
        yield folder if is_mounted else None
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)
