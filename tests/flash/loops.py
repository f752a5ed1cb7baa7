"""Loop devices that stand for drives; they need root and the kernel's loop driver, and are always given back."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

_TRIES = 50
needs_loops = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/loop-control").exists() or not shutil.which("losetup"),
    reason="loop devices need root, /dev/loop-control and util-linux",
)


def ran(*command):
    """Run a program and return what it says."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def attached(file, *options, at=""):
    """Attach a file to a free loop device, or to that one; yield the device's path."""
    path = at or ran("losetup", "--find", "--show", *options, str(file))
    try:
        if at:
            ran("losetup", at, str(file))
        yield path
    finally:
        ran("losetup", "--detach", path)


@contextmanager
def partitioned(file):
    """Attach a file with a DOS label of two partitions, which partx makes known to a kernel without a parser."""
    subprocess.run(
        ["sfdisk", "--quiet", str(file)], input="label: dos\n2048,8192,c\n10240,,83\n", text=True, check=True
    )
    with attached(file) as path:
        ran("partx", "--add", path)
        try:
            yield path
        finally:
            name = Path(path).name
            for _ in range(_TRIES):
                subprocess.run(["partx", "--delete", path], capture_output=True, check=False)
                if not list(Path("/sys/block", name).glob(f"{name}p*")):
                    break
                time.sleep(0.1)  # somebody who looks at drives has one open


@contextmanager
def mounted(device, folder):
    """Make ext4 on a device and mount it; yield the folder."""
    ran("mke2fs", "-q", "-F", "-t", "ext4", device)
    folder.mkdir()
    ran("mount", device, str(folder))
    try:
        yield folder
    finally:
        ran("umount", str(folder))
