"""The system's name, so that it stays: cloud-init sets its own at every boot unless it is told not to."""

from __future__ import annotations

import re

from edge_sdk.flash.board_side import durable
from edge_sdk.flash.board_side.commands import run
from edge_sdk.flash.board_side.places import Places

_OWN_ADDRESS = "127.0.1.1"  # of a Debian system without a fixed address: hosts(5), Debian's reference 5.1.1
_CLOUD = b"# Written by edge-sdk: the name is the kit's.\npreserve_hostname: true\nmanage_etc_hosts: false\n"


def set_hostname(places: Places, name: str) -> None:
    """Name the system.

    Raises:
        OSError: The disk cannot be written.
    """
    etc = places.root / "etc"
    path, hosts = etc / "hostname", etc / "hosts"
    if (etc / "cloud/cloud.cfg.d").is_dir():
        durable.write(etc / "cloud/cloud.cfg.d/99-edge-sdk.cfg", _CLOUD)
    text = hosts.read_text() if hosts.exists() else "127.0.0.1\tlocalhost\n"
    others = [line for line in text.splitlines() if not re.match(rf"\s*{re.escape(_OWN_ADDRESS)}\s", line)]
    durable.write(hosts, "\n".join([*others, f"{_OWN_ADDRESS}\t{name}", ""]).encode())
    durable.write(path, f"{name}\n".encode())
    run("hostname", name)  # now; the file says it from the next boot on
