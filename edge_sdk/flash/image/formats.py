"""Which customisation an image takes, told by what is in it: never by its name, never guessed.

- `cloud-init`: its root has cloud-init that reads the boot partition (Raspberry Pi OS since late 2025, Ubuntu for Pi).
  Where the root cannot be read, as with a boot partition in a laptop, the seed files are the sign.
- `firstrun`: Raspberry Pi OS without it: a script that systemd runs for the kernel's command line.
- `systemd-root`: Debian, Ubuntu and what is like them, with systemd: a unit in the root, also without a FAT partition.
- Anything else is refused, and told what was looked for and found; so is rpi-preseed, by name, until it is more than a
  prototype.

Sources: raspberrypi/rpi-imager doc/os_customisation_formats.md; RPi-Distro/pi-gen stage2/04-cloud-init
(99_raspberry-pi.cfg: `seedfrom: file:///boot/firmware`); canonical/cloud-init DataSourceNoCloud.py (`fs_label`);
raspberrypi/rpi-preseed README.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_sdk.errors import InputError
from edge_sdk.flash.image.root_system import System

Format = Literal["cloud-init", "firstrun", "systemd-root"]
SEED_FILES = frozenset({"user-data", "meta-data"})
_BOOT_FILES = ("cmdline.txt", "config.txt", "user-data", "meta-data", "issue.txt", "firstrun.sh", "rpi-preseed.toml")
_PRESEED_FILE = "rpi-preseed.toml"


@dataclass(frozen=True, slots=True)
class Boot:
    """What a boot partition shows.

    Attributes:
        names: The names in its top folder, in lower case.
        label: Its label; empty if it has none or it is not known.
        cmdline: The kernel's command line, as in cmdline.txt.
        issue: What made it, as in issue.txt.
    """

    names: frozenset[str]
    label: str = ""
    cmdline: str = ""
    issue: str = ""

    @property
    def is_raspberry_pi_os(self) -> bool:
        """Whether it was made by Raspberry Pi's own builder: RPi-Distro/pi-gen, export-image, writes that line."""
        return "Raspberry Pi reference" in self.issue and {"cmdline.txt", "config.txt"} <= self.names


def find_format(boot: Boot | None, system: System | None, *, where: str) -> Format:
    """Tell which customisation an image takes.

    Args:
        boot: Its boot partition, if it has one.
        system: Its root's facts, if it can be read.
        where: What starts a message.

    Raises:
        InputError: None that is known.
    """
    if boot is not None and _reads_seed(boot, system):
        return "cloud-init"
    if _has_preseed(boot, system):
        raise InputError(
            f"{where}: expected an image with cloud-init, firstrun.sh or systemd, got one with rpi-preseed only",
            hint="rpi-preseed is a prototype: take an image with cloud-init, or ssh://USER@HOST once it runs",
        )
    if boot is not None and _runs_first_script(boot, system):
        return "firstrun"
    if system is not None and system.has_systemd and {"debian", "ubuntu"} & system.ids:
        return "systemd-root"
    raise InputError(
        f"{where}: expected cloud-init that reads the boot partition, Raspberry Pi OS, or a Debian or Ubuntu root with "
        f"systemd; got {', '.join(evidence(boot, system))}",
        hint="take an image of Raspberry Pi OS, Ubuntu or Debian, or set the board up over ssh://USER@HOST",
    )


def evidence(boot: Boot | None, system: System | None) -> tuple[str, ...]:
    """Return what an image shows, for people, a few words each."""
    if boot is None:
        found = ["no boot partition"]
    else:
        names = [name for name in _BOOT_FILES if name in boot.names]
        label = boot.label and f" {boot.label}"
        found = [f"a boot partition{label} with {' '.join(names) or 'none of the known files'}"]
    if system is None:
        return (*found, "no root that can be read")
    found.append(system.name or "a root without a name")
    if system.has_cloud_init:
        found.append(f"cloud-init that reads {system.seed or 'no vendor data'}")
    if system.is_raspberry_pi_os:
        found.append("made as Raspberry Pi OS")
    if not system.has_systemd:
        found.append("no systemd")
    return tuple(found)


def _reads_seed(boot: Boot, system: System | None) -> bool:
    if "cloud-init=disabled" in boot.cmdline.split():
        return False
    if system is None:
        return boot.names >= SEED_FILES
    if not system.seed or not system.boot_folder:  # the hook must find the kit, too
        return False
    return system.seed.lower() in (f"LABEL={boot.label}".lower(), system.boot_folder)


def _has_preseed(boot: Boot | None, system: System | None) -> bool:
    return (boot is not None and _PRESEED_FILE in boot.names) or (system is not None and system.has_preseed)


def _runs_first_script(boot: Boot, system: System | None) -> bool:
    if system is None:
        return boot.is_raspberry_pi_os
    is_mounted = bool(system.boot_folder) and "cmdline.txt" in boot.names
    return system.is_raspberry_pi_os and system.runs_commands and is_mounted
