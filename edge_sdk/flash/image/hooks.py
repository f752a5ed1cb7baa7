"""The smallest thing that has a system run `sh KIT/start.sh`, for each format, beside what its user has set up already.

- cloud-init: `vendor-data` with a boot hook. Boot hooks run at each boot, in cloud-init's local stage, before the
  network; vendor data stands beside the user's own `user-data`, which is not touched. The instance's id names what
  cloud-init is given: it changes with it, and then the first boot is done again; another kit alone changes nothing.
- firstrun: Raspberry Pi Imager's own three words on the kernel's command line, which stays one line. A firstrun.sh that
  is there runs after ours: it takes its words off that line itself, and a power cut between must not lose ours.
- systemd-root: a unit, wanted by a drop-in of multi-user.target: plain files, where `systemctl enable` makes a link.

Sources: canonical/cloud-init handlers/boot_hook.py (each boot), stages.py `_consume_vendordata`, DataSourceNoCloud.py
(`i=` in `ds=nocloud` goes before meta-data, and holds the cache); raspberrypi/rpi-imager
src/customization_generator.cpp and the words that it appends; RPi-Distro/raspberrypi-sys-mods
initramfs-tools/scripts/local-bottom/imager_fixup (which turns /boot/ into /boot/firmware/, and writes the end of
firstrun.sh anew, from the line that removes it).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from edge_sdk import files
from edge_sdk.errors import InputError
from edge_sdk.flash.image.cloud_settings import takes_vendor_data

KIT_ON_BOOT = "edge-sdk"
KIT_ON_ROOT = "opt/edge-sdk/kit"
Read = Callable[[str], bytes | None]

_BOOT_HOOK = """\
#cloud-boothook
#!/bin/sh
# Written by edge-sdk flash: at each boot, starts what lies in the folder edge-sdk of the boot partition.
for folder in /boot/firmware /boot; do
    kit=$folder/edge-sdk
    [ -e "$kit/start.sh" ] || systemctl start "$(systemd-escape --path --suffix=mount "$folder")" 2>/dev/null
    [ -e "$kit/start.sh" ] && exec sh "$kit/start.sh"
done
exit 0
"""
_FIRST_RUN = """\
#!/bin/sh
# Written by edge-sdk flash: starts what lies in the folder edge-sdk beside it, once; that stays by itself.
here=$(dirname "$0")
sh "$here/edge-sdk/start.sh"
{chained}rm -f "$here"/firstrun.sh
sed -i 's| systemd\\.[^ ]*||g' "$here/cmdline.txt"
exit 0
"""
_THEIR_SCRIPT = "firstrun-user.sh"
_CHAINED = f'sh "$here/{_THEIR_SCRIPT}"\nrm -f "$here/{_THEIR_SCRIPT}"\n'
_UNIT = f"""\
# Written by edge-sdk flash: at each boot, starts what lies in /{KIT_ON_ROOT}.
[Unit]
Description=Start the kit of edge-sdk
ConditionPathExists=/{KIT_ON_ROOT}/start.sh

