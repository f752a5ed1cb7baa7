"""A person's login: a user with keys and without a password, who may become root."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.flash.board_side import durable
from edge_sdk.flash.board_side.commands import run
from edge_sdk.flash.board_side.failure import StepError
from edge_sdk.flash.board_side.places import Places

_GROUPS = ("sudo", "adm", "dialout", "audio", "video", "plugdev", "netdev", "render", "input", "gpio", "i2c", "spi")
_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,30}")  # useradd(8)


@dataclass(frozen=True, slots=True)
class Account:
    """What `/etc/passwd` says of a user."""

    uid: int
    gid: int
    home: str


def set_login(places: Places, path: Path) -> str:
    """Make the login that a file names; one that is there gets the keys that it lacks.

    Returns:
        Why nobody can log in with it; empty if one can.

    Raises:
        StepError: The file is none, or the user cannot be made.
        OSError: The disk cannot be written.
    """
    name, keys = _read(path)
    account = _account(places, name) or _make(places, name)
    rule = places.root / f"etc/sudoers.d/010-edge-sdk-{name}"
    durable.write(rule, f"{name} ALL=(ALL) NOPASSWD: ALL\n".encode(), mode=0o440)
    _authorize(places.root / account.home.lstrip("/"), account, keys)
    run("cancel-rename", name)  # Raspberry Pi OS: ends its own questions for a first user (RPi-Distro/userconf-pi)
    return _enable_ssh(places)


def _read(path: Path) -> tuple[str, tuple[str, ...]]:
    try:
        document = json.loads(path.read_bytes())
        name, keys = str(document["user"]), tuple(str(key).strip() for key in document["ssh_keys"])
    except (ValueError, KeyError, TypeError) as exc:
        raise StepError(f"{path.name}: expected a user and SSH keys, got {exc!r:.100}", is_final=True) from exc
    if not _NAME.fullmatch(name) or name == "root" or any("\n" in key for key in keys):
        raise StepError(f"{path.name}: expected the name of a user and keys of a line each, got others", is_final=True)
    return name, keys


def _account(places: Places, name: str) -> Account | None:
    for line in (places.root / "etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) >= 7:
            return Account(int(fields[2]), int(fields[3]), fields[5])
    return None


def _make(places: Places, name: str) -> Account:
    known = {line.split(":")[0] for line in (places.root / "etc/group").read_text().splitlines()}
    groups = ",".join(group for group in _GROUPS if group in known)
    made = run("useradd", "--create-home", "--shell", "/bin/bash", *(("--groups", groups) if groups else ()), name)
    account = _account(places, name)
    if account is None:
        raise StepError(f"useradd: expected a user {name!r}, got {made.reason}")
    return account


def _authorize(home: Path, account: Account, keys: tuple[str, ...]) -> None:
    """Add the keys that are not there; sshd passes over files that others can write."""
    folder, path = home / ".ssh", home / ".ssh/authorized_keys"
    if folder.is_symlink() or path.is_symlink():
        raise StepError(f"{path}: expected a file of the user's, got a link", is_final=True)
    durable.make_folder(folder, mode=0o700)
    present = path.read_text().splitlines() if path.exists() else []
    wanted = [*present, *(key for key in keys if key not in present)]
    durable.write(path, ("\n".join(wanted) + "\n").encode(), mode=0o600)
    for owned in (*((home,) if home.stat().st_uid != account.uid else ()), folder, path):
        os.chown(owned, account.uid, account.gid)
    folder.chmod(0o700)


def _enable_ssh(places: Places) -> str:
    """Have the SSH server run, now and at each start, with keys of its own."""
    etc = places.root / "etc/ssh"
    if etc.is_dir() and not any(etc.glob("ssh_host_*_key")) and places.has("ssh-keygen"):
        run("ssh-keygen", "-A")
    for unit in ("ssh.service", "sshd.service"):  # Debian's and Ubuntu's name, and that of others
        if run("systemctl", "enable", unit).is_good:
            run("systemctl", "start", "--no-block", unit)
            return ""
    return "ssh: expected an SSH server on this system, got none"
