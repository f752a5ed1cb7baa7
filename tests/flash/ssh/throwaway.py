"""A board that is thrown away: a system's root below a layer in memory, with a real sshd of its own in it.

The system is this machine's own, or another one in a folder (scripts/sshlab). What is written there (/opt, /etc, /var,
users) is seen by nobody else and goes when the sshd ends. It needs root, overlayfs, OpenSSH's server and `unshare`;
`missing()` tells which of them is not here.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SSHD = "/usr/sbin/sshd"
_START = """
set -eu
cd "$1"
mount -t tmpfs -o size=4g tmpfs layer
mkdir layer/upper layer/work layer/root
mount -t overlay overlay -o "lowerdir=$2,upperdir=layer/upper,workdir=layer/work" layer/root
root=$PWD/layer/root
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
for folder in run/sshd run/systemd/system opt/edge-sdk var/lib/edge-sdk; do rm -rf "$root/$folder"; done
mkdir -p "$root/run/sshd" "$root/run/systemd/system"
rm -f "$root/root/.bashrc"  # a slow one is none of our business
chmod 755 "$root/root" "$root/run/sshd"
grep -q ^sshd: "$root/etc/passwd" || echo 'sshd:x:990:65534::/run/sshd:/usr/sbin/nologin' >> "$root/etc/passwd"
echo 'boarder:x:7777:7777::/home/boarder:/bin/sh' >> "$root/etc/passwd"
echo 'boarder:*:19000:0:99999:7:::' >> "$root/etc/shadow"
echo 'boarder:x:7777:' >> "$root/etc/group"
install -d -o 7777 -g 7777 "$root/home/boarder"
printf 'auth sufficient pam_permit.so\\naccount sufficient pam_permit.so\\nsession sufficient pam_permit.so\\n' \
  > "$root/etc/pam.d/su"
rm -f "$root/usr/bin/sudo" "$root/usr/bin/systemctl"
cp sudo systemctl "$root/usr/bin/"
cp authorized_keys "$root/etc/ssh/edge-keys"
cp host_key "$root/etc/ssh/edge-host-key"
chmod 600 "$root/etc/ssh/edge-host-key"
exec chroot "$root" /usr/sbin/sshd -D -e -f /dev/stdin < sshd_config
"""
_SUDO = """#!/bin/sh
# stands in for sudo: the mode says whether it would ask for a password
mode=$(cat /etc/edge-sudo 2>/dev/null)
case ${mode:-free} in
password) echo "sudo: a password is required" >&2; exit 1 ;;
refused) echo "boarder is not in the sudoers file." >&2; exit 1 ;;
esac
user=root
[ "$1" = -n ] && shift
[ "$1" = -u ] && user=$2 && shift 2
[ "$1" = -- ] && shift
exec su -s /bin/sh -c 'exec "$0" "$@"' "$user" -- "$@"
"""
_SYSTEMCTL = """#!/bin/sh
echo "$*" >> /var/log/edge-systemctl
"""
_SSHD_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey /etc/ssh/edge-host-key
AuthorizedKeysFile /etc/ssh/edge-keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
"""
_CONFIG = """
Host *
  IdentityFile {folder}/user_key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  BatchMode yes
  ControlMaster auto
  ControlPersist 10m
Host jump
  HostName 127.0.0.1
  Port {port}
  User root
Host behind
  HostName 127.0.0.1
  Port {port}
  ProxyJump jump
"""


def missing() -> str:
    """Return what a throwaway board lacks on this machine; empty if nothing."""
    if os.geteuid() != 0:
        return "root"
    for program in (
        _SSHD,
        "/usr/bin/ssh",
        "/usr/bin/ssh-keygen",
        "/usr/bin/unshare",
        "/usr/bin/nsenter",
        "/usr/bin/python3",
    ):
        if not Path(program).exists():
            return program
    layer = (
        "mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w /mnt/r && mount -t overlay o /mnt/r -o lowerdir=/,upperdir=/mnt/u"
    )
    trial = ["unshare", "--mount", "sh", "-c", f"{layer},workdir=/mnt/w"]
    is_possible = subprocess.run(trial, capture_output=True, check=False).returncode == 0
    return "" if is_possible else "overlayfs in a namespace of its own"


@dataclass
class Throwaway:
    """A board that is thrown away.

    Attributes:
        folder: Keys and configuration of its ssh, and of the client.
        port: Where it listens on 127.0.0.1.
        lower: The root that it begins with, which stays as it is.
    """

    folder: Path
    port: int
    lower: Path = Path("/")
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ssh://root@127.0.0.1:{self.port}"

    @property
    def programs(self) -> Path:
        """A folder whose `ssh` knows the test's keys, to stand first in PATH."""
        return self.folder / "bin"

    def start(self) -> None:
        line = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
                "sh", "-c", _START, "sh", str(self.folder), str(self.lower)]  # fmt: skip
        log = (self.folder / "sshd.log").open("wb")
        self.process = subprocess.Popen(line, stdout=log, stderr=log)
        log.close()
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        self.stop()
        raise RuntimeError((self.folder / "sshd.log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def do(self, command: str, given: bytes = b"") -> str:
        """Run something there as root, past ssh and our own code; return what it says."""
        assert self.process is not None
        sshd = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().strip()
        done = subprocess.run(
            ["nsenter", "--target", sshd, "--mount", "--pid", "--root", "sh", "-c", command],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            input=given,
            capture_output=True,
            check=False,
            timeout=300,  # under an emulator
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


def make(folder: Path, lower: Path = Path("/"), *, systemctl: str = _SYSTEMCTL) -> Throwaway:
    """Return a board with keys of its own, not started; `systemctl` is what stands for that."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    (folder / "layer").mkdir()
    for name in ("host_key", "user_key", "other_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host_key.pub').read_text()}")
    (folder / "sshd_config").write_text(_SSHD_CONFIG.format(port=port))
    (folder / "config").write_text(_CONFIG.format(folder=folder, port=port))
    (folder / "bin").mkdir()
    scripts = {
        "sudo": _SUDO,
        "systemctl": systemctl,
        "bin/ssh": f'#!/bin/sh\nexec /usr/bin/ssh -F {folder}/config "$@"\n',
    }
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return Throwaway(folder, port, lower)
