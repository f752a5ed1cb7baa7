from __future__ import annotations

import json
import os
import stat

import pytest

from edge_sdk.flash.board_side import secrets_taken
from edge_sdk.flash.board_side.checks import check_libraries
from edge_sdk.flash.board_side.clock import raise_to
from edge_sdk.flash.board_side.failure import StepError
from edge_sdk.flash.board_side.hostname import set_hostname
from edge_sdk.flash.board_side.login import set_login
from edge_sdk.flash.board_side.places import Places
from edge_sdk.flash.board_side.wifi import join, read_wifi
from tests.flash.fresh_board import LOGIN, WIFI


@pytest.fixture
def places(board, monkeypatch):
    """A board's places; the programs of its system are stand-ins."""
    for name, value in board.environment.items():
        monkeypatch.setenv(name, value)
    board.kit.mkdir(parents=True)
    return Places(board.root, board.kit)


def have(places: Places, *programs: str) -> None:
    for program in programs:
        (places.root / "usr/sbin" / program).touch()


def private(places: Places, name: str) -> str:
    path = places.root / "etc" / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text()


def test_network_manager_gets_a_connection_of_its_own_and_its_radio_on(places, board):
    have(places, "NetworkManager", "netplan", "wpa_supplicant")
    state = places.root / "var/lib/NetworkManager/NetworkManager.state"
    state.parent.mkdir(parents=True)
    state.write_text("[main]\nNetworkingEnabled=true\nWirelessEnabled=false\n")
    assert join(places, read_wifi(json.dumps(WIFI).encode())) == ""
    text = private(places, "NetworkManager/system-connections/edge-sdk.nmconnection")
    assert f"psk={'0a' * 32}\n" in text
    assert "ssid=" + "".join(f"{byte};" for byte in b'Werk "7"') + "\nhidden=true\n" in text
    assert "WirelessEnabled=true" in state.read_text()
    assert "nmcli connection reload" in board.log


def test_netplan_gets_a_file_that_no_name_can_break(places, board):
    have(places, "netplan", "wpa_supplicant")
    (places.root / "sys/class/net/wlp1s0/wireless").mkdir(parents=True)
    assert join(places, read_wifi(json.dumps(WIFI).encode())) == ""
    text = private(places, "netplan/90-edge-sdk.yaml")
    assert "    wlp1s0:\n      dhcp4: true\n" in text
    assert '        "Werk \\"7\\"": {password: "' + "0a" * 32 + '", hidden: true}\n' in text
    assert "netplan apply" in board.log


def test_wpa_supplicant_is_written_for_whoever_runs_it(places, board):
    have(places, "wpa_supplicant")
    assert join(places, read_wifi(json.dumps(WIFI).encode())) == ""
    text = private(places, "wpa_supplicant/wpa_supplicant-wlan0.conf")
    assert f"\tssid={WIFI['ssid'].encode().hex()}\n\tpsk={WIFI['psk']}\n\tscan_ssid=1\n" in text
    assert "systemctl enable wpa_supplicant@wlan0.service systemd-networkd.service" in board.log
    have(places, "dhcpcd")
    assert join(places, read_wifi(json.dumps(WIFI).encode())) == ""
    assert private(places, "wpa_supplicant/wpa_supplicant.conf").startswith("country=DE\n")


def test_the_country_is_set_by_what_there_is_and_the_radio_unblocked(places, board):
    blocked = places.root / "var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("1\n")
    told = join(places, read_wifi(json.dumps(WIFI).encode()))
    assert told == "wifi: expected NetworkManager, netplan or wpa_supplicant on this system, got none"
    assert board.log == "raspi-config nonint do_wifi_country DE\niw reg set DE\nrfkill unblock wifi\n"
    assert blocked.read_text() == "0\n"
    option = places.root / "etc/modprobe.d/edge-sdk-wifi.conf"
    assert option.read_text() == "options cfg80211 ieee80211_regdom=DE\n"


@pytest.mark.parametrize("wrong", [{"psk": "passphrase"}, {"country": "de"}, {"ssid": ""}, {"ssid": "x" * 33}])
def test_a_wifi_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="expected ssid, psk of 64 hexadecimal digits"):
        read_wifi(json.dumps({**WIFI, **wrong}).encode())


