from __future__ import annotations

import os
import shutil

import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.flash.image import survey, tool
from edge_sdk.flash.image.survey import survey_folder
from tests.flash.image.images import CMDLINE, META_DATA, build, debian_root, needs_programs, pi_boot, run

pytestmark = needs_programs


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("trixie", ("cloud-init", "Debian GNU/Linux 13 (trixie)", "3.13", "aarch64", "2.41", "/boot/firmware", True)),
        ("ubuntu", ("cloud-init", "Ubuntu 24.04.3 LTS", "3.12", "aarch64", "2.39", "/boot/firmware", True)),
        ("bookworm", ("firstrun", "Debian GNU/Linux 12 (bookworm)", "3.11", "aarch64", "2.36", "/boot/firmware", True)),
        ("debian", ("systemd-root", "Debian GNU/Linux 13 (trixie)", "3.13", "aarch64", "2.41", "/boot/firmware", True)),
    ],
)
def test_an_image_is_told_by_what_is_in_it(survey_of, kind, told):
    found = survey_of(kind)
    facts = (found.os_name, found.python, found.arch, found.glibc, found.boot_folder, found.root_grows)
    assert (found.format, *facts) == told
    assert 5_000_000 < found.free_bytes < found.root_bytes == 8 << 20
    assert (found.boot is None) == (kind == "debian")


def test_what_told_so_is_said(survey_of):
    assert survey_of("ubuntu").evidence == (
        "a boot partition system-boot with cmdline.txt config.txt user-data meta-data",
        "Ubuntu 24.04.3 LTS",
        "cloud-init that reads LABEL=system-boot",
    )


def test_an_image_that_takes_no_known_customisation_is_refused(tmp_path):
    image = build(
        tmp_path / "other.img", {"kernel.img": b"k"}, {"usr/lib/os-release": b"PRETTY_NAME=Alpine\nID=alpine\n"}
    )
    with pytest.raises(InputError, match="got no boot partition, Alpine, no systemd") as raised:
        survey(image)
    assert "ssh://USER@HOST" in raised.value.hint


def test_cloud_init_that_is_switched_off_in_the_root_is_not_relied_upon(tmp_path):
    seed = {"user-data": b"", "meta-data": b"", "cmdline.txt": CMDLINE}
    cloud = {
        "usr/bin/cloud-init": b"",
        "etc/cloud/cloud.cfg": b"datasource:\n  NoCloud:\n    seedfrom: /boot/firmware/\n",
        "etc/cloud/cloud-init.disabled": b"",
    }
    assert survey(build(tmp_path / "off.img", seed, debian_root() | cloud)).format == "systemd-root"


def test_two_roots_are_not_chosen_between(made, tmp_path):
    root = made("debian").read_bytes()[1 << 20 : 9 << 20]
    image = tmp_path / "two.img"
    image.write_bytes(bytes(1 << 20) + root + root)
    table = "label: dos\nstart=2048, size=16384\nstart=18432, size=16384\n"
    run("sfdisk", "-q", "--wipe", "never", str(image), given=table)
    with pytest.raises(InputError, match="expected one root, got 1, 2"):
        survey(image)


def test_a_truncated_image_is_told(image_of):
    image = image_of("trixie")
    os.truncate(image, image.stat().st_size // 2)
    with pytest.raises(InputError, match=r"expected partition 2 to end by \d+ bytes") as raised:
        survey(image)
    assert "the image is truncated" in raised.value.hint


def test_a_damaged_boot_partition_is_told(image_of):
    image = image_of("trixie")
    with image.open("r+b") as file:
        file.seek((1 << 20) + 11)
        file.write(b"\x01\x07")  # sectors of 1793 bytes
    with pytest.raises(InputError, match="expected a FAT file system that mtools can read"):
        survey(image)


def test_a_missing_program_is_told_with_what_brings_it(made, monkeypatch, tmp_path):
    image = made("trixie")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="expected the program to be installed, got none") as raised:
        survey(image)
    assert raised.value.hint == "apt install mtools / brew install mtools"


def test_without_debugfs_a_boot_partition_tells_what_one_in_a_laptop_does(made, monkeypatch, tmp_path):
    for name in ("mcopy", "mdir", "mdu", "mlabel"):
        (tmp_path / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tool, "_FOLDERS", ())
    found = survey(made("trixie"))
    assert (found.format, found.os_name, found.python) == ("cloud-init", "Raspberry Pi reference 2025-11-24", "")
    assert found.evidence[-1] == "no root that can be read"
    with pytest.raises(UnavailableError, match="debugfs: expected the program to be installed") as raised:
        survey(made("debian"))
    assert raised.value.hint == "apt install e2fsprogs / brew install e2fsprogs"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (pi_boot() | {"user-data": b"#cloud-config\n", "meta-data": META_DATA}, "cloud-init"),
        (pi_boot(), "firstrun"),
    ],
)
def test_a_mounted_boot_partition_is_told_by_its_files(tmp_path, names, told):
    for name, content in names.items():
        (tmp_path / name).write_bytes(content)
    found = survey_folder(tmp_path)
    assert (found.format, found.os_name, found.python) == (told, "Raspberry Pi reference 2025-11-24", "")


def test_a_folder_that_is_no_boot_partition_is_refused(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match="got a boot partition with none of the known files, no root that can be read"):
        survey_folder(tmp_path)
