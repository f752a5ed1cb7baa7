"""Machines as lsblk, /proc and /sys tell them: which of their drives may be written, and why the others may not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_sdk.errors import InputError
from edge_sdk.flash.block_devices import Machine, block_devices, look
from edge_sdk.flash.drives import choose
from edge_sdk.flash.refusals import refusal

CASES = sorted(Path(__file__).parents[1].glob("cases/flash/drives/*.json"))


def devices_of(name):
    document = json.loads((CASES[0].parent / f"{name}.json").read_text())
    return {device.path: device for device in block_devices(Machine(**document["machine"]))}


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_each_disk_of_a_machine_is_refused_for_its_reason_or_not_at_all(path):
    document = json.loads(path.read_text())
    found = {device.path: refusal(device) for device in block_devices(Machine(**document["machine"]))}
    told = {name: said and {"got": said.got, "hint": said.hint} for name, said in found.items()}
    assert told == document["got"]


def test_all_cases_are_there_and_some_drives_may_be_written():
    documents = [json.loads(path.read_text())["got"] for path in CASES]
    assert len(documents) >= 15
    assert sum(said is None for got in documents for said in got.values()) >= 8


def test_a_refusal_is_told_by_place_expected_and_got():
    with pytest.raises(InputError) as refused:
        choose(devices_of("usb_stick")["/dev/sdc"], 0)
    assert str(refused.value) == (
        "/dev/sdc: expected a drive of which nothing is mounted, got /dev/sdc1 mounted at /media/me/bootfs"
    )
    assert refused.value.hint == "sudo umount /media/me/bootfs '/media/me/root fs'"


def test_a_drive_that_may_be_written_is_told_with_what_is_on_it():
    drive = choose(devices_of("usb_stick")["/dev/sdb"], 4_000_000_000)
    assert (drive.title, drive.serial, drive.transport) == ("SanDisk Ultra, 31.9 GB", "4C530001230512117", "usb")
    assert [(part.path, part.filesystem, part.label) for part in drive.partitions] == [("/dev/sdb1", "vfat", "STICK")]
    assert drive.sequence == 12


def test_a_drive_that_is_too_small_is_refused_with_both_sizes():
    with pytest.raises(
        InputError, match=r"at least 32,000,000,000 bytes, got 31,914,983,424 \(SanDisk Ultra, 31\.9 GB\)"
    ):
        choose(devices_of("usb_stick")["/dev/sdb"], 32_000_000_000)


def test_flags_of_an_old_lsblk_are_words():
    node = {"path": "/dev/sdb", "type": "disk", "size": "4000000000", "ro": "0", "rm": "0"}
    machine = Machine({"blockdevices": [node, {**node, "path": "/dev/sdc", "rm": "1"}]})
    fixed, removable = block_devices(machine)
    assert (fixed.is_removable, fixed.is_read_only, fixed.size_bytes) == (False, False, 4_000_000_000)
    assert removable.is_removable
    assert refusal(fixed) is not None
    assert refusal(removable) is None


def test_other_systems_are_told_another_way():
    with pytest.raises(InputError, match="drives: expected Linux, got darwin") as refused:
        look("darwin")
    assert "boot partition" in refused.value.hint
