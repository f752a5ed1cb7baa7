"""What system an ext4 root holds, from its own files: name, Python, processor, C library, how it starts.

Nothing of it is run. The processor is that of its python3, for that is what will run; the C library says its version
in a line of text, which running it as a program would print.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from edge_sdk.flash.image.cloud_settings import seed_of, takes_vendor_data
from edge_sdk.flash.image.ext4 import Ext4Volume

_MOST_BYTES = 1 << 20
_MOST_LIBRARY_BYTES = 16 << 20
_MACHINES = {0x3E: "x86_64", 0xB7: "aarch64", 0x28: "armv7l"}  # e_machine, elf(5)
_CLOUD_FOLDER = "etc/cloud/cloud.cfg.d"
_MOST_CLOUD_FILES = 64


@dataclass(frozen=True, slots=True)
class System:
    """A root file system's facts.

    Attributes:
        name: As `PRETTY_NAME` of os-release has it.
        ids: `ID` and `ID_LIKE`.
        python: `3.13`; empty without a python3.
        arch: `aarch64`, `x86_64`, `armv7l`; empty if unknown.
        glibc: `2.41`; empty if unknown.
        is_raspberry_pi_os: Whether it was made by Raspberry Pi's own builder.
        has_systemd: Whether systemd is there.
        runs_commands: Whether systemd takes a command from the kernel's command line (systemd-run-generator).
        has_preseed: Whether rpi-preseed is there.
        seed: What cloud-init's NoCloud reads: a folder such as `/boot/firmware`, a label such as `LABEL=system-boot`,
            or empty if cloud-init is not there, is switched off, or takes no vendor data.
        has_cloud_init: Whether cloud-init is there and not switched off: it grows the root, as it does in clouds.
        boot_folder: Where the FAT partition is mounted, by fstab; empty if it is not.
    """

    name: str
    ids: frozenset[str]
    python: str
    arch: str
    glibc: str
    is_raspberry_pi_os: bool
    has_systemd: bool
    runs_commands: bool
    has_preseed: bool
    seed: str
    has_cloud_init: bool
    boot_folder: str


def read_system(root: Ext4Volume) -> System | None:
    """Return the facts of a root file system, or None if it holds none that says its name.

    Raises:
        InputError: The file system is damaged.
        UnavailableError: debugfs is not installed.
    """
    release = _text(root, "usr/lib/os-release") or _text(root, "etc/os-release")
    if not release:
        return None
    said: dict[str, str] = dict(re.findall(r'^([A-Z_]+)="?(.*?)"?$', release, re.MULTILINE))
    python = root.link("usr/bin/python3").rpartition("/")[2]
    arch = _arch(root.head(f"usr/bin/{python}", 20)) if python else ""
    has_cloud_init = "cloud-init" in root.names("usr/bin") and "cloud-init.disabled" not in root.names("etc/cloud")
    settings = _cloud_settings(root) if has_cloud_init else ""
    return System(
        name=said.get("PRETTY_NAME") or said.get("ID", ""),
        ids=frozenset((said.get("ID", ""), *said.get("ID_LIKE", "").split())),
        python=python.removeprefix("python") if re.fullmatch(r"python3\.\d+", python) else "",
        arch=arch,
        glibc=_glibc(root, f"usr/lib/{arch}-linux-gnu") if arch else "",
        is_raspberry_pi_os="rpi-issue" in root.names("etc"),
        has_systemd="systemd" in root.names("usr/lib/systemd"),
        runs_commands="systemd-run-generator" in root.names("usr/lib/systemd/system-generators"),
        has_preseed="rpi-preseed" in root.names("usr/lib"),
        seed=seed_of(settings) if has_cloud_init and takes_vendor_data(settings) else "",
        has_cloud_init=has_cloud_init,
        boot_folder=_boot_folder(_text(root, "etc/fstab")),
    )


def _text(root: Ext4Volume, name: str) -> str:
    return (root.read(name, most_bytes=_MOST_BYTES) or b"").decode(errors="replace")


def _arch(head: bytes) -> str:
    if head[:4] != b"\x7fELF" or len(head) < 20:
        return ""
    return _MACHINES.get(struct.unpack_from("<H", head, 18)[0], "")


def _glibc(root: Ext4Volume, folder: str) -> str:
    name = root.link(f"{folder}/libc.so.6") or "libc.so.6"
    library = root.read(f"{folder}/{name}", most_bytes=_MOST_LIBRARY_BYTES) or b""
    found = re.search(rb"GNU C Library .* version (\d+\.\d+)", library)
    return found[1].decode() if found else ""


def _boot_folder(fstab: str) -> str:
    mounts = re.findall(r"^\s*[^#\s]\S*\s+(/boot(?:/firmware)?)\s+vfat\s", fstab, re.MULTILINE)
    return str(mounts[0]) if mounts else ""


def _cloud_settings(root: Ext4Volume) -> str:
    parts = sorted(name for name in root.names(_CLOUD_FOLDER) if name.endswith(".cfg"))[:_MOST_CLOUD_FILES]
    return "\n".join(
        _text(root, name) for name in ("etc/cloud/cloud.cfg", *(f"{_CLOUD_FOLDER}/{part}" for part in parts))
    )
