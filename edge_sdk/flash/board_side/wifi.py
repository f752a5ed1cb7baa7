"""Wi-Fi: for NetworkManager, netplan or wpa_supplicant, whichever this system has, in this order.

- The kit has the key that was derived from the passphrase (PBKDF2); the passphrase itself never travels.
- The network's name is written as bytes or JSON, so that no name can be more than a name.
- Raspberry Pi OS keeps the radio off until a country is set: by rfkill, and in NetworkManager's state
  (RPi-Distro/pi-gen, stage2/02-net-tweaks/01-run.sh).
"""

from __future__ import annotations

import json
import re
import uuid
from contextlib import suppress
from dataclasses import dataclass

from edge_sdk.flash.board_side import durable
from edge_sdk.flash.board_side.commands import run
from edge_sdk.flash.board_side.places import Places

_PRIVATE = 0o600  # NetworkManager passes over a connection that others can read
_QUICK_S = 20.0


@dataclass(frozen=True, slots=True)
class Wifi:
    """A network: its name, the key as 64 hexadecimal digits, a country of two letters, whether it hides its name."""

    ssid: str
    psk: str
    country: str
    hidden: bool


def read_wifi(data: bytes) -> Wifi:
    """Read the kit's secret.

    Raises:
        ValueError: It is none.
    """
    document = json.loads(data)
    if not isinstance(document, dict):
        raise ValueError("expected an object")
    wifi = Wifi(
        ssid=str(document.get("ssid", "")),
        psk=str(document.get("psk", "")),
        country=str(document.get("country", "")),
        hidden=document.get("hidden") is True,
    )
    is_one = 1 <= len(wifi.ssid.encode()) <= 32 and re.fullmatch("[0-9a-f]{64}", wifi.psk)
    if not is_one or not re.fullmatch("[A-Z]{2}", wifi.country):
        raise ValueError("expected ssid, psk of 64 hexadecimal digits, and country of two letters")
    return wifi


def join(places: Places, wifi: Wifi) -> str:
    """Have this system join a network, now and at each start.

    Returns:
        Why it cannot be; empty if it can.

    Raises:
        OSError: The disk cannot be written.
    """
    _set_country(places, wifi.country)
    for program, write in (("NetworkManager", _network_manager), ("netplan", _netplan), ("wpa_supplicant", _wpa)):
        if places.has(program):
            write(places, wifi)
            return ""
    return "wifi: expected NetworkManager, netplan or wpa_supplicant on this system, got none"


def _set_country(places: Places, country: str) -> None:
    """Allow the radio: for this start by programs, where there are any, and for the next by files."""
    durable.write(
        places.root / "etc/modprobe.d/edge-sdk-wifi.conf", f"options cfg80211 ieee80211_regdom={country}\n".encode()
    )
    run("raspi-config", "nonint", "do_wifi_country", country, timeout_s=_QUICK_S)
    run("iw", "reg", "set", country, timeout_s=_QUICK_S)
    run("rfkill", "unblock", "wifi", timeout_s=_QUICK_S)
    for blocked in (places.root / "var/lib/systemd/rfkill").glob("*:wlan"):
        with suppress(OSError):
            blocked.write_text("0\n")


def _network_manager(places: Places, wifi: Wifi) -> None:
    name = "".join(f"{byte};" for byte in wifi.ssid.encode())
    text = (
        f"[connection]\nid=edge-sdk\nuuid={uuid.uuid5(uuid.NAMESPACE_DNS, 'wifi.edge-sdk')}\ntype=wifi\n"
        f"[wifi]\nmode=infrastructure\nssid={name}\nhidden={str(wifi.hidden).lower()}\n"
        f"[wifi-security]\nkey-mgmt=wpa-psk\npsk={wifi.psk}\n"
        "[ipv4]\nmethod=auto\n[ipv6]\nmethod=auto\naddr-gen-mode=default\n"
    )
    connections = places.root / "etc/NetworkManager/system-connections"
    durable.write(connections / "edge-sdk.nmconnection", text.encode(), mode=_PRIVATE)
    state = places.root / "var/lib/NetworkManager/NetworkManager.state"
    if state.exists():
        durable.write(state, state.read_bytes().replace(b"WirelessEnabled=false", b"WirelessEnabled=true"))
    run("nmcli", "radio", "wifi", "on", timeout_s=_QUICK_S)
    run("nmcli", "connection", "reload", timeout_s=_QUICK_S)


def _netplan(places: Places, wifi: Wifi) -> None:
    hidden = ", hidden: true" if wifi.hidden else ""
    text = (
        "network:\n  version: 2\n  wifis:\n"
        f"    {_interface(places)}:\n      dhcp4: true\n      optional: true\n      access-points:\n"
        f'        {json.dumps(wifi.ssid)}: {{password: "{wifi.psk}"{hidden}}}\n'
    )
    durable.write(places.root / "etc/netplan/90-edge-sdk.yaml", text.encode(), mode=_PRIVATE)
    run("netplan", "apply", timeout_s=_QUICK_S)


def _wpa(places: Places, wifi: Wifi) -> None:
    """Write for wpa_supplicant; where dhcpcd runs it, its usual file, else one for systemd's unit, with an address."""
    interface, etc = _interface(places), places.root / "etc"
    hidden = "\tscan_ssid=1\n" if wifi.hidden else ""
    text = (
        f"country={wifi.country}\nctrl_interface=DIR=/run/wpa_supplicant GROUP=netdev\n"
        f"network={{\n\tssid={wifi.ssid.encode().hex()}\n\tpsk={wifi.psk}\n{hidden}}}\n"
    )
    if places.has("dhcpcd"):
        durable.write(etc / "wpa_supplicant/wpa_supplicant.conf", text.encode(), mode=_PRIVATE)
        run("systemctl", "try-restart", "--no-block", "dhcpcd.service")
        return
    durable.write(etc / f"wpa_supplicant/wpa_supplicant-{interface}.conf", text.encode(), mode=_PRIVATE)
    network = f"[Match]\nName={interface}\n[Network]\nDHCP=yes\n[Link]\nRequiredForOnline=no\n"
    durable.write(etc / "systemd/network/90-edge-sdk.network", network.encode())
    run("systemctl", "enable", f"wpa_supplicant@{interface}.service", "systemd-networkd.service")
    run("systemctl", "start", "--no-block", f"wpa_supplicant@{interface}.service", "systemd-networkd.service")


def _interface(places: Places) -> str:
    found = sorted((places.root / "sys/class/net").glob("*/wireless"))
    return found[0].parent.name if found else "wlan0"
