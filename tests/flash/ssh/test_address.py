from __future__ import annotations

import pytest

from edge_sdk.errors import InputError
from edge_sdk.flash.ssh.address import Address


@pytest.mark.parametrize(
    ("text", "address", "options"),
    [
        ("ssh://press-4", Address("press-4"), ("--", "press-4")),
        ("ssh://pi@press-4.local", Address("press-4.local", "pi"), ("-l", "pi", "--", "press-4.local")),
        ("ssh://pi@10.0.0.7:2222", Address("10.0.0.7", "pi", 2222), ("-l", "pi", "-p", "2222", "--", "10.0.0.7")),
        ("ssh://[fe80::1%eth0]:22/", Address("fe80::1%eth0", "", 22), ("-p", "22", "--", "fe80::1%eth0")),
        ("ssh://my_jetson", Address("my_jetson"), ("--", "my_jetson")),
    ],
)
def test_an_address_is_read(text, address, options):
    assert Address.parse(text) == address
    assert address.options == options
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "ssh://-oProxyCommand=reboot",
        "ssh://-oProxyCommand=reboot@board",
        "ssh://pi@-V",
        "ssh://pi@board;reboot",
        "ssh://pi@board reboot",
        "ssh://pi@$(reboot)",
        "ssh://`reboot`@board",
        "ssh://pi@board\n-oX",
        "ssh://pi@board/../x",
        "ssh://pi@board:22x",
        "ssh://pi@board:0",
        "ssh://pi@board:65536",
        "ssh://pi@board:٢٢",
        "ssh://pi@board:" + "1" * 5000,
        "ssh://pi@[board]",
        "ssh://pi@[::1%$(reboot)]",
        "ssh://pi@pi@board",
        "ssh://",
        "ssh://@board",
        "ssh://pi@",
        "pi@board",
        "http://board",
    ],
)
def test_what_could_be_an_option_or_a_shells_line_is_refused(text):
    with pytest.raises(InputError, match="expected") as caught:
        Address.parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_password_is_refused_and_not_shown():
    with pytest.raises(InputError, match="expected no password in it, got one") as caught:
        Address.parse("ssh://pi:geheim@press-4")
    assert "geheim" not in str(caught.value) + caught.value.hint
    with pytest.raises(InputError) as caught:
        Address.parse("ssh://pi:geheim@press-4:x:y")
    assert "geheim" not in str(caught.value)


def test_an_address_says_what_to_type_and_how_its_key_is_known():
    assert Address.parse("ssh://pi@press-4:2222").typed == "-p 2222 pi@press-4"
    assert Address.parse("ssh://pi@press-4:2222").known_as == "[press-4]:2222"
    assert Address.parse("ssh://press-4").known_as == "press-4"
