"""Clock, disks, cards and devices: what keeps a run from writing, reading, or believing the time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_sdk.doctor.clock import ClockState, check_clock, judge, read_clock
from edge_sdk.doctor.disk import Room, check_disk
from edge_sdk.doctor.disk import judge as judge_disk
from edge_sdk.doctor.mounts import Mount, mount_of, read_mounts
from edge_sdk.doctor.permissions import check_permissions, is_allowed
from edge_sdk.doctor.record import Subject, User
from edge_sdk.doctor.wear import check_wear
from edge_sdk.profiles import load_profile
from tests.sysfs import lay

SOME_DAY_UNIX_S = 1_795_000_000
MOUNTS = """/dev/mmcblk0p2 / ext4 rw,noatime 0 0
tmpfs /run tmpfs rw 0 0
/dev/sda1 /media/my\\040disk ext4 ro,noatime 0 0"""
CARD = Mount("/dev/mmcblk0p2", Path("/"), "ext4", is_read_only=False)
ROOMY = Room(10**10, 10**6, 10**6)


def subject(root, **values):
    return Subject(User("pi", 64_999, frozenset({64_999})), root=root, **values)  # nobody who runs tests


@pytest.mark.parametrize(
    ("synchronized", "now_unix_s", "state"),
    [
        (True, SOME_DAY_UNIX_S, "ok"),
        (False, SOME_DAY_UNIX_S, "warning"),
        (True, 3600, "failed"),
        (True, 1e11, "failed"),
    ],
)
def test_a_time_is_believed_if_it_is_plausible_and_kept(synchronized, now_unix_s, state):
    assert judge(ClockState(synchronized, 12.0), now_unix_s=now_unix_s).state == state


def test_this_kernel_tells_how_its_clock_stands():
    assert read_clock().max_error_ms >= 0


def test_a_battery_clock_is_looked_for(tmp_path):
    assert {one.name: one.state for one in check_clock(subject(tmp_path))}["battery clock"] == "not here"
    lay(tmp_path, {"sys/class/rtc/rtc0/name": "rpi-rtc"})
    assert {one.name: one.evidence for one in check_clock(subject(tmp_path))}["battery clock"] == "rpi-rtc"


@pytest.mark.parametrize(
    ("place", "device"),
    [("/home/pi", "/dev/mmcblk0p2"), ("/run/x", "tmpfs"), ("/runs", "/dev/mmcblk0p2"), ("/media/my disk", "/dev/sda1")],
)
def test_a_place_is_on_the_deepest_file_system(tmp_path, place, device):
    mounts = read_mounts(lay(tmp_path, {"proc/self/mounts": MOUNTS}))
    assert mount_of(Path(place), mounts).device == device


@pytest.mark.parametrize(
    ("room", "mount", "is_writable", "state", "says"),
    [
        (ROOMY, CARD, True, "ok", "10.0 GB free (ext4 on /dev/mmcblk0p2)"),
        (ROOMY, None, True, "ok", "10.0 GB free"),
        (ROOMY, Mount("tmpfs", Path("/run"), "tmpfs", is_read_only=False), True, "ok", "gone after a restart"),
        (ROOMY, Mount("x", Path("/"), "ext4", is_read_only=True), True, "failed", "is read-only"),
        (ROOMY, CARD, False, "failed", "cannot be written by this user"),
        (Room(10**8, 10**6, 10**6), CARD, True, "warning", "100 MB free"),
        (Room(10**6, 10**6, 10**6), CARD, True, "failed", "1 MB free"),
        (Room(10**10, 3, 10**6), CARD, True, "failed", "room for 3 more files of 1000000"),
        (Room(10**10, 0, 0), CARD, True, "ok", "10.0 GB free"),
    ],
)
def test_a_place_must_take_what_a_run_writes(room, mount, is_writable, state, says):
    finding = judge_disk("disk", Path("/home"), room, mount, is_writable=is_writable)
    assert finding.state == state
    assert says in finding.evidence


def test_the_places_of_this_machine_are_looked_at_and_its_logs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay(tmp_path, {"proc/self/mounts": f"/dev/sda1 {tmp_path} ext4 ro 0 0", "run/log/journal/x": ""})
    findings = {one.name: one.state for one in check_disk(subject(tmp_path))}
    assert (findings["disk for results"], findings["logs"]) == ("failed", "warning")
    lay(tmp_path, {"var/log/journal/x": ""})
    assert {one.name: one.state for one in check_disk(subject(tmp_path))}["logs"] == "ok"


@pytest.mark.parametrize(
    ("life_time", "pre_eol", "state", "says"),
    [
        ("0x01 0x02", "0x01", "ok", "10 to 20 % of its life used"),
        ("0x09 0x01", "0x01", "warning", "80 to 90 % of its life used"),
        ("0x01 0x01", "0x02", "warning", "80 % of its reserve is used"),
        ("0x0b 0x01", "0x01", "failed", "beyond its life"),
        ("0x01 0x01", "0x03", "failed", "its reserve is used up"),
    ],
)
def test_a_card_that_tells_its_wear_is_judged(tmp_path, life_time, pre_eol, state, says):
    lay(tmp_path / "sys/block/mmcblk0/device", {"life_time": life_time, "pre_eol_info": pre_eol})
    (finding,) = check_wear(subject(tmp_path))
    assert (finding.name, finding.state) == ("wear of mmcblk0", state)
    assert says in finding.evidence


def test_an_sd_card_tells_nothing_but_its_file_system_does(tmp_path):
    lay(tmp_path, {"sys/block/mmcblk0/device/type": "SD", "sys/fs/ext4/mmcblk0p2/errors_count": "4"})
    card, system = check_wear(subject(tmp_path))
    assert (card.state, system.state) == ("not here", "failed")
    assert system.evidence == "4 errors since it was last checked"


@pytest.mark.parametrize(
    ("mode", "uid", "groups", "is_free"),
    [
        (0o660, 0, (), True),
        (0o660, 7, (), False),
        (0o660, 7, (44,), True),
        (0o640, 7, (44,), False),
        (0o666, 7, (), True),
    ],
)
def test_a_mode_allows_what_it_says(mode, uid, groups, is_free):
    found = os.stat_result((mode, 0, 0, 0, 0, 44, 0, 0, 0, 0))
    assert is_allowed(found, User("x", uid, frozenset(groups)), os.R_OK | os.W_OK) is is_free


def test_a_device_of_a_group_is_opened_by_its_members(tmp_path):
    lay(tmp_path, {"dev/video0": "", "etc/group": "root:x:0:\n"})
    (tmp_path / "dev/video0").chmod(0o660)
    group = (tmp_path / "dev/video0").group()
    (finding,) = check_permissions(subject(tmp_path, sources=("camera:0",)))
    assert finding.state == "failed"
    assert finding.evidence.startswith(f"/dev/video0 is for root and group {group}")
    (unasked,) = check_permissions(subject(tmp_path))
    assert unasked.state == "warning"
    lay(tmp_path, {"etc/group": f"{group}:x:0:pi\n"})
    (member,) = check_permissions(subject(tmp_path))
    assert member.cure == "log out and in again, or restart the service"


def test_a_device_that_a_source_needs_and_is_not_there_fails(tmp_path):
    (finding,) = check_permissions(subject(tmp_path, sources=("i2c:1/bme280",)))
    assert (finding.state, finding.evidence) == ("failed", "there is no /dev/i2c-*")
    assert "do_i2c" in finding.cure
    assert list(check_permissions(subject(tmp_path))) == []


def test_a_gpu_is_asked_for_by_boards_whose_models_use_it(tmp_path):
    lay(tmp_path, {"dev/nvmap": ""})
    (tmp_path / "dev/nvmap").chmod(0o660)
    assert list(check_permissions(subject(tmp_path, profile=load_profile("raspberry-pi-5")))) == []
    (finding,) = check_permissions(subject(tmp_path, profile=load_profile("jetson-orin-nano")))
    assert (finding.name, finding.state) == ("may use GPU", "warning")
