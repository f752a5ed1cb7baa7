"""Small images of systems, made without root: what real ones show of themselves, and no more."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge_sdk.flash.image.partitions import Partition, read_partitions
from edge_sdk.flash.kit import Parcel
from tests.flash.kits import CONTENTS, a_kit

_PROGRAMS = ("mcopy", "debugfs", "mkfs.vfat", "fsck.vfat", "mke2fs", "sfdisk")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
MISSING = [program for program in _PROGRAMS if shutil.which(program, path=_PATH) is None]
needs_programs = pytest.mark.skipif(
    bool(MISSING), reason=f"needs {' '.join(MISSING)} (mtools e2fsprogs dosfstools fdisk)"
)

FAT_BYTES = 6 << 20
ROOT_BYTES = 8 << 20
_START_BYTES = 1 << 20
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + b"\xb7\x00" + bytes(44)
CMDLINE = (
    b"console=serial0,115200 console=tty1 root=PARTUUID=4d8fd085-02 rootfstype=ext4 fsck.repair=yes rootwait resize\n"
)
META_DATA = b"# what Raspberry Pi OS brings\ndsmode: local\ninstance_id: rpios-image\n"
Files = Mapping[str, bytes | str]
"""Names and bytes; a text is where a link leads."""


def pi_boot() -> dict[str, bytes]:
    """Return the boot partition that pi-gen makes."""
    issue = b"Raspberry Pi reference 2025-11-24\nGenerated using pi-gen, https://github.com/RPi-Distro/pi-gen, stage2\n"
    return {"cmdline.txt": CMDLINE, "config.txt": b"arm_64bit=1\n", "issue.txt": issue}


def debian_root(
    name: str = "Debian GNU/Linux 13 (trixie)", python: str = "3.13", glibc: str = "2.41"
) -> dict[str, bytes | str]:
    """Return a root of Debian with systemd."""
    return {
        "usr/lib/os-release": f'PRETTY_NAME="{name}"\nID=debian\n'.encode(),
        "etc/os-release": "../usr/lib/os-release",
        "etc/fstab": b"PARTUUID=1-01  /boot/firmware  vfat  defaults  0  2\nPARTUUID=1-02  /  ext4  defaults  0  1\n",
        "etc/systemd/system/keep.service": b"[Unit]\n",
        "usr/bin/python3": f"python{python}",
        f"usr/bin/python{python}": ELF,
        "usr/lib/systemd/systemd": ELF,
        "usr/lib/systemd/system-generators/systemd-run-generator": ELF,
        "usr/lib/aarch64-linux-gnu/libc.so.6": ELF
        + f"GNU C Library (Debian GLIBC {glibc}-12) version {glibc}.".encode(),
    }


def trixie(folder: Path, *, boot: Files | None = None) -> Path:
    """Make an image like Raspberry Pi OS of late 2025: cloud-init that reads the boot partition."""
    root = debian_root() | {
        "etc/rpi-issue": b"Raspberry Pi reference 2025-11-24\n",
        "usr/bin/cloud-init": b"#!/usr/bin/python3\n",
        "etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg": (
            b"datasource_list: [ NoCloud, None ]\ndatasource:\n  NoCloud:\n    seedfrom: file:///boot/firmware\n"
        ),
    }
    seed = {"user-data": b"#cloud-config\n", "meta-data": META_DATA, "network-config": b"# empty\n"}
    return build(folder / "trixie.img", pi_boot() | seed | dict(boot or {}), root)


def bookworm(folder: Path, *, boot: Files | None = None) -> Path:
    """Make an image like Raspberry Pi OS Bookworm: firstrun.sh."""
    root = debian_root("Debian GNU/Linux 12 (bookworm)", "3.11", "2.36") | {
        "etc/rpi-issue": b"Raspberry Pi reference\n"
    }
    return build(folder / "bookworm.img", pi_boot() | dict(boot or {}), root)


def ubuntu(folder: Path) -> Path:
    """Make an image like Ubuntu for Pi: cloud-init that finds the boot partition by its label."""
    root = debian_root("Ubuntu 24.04.3 LTS", "3.12", "2.39") | {
        "usr/bin/cloud-init": b"#!/usr/bin/python3\n",
        "etc/cloud/cloud.cfg.d/99-fake_cloud.cfg": b"datasource:\n  NoCloud:\n    fs_label: system-boot\n",
    }
    boot = {
        "cmdline.txt": CMDLINE,
        "config.txt": b"",
        "user-data": b"#cloud-config\nchpasswd: {}\n",
        "meta-data": META_DATA,
    }
    return build(folder / "ubuntu.img", boot, root, label="system-boot", is_gpt=True)


def debian(folder: Path, *, has_cloud_init: bool = True) -> Path:
    """Make an image with a Debian root and nothing else: cloud-init there looks for a disc named cidata."""
    more = {"usr/bin/cloud-init": b"#!/usr/bin/python3\n"} if has_cloud_init else {}
    return build(folder / "debian.img", None, debian_root() | more, is_gpt=True)


def build(image: Path, boot: Files | None, root: Files | None, *, label: str = "bootfs", is_gpt: bool = False) -> Path:
    """Make an image of a table, a FAT partition and an ext4 root, either of which may be missing."""
    table = ["label: gpt" if is_gpt else "label: dos"]
    fat_type, root_type = ("uefi", "linux") if is_gpt else ("c", "83")
    start, root_start = _START_BYTES, _START_BYTES + (0 if boot is None else FAT_BYTES)
    if boot is not None:
        table.append(f"start={start // 512}, size={FAT_BYTES // 512}, type={fat_type}")
    if root is not None:
        table.append(f"start={root_start // 512}, size={ROOT_BYTES // 512}, type={root_type}")
    with image.open("wb") as file:
        file.truncate(root_start + (0 if root is None else ROOT_BYTES) + (1 << 20))
    run("sfdisk", "-q", str(image), given="\n".join(table))
    if boot is not None:
        run("mkfs.vfat", "-n", label, "--offset", str(start // 512), str(image), str(FAT_BYTES >> 10))
        _fill_fat(image, start, boot)
    if root is not None:
        tree = image.with_suffix(".root")
        _lay(tree, root)
        run(
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-d",
            str(tree),
            "-E",
            f"offset={root_start}",
            str(image),
            f"{ROOT_BYTES >> 10}k",
        )
        shutil.rmtree(tree)
    return image


def a_parcel(contents: Mapping[str, bytes] = CONTENTS) -> Parcel:
    """Return a small kit with a secret."""
    return Parcel(a_kit(dict(contents), secrets=("claim.json",)), contents, {"claim.json": b'{"token": "secret"}'})


def require_sound(image: Path) -> None:
    """Have fsck.vfat and e2fsck look at all that is in an image."""
    for partition in read_partitions(image):
        if partition.file_system == "fat":
            part = image.with_suffix(".part")
            part.write_bytes(stretch(image, partition))
            run("fsck.vfat", "-n", str(part))
        elif partition.file_system == "ext4":
            run("e2fsck", "-fn", f"{image}?offset={partition.start_bytes}")


def stretch(image: Path, partition: Partition) -> bytes:
    """Return the bytes of a partition."""
    with image.open("rb") as file:
        file.seek(partition.start_bytes)
        return file.read(partition.size_bytes)


def run(*command: str, given: str = "") -> str:
    """Run a program of the system; it must end well."""
    environment = {**os.environ, "PATH": _PATH, "MTOOLS_SKIP_CHECK": "1"}
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def _fill_fat(image: Path, start: int, boot: Files) -> None:
    tree = image.with_suffix(".boot")
    _lay(tree, boot)
    if boot:
        run("mcopy", "-s", "-i", f"{image}@@{start}", *(str(path) for path in sorted(tree.iterdir())), "::/")
    shutil.rmtree(tree)


def _lay(tree: Path, contents: Files) -> None:
    tree.mkdir()
    for name, content in contents.items():
        place = tree / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            place.symlink_to(content)
        else:
            place.write_bytes(content)
