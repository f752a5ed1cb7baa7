from __future__ import annotations

from dataclasses import replace

import pytest

from edge_sdk.errors import InputError
from edge_sdk.flash.image.formats import Boot, find_format
from edge_sdk.flash.image.root_system import System

PI = Boot(frozenset({"cmdline.txt", "config.txt", "issue.txt"}), issue="Raspberry Pi reference 2025-11-24")
SEEDED = replace(PI, names=PI.names | {"user-data", "meta-data"})
DEBIAN = System(
    name="Debian GNU/Linux 13 (trixie)",
    ids=frozenset({"debian"}),
    python="3.13",
    arch="aarch64",
    glibc="2.41",
    is_raspberry_pi_os=False,
    has_systemd=True,
    runs_commands=True,
    has_preseed=False,
    seed="",
    has_cloud_init=False,
    boot_folder="/boot/firmware",
)
PI_OS = replace(DEBIAN, is_raspberry_pi_os=True)
CLOUD = replace(DEBIAN, has_cloud_init=True, seed="/boot/firmware")


@pytest.mark.parametrize(
    ("boot", "system", "told"),
    [
        (SEEDED, CLOUD, "cloud-init"),
        (PI, CLOUD, "cloud-init"),  # it reads the partition, and the files come from us
        (replace(SEEDED, label="SYSTEM-BOOT"), replace(CLOUD, seed="LABEL=system-boot"), "cloud-init"),
        (SEEDED, None, "cloud-init"),
        (SEEDED, PI_OS, "firstrun"),  # seed files for a system without cloud-init: nobody would read them
        (PI, PI_OS, "firstrun"),
        (PI, None, "firstrun"),
        (replace(SEEDED, label="bootfs"), replace(CLOUD, seed="LABEL=system-boot"), "systemd-root"),
        (SEEDED, replace(CLOUD, seed="/boot"), "systemd-root"),  # mounted elsewhere than where cloud-init looks
        (replace(SEEDED, cmdline="quiet cloud-init=disabled"), CLOUD, "systemd-root"),
        (
            replace(SEEDED, label="system-boot"),
            replace(CLOUD, seed="LABEL=system-boot", boot_folder=""),
            "systemd-root",
        ),
        (PI, replace(PI_OS, boot_folder=""), "systemd-root"),
        (None, DEBIAN, "systemd-root"),
        (PI, DEBIAN, "systemd-root"),
        (PI, replace(PI_OS, runs_commands=False), "systemd-root"),
        (replace(SEEDED, names=SEEDED.names | {"rpi-preseed.toml"}), CLOUD, "cloud-init"),
    ],
)
def test_the_format_is_told_by_what_reads_it(boot, system, told):
    assert find_format(boot, system, where="disk") == told


@pytest.mark.parametrize(
    ("boot", "system", "told"),
    [
        (None, None, "got no boot partition, no root that can be read"),
        (Boot(frozenset({"config.txt"}), label="BOOT"), None, "got a boot partition BOOT with config.txt, no root"),
        (Boot(frozenset({"kernel.img"})), None, "got a boot partition with none of the known files, no root"),
        (replace(PI, issue="LibreELEC"), None, "got a boot partition with cmdline.txt config.txt issue.txt, no root"),
        (
            None,
            replace(DEBIAN, has_systemd=False),
            r"got no boot partition, Debian GNU/Linux 13 \(trixie\), no systemd",
        ),
        (None, replace(DEBIAN, name="Fedora", ids=frozenset({"fedora"})), "got no boot partition, Fedora$"),
        (replace(PI, names=PI.names | {"rpi-preseed.toml"}), None, "got one with rpi-preseed only"),
        (PI, replace(PI_OS, has_preseed=True), "got one with rpi-preseed only"),
    ],
)
def test_what_is_not_known_is_refused_and_told(boot, system, told):
    with pytest.raises(InputError, match=told):
        find_format(boot, system, where="disk")
