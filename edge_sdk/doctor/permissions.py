"""Whether this user may open the devices that sources read, and the GPU."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.doctor.record import Finding, State, Subject, User

_FREE = os.R_OK | os.W_OK


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of device.

    Attributes:
        name: What it is called.
        files: How its files are named, below /dev.
        schemes: Which sources need it; none of the GPU, which execution providers use.
        appears_by: What makes it appear where a source needs it and it is not there.
        needs: What must be allowed: reading, or both.
    """

    name: str
    files: tuple[str, ...]
    schemes: frozenset[str]
    appears_by: str
    needs: int = _FREE


KINDS = (
    Kind("cameras", ("video*",), frozenset({"camera"}), "plug the camera in; lsusb lists what is there"),
    Kind(
        "CSI cameras",
        ("media*", "dma_heap/*"),
        frozenset({"csi"}),
        "rpicam-hello --list-cameras (Raspberry Pi), sudo /opt/nvidia/jetson-io/jetson-io.py (Jetson)",
    ),
    Kind("I2C", ("i2c-*",), frozenset({"i2c"}), "sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on"),
    Kind(
        "serial ports",
        ("ttyUSB*", "ttyACM*", "ttyAMA*", "ttyTHS*", "serial*"),
        frozenset({"serial"}),
        "plug it in; of the header: sudo raspi-config nonint do_serial_hw 0",
    ),
    Kind(
        "IIO sensors", ("iio:device*",), frozenset({"iio"}), "load the driver of the sensor: dmesg | grep iio", os.R_OK
    ),
    Kind("microphones", ("snd/pcm*c",), frozenset({"mic"}), "plug it in; arecord -l lists what is there"),
    Kind("GPU", ("nvmap", "nvhost-gpu", "nvgpu/*/channel", "dri/renderD*"), frozenset(), ""),
)


def this_user() -> User:
    """Return who runs this process."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a number without an entry, as in containers
        name = str(uid)
    return User(name, uid, frozenset({*os.getgroups(), os.getgid()}))


def check_permissions(subject: Subject) -> Iterator[Finding]:
    """Judge each kind of device that is there, or that a source needs."""
    schemes = {source.partition(":")[0] for source in subject.sources}
    schemes |= {"camera" for source in subject.sources if source.startswith("/dev/video")}
    uses_gpu = subject.profile is not None and len(subject.profile.providers) > 1
    for kind in KINDS:
        if not kind.schemes and not uses_gpu:  # a desktop has a GPU too, which no model asks for
            continue
        devices = sorted(path for pattern in kind.files for path in (subject.root / "dev").glob(pattern))
        is_needed = bool(kind.schemes & schemes)
        if devices:
            yield _judge(kind, devices, subject, is_needed=is_needed)
        elif is_needed:
            where = " or ".join(f"/dev/{pattern}" for pattern in kind.files)
            yield Finding(f"may use {kind.name}", "failed", f"there is no {where}", kind.appears_by)


def _judge(kind: Kind, devices: list[Path], subject: Subject, *, is_needed: bool) -> Finding:
    name = f"may use {kind.name}"
    closed = [device for device in devices if not is_allowed(device.stat(), subject.user, kind.needs)]
    if not closed:
        return Finding(name, "ok", f"{len(devices)}: {_listed(devices, subject.root)}")
    group = _group_name(closed[0].stat().st_gid)
    said = f"{_listed(closed, subject.root)} {'is' if len(closed) == 1 else 'are'} for root and group {group}"
    state: State = "failed" if is_needed else "warning"
    if subject.user.name in _members(subject.root, group):
        cure = "log out and in again, or restart the service"
        return Finding(name, state, f"{said}; {subject.user.name} is in it since this login", cure)
    if group == "root" or not closed[0].stat().st_mode & stat.S_IWGRP:
        cure = "a udev rule gives it to a group: docs/how_to/doctor.md"
        return Finding(name, state, f"{said}, who alone may use it" if group == "root" else said, cure)
    said += f", and {subject.user.name} is not in it"
    return Finding(name, state, said, f"sudo usermod -aG {group} {subject.user.name}, then log out and in again")


def is_allowed(found: os.stat_result, user: User, needs: int) -> bool:
    """Tell whether a user may use a file as `needs` says (os.R_OK, os.W_OK), by its mode."""
    if user.uid == 0:
        return True
    shift = 6 if found.st_uid == user.uid else 3 if found.st_gid in user.groups else 0
    return found.st_mode >> shift & needs == needs


def _members(root: Path, group: str) -> list[str]:
    path = root / "etc/group"
    for line in path.read_text().splitlines() if path.exists() else ():
        name, *_, members = line.split(":")
        if name == group:
            return members.split(",")
    return []


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _listed(devices: list[Path], root: Path) -> str:
    names = [f"/{device.relative_to(root)}" for device in devices]
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
