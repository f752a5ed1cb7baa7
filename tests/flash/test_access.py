from __future__ import annotations

import json

import pytest

from edge_sdk.errors import InputError
from edge_sdk.flash.access import Login, Wifi, check_hostname, hostname_of

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGKq me@here"


def test_the_key_is_that_of_the_standard_and_the_passphrase_stays_here():
    wifi = Wifi.join("ThisIsASSID", "ThisIsAPassword", "DE")  # IEEE 802.11-2020, annex J.4.2
    assert wifi.psk == "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af"
    assert b"ThisIsAPassword" not in wifi.encode()
    assert json.loads(wifi.encode())["country"] == "DE"


def test_a_derived_key_and_an_open_network_are_taken_as_they_are():
    assert Wifi.join("net", "AB" * 32, "DE").psk == "ab" * 32
    assert Wifi.join("net", "", "DE", hidden=True).psk == ""


@pytest.mark.parametrize(
    ("ssid", "passphrase", "country", "wrong"),
    [
        ("", "password", "DE", "--wifi: expected a name"),
        ("é" * 17, "password", "DE", "--wifi: expected a name of 1 to 32 bytes"),
        ("a\nb", "password", "DE", "--wifi: expected a name"),
        ("net", "short", "DE", "--wifi-password-file: expected 8 to 63"),
        ("net", "pässword", "DE", "--wifi-password-file: expected 8 to 63"),
        ("net", "password", "de", "--wifi-country: expected two capital letters"),
    ],
)
def test_a_network_that_cannot_be_is_refused(ssid, passphrase, country, wrong):
    with pytest.raises(InputError) as caught:
        Wifi.join(ssid, passphrase, country)
    assert wrong in str(caught.value)
    assert passphrase == "" or passphrase not in str(caught.value)


def test_public_keys_are_read_from_their_file():
    login = Login.read("edge", f"# mine\n\n{KEY}\n")
    assert json.loads(login.encode()) == {"user": "edge", "ssh_keys": [KEY]}


@pytest.mark.parametrize(
    ("user", "text", "wrong"),
    [
        ("Root!", KEY, "--user: expected"),
        ("edge", "", "--ssh-key: expected a public key, got none"),
        ("edge", "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret", "got a private one"),
        ("edge", "hello there", "--ssh-key: expected a public key of OpenSSH"),
    ],
)
def test_a_login_that_cannot_be_is_refused(user, text, wrong):
    with pytest.raises(InputError) as caught:
        Login.read(user, text)
    assert wrong in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_device_has_a_name_for_the_network():
    assert [hostname_of(name) for name in ("Press_4.a", "press-4", "___", "a" * 62 + "-b")] == [
        "press-4-a",
        "press-4",
        "board",
        "a" * 62,
    ]
    for name in ("", "-a", "a.b", "A", "a" * 64):
        with pytest.raises(InputError, match="--hostname: expected"):
            check_hostname(name)