def test_a_login_is_made_once_with_its_keys_and_the_groups_that_there_are(places, board):
    path = places.kit / "login.json"
    path.write_text(json.dumps(LOGIN))
    assert set_login(places, path) == ""
    assert "useradd --create-home --shell /bin/bash --groups sudo,video ada\n" in board.log
    keys = places.root / "home/ada/.ssh/authorized_keys"
    assert (keys.read_text(), stat.S_IMODE(keys.stat().st_mode)) == ("ssh-ed25519 AAAA ada@laptop\n", 0o600)
    assert stat.S_IMODE(keys.parent.stat().st_mode) == 0o700
    assert keys.stat().st_uid == os.getuid()
    rule = places.root / "etc/sudoers.d/010-edge-sdk-ada"
    assert (rule.read_text(), stat.S_IMODE(rule.stat().st_mode)) == ("ada ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    path.write_text(json.dumps({**LOGIN, "ssh_keys": ["ssh-ed25519 BBBB"]}))
    assert set_login(places, path) == ""
    assert keys.read_text() == "ssh-ed25519 AAAA ada@laptop\nssh-ed25519 BBBB\n"
    assert board.log.count("useradd") == 1
    assert "systemctl enable ssh.service\n" in board.log


@pytest.mark.parametrize("name", ["root", "Ada", "a;reboot", "../x", ""])
def test_a_login_that_is_none_is_refused(places, name):
    path = places.kit / "login.json"
    path.write_text(json.dumps({"user": name, "ssh_keys": []}))
    with pytest.raises(StepError, match="expected the name of a user"):
        set_login(places, path)


def test_keys_do_not_go_through_a_link(places):
    (places.kit / "login.json").write_text(json.dumps(LOGIN))
    set_login(places, places.kit / "login.json")
    keys = places.root / "home/ada/.ssh/authorized_keys"
    keys.unlink()
    keys.symlink_to(places.root / "etc/passwd")
    with pytest.raises(StepError, match=r"expected a file of the user's, got a link"):
        set_login(places, places.kit / "login.json")


def test_a_hostname_stays_on_a_system_with_cloud_init_too(places, board):
    (places.root / "etc/cloud/cloud.cfg.d").mkdir(parents=True)
    (places.root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 raspberrypi\n10.0.0.1 fleet\n")
    for _ in range(2):
        set_hostname(places, "cam-1")
    assert (places.root / "etc/hostname").read_text() == "cam-1\n"
    assert (places.root / "etc/hosts").read_text() == "127.0.0.1 localhost\n10.0.0.1 fleet\n127.0.1.1\tcam-1\n"
    assert "preserve_hostname: true\n" in (places.root / "etc/cloud/cloud.cfg.d/99-edge-sdk.cfg").read_text()
    assert "hostname cam-1\n" in board.log


def test_a_clock_behind_the_kit_is_set_and_systemd_begins_there_next_time(places, board):
    clock = places.root / "var/lib/systemd/timesync/clock"
    clock.parent.mkdir(parents=True)
    assert not raise_to(places, 1_000_000_000)
    assert board.log == ""
    assert raise_to(places, 4_000_000_000)
    assert board.log == "date -u -s @4000000000\n"
    assert clock.stat().st_mtime == 4_000_000_000


def test_a_library_that_the_system_lacks_is_named_with_its_package():
    check_libraries()
    with pytest.raises(
        StepError, match=r"^libnone.so.9: expected it on this system, got none: install libnone9$"
    ) as failed:
        check_libraries({"libnone.so.9": "libnone9"})
    assert failed.value.is_final


def test_a_secret_is_taken_off_the_card_and_one_that_cannot_be_wiped_is_taken_once(places):
    (places.kit / "claim.json").write_text("a claim")
    (places.kit / "wifi.json").symlink_to("/sys/devices/system/cpu/possible")  # root itself cannot write it
    told = "wifi.json: expected it to be wiped off the kit, got a folder that cannot be written"
    assert secrets_taken.are_new(places)
    assert secrets_taken.take(places) == [told]
    assert not (places.kit / "claim.json").exists()
    assert (places.boot / "claim.json").read_text() == "a claim"
    assert stat.S_IMODE((places.boot / "claim.json").stat().st_mode) == 0o600
    for name in secrets_taken.NAMES:
        (places.boot / name).unlink()
    assert not secrets_taken.are_new(places)
    assert secrets_taken.take(places) == [told]
    assert not (places.boot / "wifi.json").exists()


def test_what_a_wipe_that_was_cut_off_has_left_is_no_secret(places):
    (places.kit / "claim.json").write_bytes(bytes(40))
    assert not secrets_taken.are_new(places)
    assert secrets_taken.take(places) == []
    assert not (places.kit / "claim.json").exists()
    assert not (places.boot / "claim.json").exists()
