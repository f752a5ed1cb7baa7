"""Whether a run can write where it writes: results beside it, temporary files, the engines of TensorRT."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.doctor.mounts import Mount, mount_of, read_mounts
from edge_sdk.doctor.record import Finding, State, Subject

_LEAST_BYTES, _FEW_BYTES = 16 << 20, 512 << 20
_LEAST_FILES_SHARE = 0.01
_IN_MEMORY = {"tmpfs", "ramfs"}
_FULL = "sudo du -xh {folder} | sort -h | tail -20; sudo apt clean; sudo journalctl --vacuum-size=50M"


@dataclass(frozen=True, slots=True)
class Room:
    """What is left of a file system.

    Attributes:
        free_bytes: For users that are not root.
        free_files: How many more files it takes.
        most_files: How many it takes in all; 0 where that has no limit.
    """

    free_bytes: int
    free_files: int
    most_files: int


def check_disk(subject: Subject) -> Iterator[Finding]:
    """Judge the places that a run writes to, and whether logs outlive a start."""
    mounts = read_mounts(subject.root)
    for purpose, place in _places(subject):
        existing = next(folder for folder in (place, *place.parents) if folder.exists())
        disk = os.statvfs(existing)
        room = Room(disk.f_bavail * disk.f_frsize, disk.f_favail, disk.f_files)
        is_writable = os.access(existing, os.W_OK | os.X_OK)
        yield judge(f"disk for {purpose}", existing, room, mount_of(existing, mounts), is_writable=is_writable)
    yield from _logs(subject.root)


def judge(name: str, folder: Path, room: Room, mount: Mount | None, *, is_writable: bool) -> Finding:
    """Judge a place.

    Args:
        name: What the finding is called.
        folder: The place, or the nearest folder above it.
        room: What is left there.
        mount: Its file system; None where the kernel does not tell.
        is_writable: Whether this user may write there.
    """
    kind = f" ({mount.kind} on {mount.device})" if mount else ""
    if mount is not None and mount.is_read_only:
        cure = (
            f"sudo mount -o remount,rw {mount.folder}; if it comes back: dmesg | grep -i error, the disk may be dying"
        )
        return Finding(name, "failed", f"{folder} is read-only{kind}", cure)
    if not is_writable:
        return Finding(name, "failed", f"{folder} cannot be written by this user", f'sudo chown "$USER" {folder}')
    if room.most_files and room.free_files < _LEAST_FILES_SHARE * room.most_files:
        said = f"{folder}: room for {room.free_files} more files of {room.most_files}{kind}, whatever is free"
        return Finding(name, "failed", said, f"find where they are: sudo du --inodes -x {folder} | sort -n | tail -20")
    if room.free_bytes < _FEW_BYTES:
        state: State = "failed" if room.free_bytes < _LEAST_BYTES else "warning"
        said = f"{folder}: {room.free_bytes / 1e6:.0f} MB free{kind}"
        return Finding(name, state, said, _FULL.format(folder=folder))
    in_memory = ", in memory: it takes from the model's, and is gone after a restart"
    note = in_memory if mount is not None and mount.kind in _IN_MEMORY else kind
    return Finding(name, "ok", f"{folder}: {room.free_bytes / 1e9:.1f} GB free{note}")


def _places(subject: Subject) -> Iterator[tuple[str, Path]]:
    yield "results", Path.cwd()
    yield "temporary files", Path(tempfile.gettempdir())
    for provider in subject.profile.providers if subject.profile else ():
        if engines := provider.options.get("trt_engine_cache_path"):
            yield "engines", Path(engines).absolute()


def _logs(root: Path) -> Iterator[Finding]:
    """Tell whether systemd's journal is kept: without it a board that hung tells nothing after its start."""
    if (root / "var/log/journal").is_dir():
        yield Finding("logs", "ok", "kept over restarts (/var/log/journal)")
    elif (root / "run/log/journal").is_dir():
        said = "in memory: what happened before a crash or a power cut is not told"
        cure = "sudo mkdir -p /var/log/journal && sudo systemctl restart systemd-journald"
        yield Finding("logs", "warning", said, cure)
    else:
        yield Finding("logs", "not here", "no journal of systemd")