[Service]
Type=oneshot
ExecStart=/bin/sh /{KIT_ON_ROOT}/start.sh
"""
_NO_USER_DATA = b"#cloud-config\n"
_UNIT_NAME = "edge-sdk-kit.service"
_INSTANCE_ID = re.compile(r"^instance[-_]id:.*\n?", re.MULTILINE)
_NOCLOUD = re.compile(r"(?<!\S)(ds=nocloud(?:-net)?;(?:[^\s;]*;)*?)(i|instance-id)=[^\s;]*")
_RUN = re.compile(r"(?<!\S)systemd\.run=(\S+)")
_RUN_WORDS = (
    "systemd.run={folder}/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target"
)


def cloud_init_files(read: Read, *, where: str) -> Mapping[str, bytes]:
    """Return what the boot partition must hold so that cloud-init runs the kit.

    Args:
        read: Returns a file of the boot partition, or None.
        where: What starts a message.

    Raises:
        InputError: The user's own settings keep vendor data away.
    """
    user = read("user-data") or _NO_USER_DATA
    if not takes_vendor_data(user.decode(errors="replace")):
        raise InputError(
            f"{where}, user-data: expected vendor_data to be on, got it switched off",
            hint="remove vendor_data from user-data: the board's kit is started by it",
        )
    vendor = _vendor_data(read("vendor-data") or b"")
    given = b"\0".join((user, vendor, read("network-config") or b""))
    instance = f"edge-sdk-{files.sha256_hex(given)[:16]}"
    written = {"vendor-data": vendor, "meta-data": _meta_data(read("meta-data") or b"", instance)}
    if user is _NO_USER_DATA:  # NoCloud takes no seed without it
        written["user-data"] = user
    for name in ("cmdline.txt", "current/cmdline.txt"):  # the second since Ubuntu 25.10
        line = read(name)
        if line is not None and _NOCLOUD.search(line.decode(errors="replace")):
            written[name] = _NOCLOUD.sub(rf"\1\2={instance}", line.decode(errors="replace")).encode()
    return written


def first_run_files(read: Read, boot_folder: str, *, where: str) -> Mapping[str, bytes]:
    """Return what the boot partition must hold so that its first script runs the kit.

    Args:
        read: Returns a file of the boot partition, or None.
        boot_folder: Where the system mounts it; empty if that is not known, and then it is /boot, which Raspberry Pi OS
            mends at its start where it is /boot/firmware.
        where: What starts a message.

    Raises:
        InputError: Another script than firstrun.sh is to run.
    """
    line = (read("cmdline.txt") or b"").decode(errors="replace").strip()
    runs = _RUN.search(line)
    if "\n" in line or not line:
        raise InputError(f"{where}, cmdline.txt: expected one line, got {len(line.splitlines())}")
    if runs and not runs[1].endswith("/firstrun.sh"):
        raise InputError(
            f"{where}, cmdline.txt: expected systemd.run= of firstrun.sh or none, got {runs[1]}",
            hint="start the board once, so that it has run that, then flash it",
        )
    theirs = read("firstrun.sh") or b""
    is_ours = b"edge-sdk/start.sh" in theirs
    chains = _CHAINED.encode() in theirs if is_ours else bool(runs and theirs)
    written = {"firstrun.sh": _FIRST_RUN.replace("{chained}", _CHAINED if chains else "").encode()}
    if theirs and not is_ours:
        written[_THEIR_SCRIPT] = theirs
    if not runs:
        written["cmdline.txt"] = f"{line} {_RUN_WORDS.format(folder=boot_folder or '/boot')}\n".encode()
    return written


def unit_files() -> Mapping[str, bytes]:
    """Return what the root must hold so that systemd runs the kit."""
    return {
        f"etc/systemd/system/{_UNIT_NAME}": _UNIT.encode(),
        "etc/systemd/system/multi-user.target.d/edge-sdk.conf": f"[Unit]\nWants={_UNIT_NAME}\n".encode(),
    }


def _vendor_data(theirs: bytes) -> bytes:
    hook = _BOOT_HOOK.encode()
    if not theirs.strip() or theirs == hook:
        return hook
    own = MIMEText(_BOOT_HOOK, "cloud-boothook", "us-ascii")
    if own.as_bytes() in theirs:
        return theirs
    both = MIMEMultipart(boundary=f"edge-sdk-{files.sha256_hex(theirs)[:16]}", policy=policy.SMTP.clone(linesep="\n"))
    if b"mime-version:" in theirs[:4096].lower():  # as cloud-init tells it: cloudinit/user_data.py, convert_string
        both.attach(message_from_bytes(theirs))
    else:
        both.attach(MIMEText(theirs.decode(errors="surrogateescape"), "plain", "utf-8"))
    both.attach(own)
    return both.as_bytes()


def _meta_data(theirs: bytes, instance: str) -> bytes:
    rest = _INSTANCE_ID.sub("", theirs.decode(errors="replace"))
    return f"{rest}{'' if rest.endswith(chr(10)) or not rest else chr(10)}instance-id: {instance}\n".encode()
