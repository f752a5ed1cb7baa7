"""Kits that are small: right in form, with contents that nobody runs."""

from __future__ import annotations

from edge_sdk.files import sha256_hex
from edge_sdk.flash.kit import Kit, KitFile

PACKAGE = "resnet8-1.edge"
CONTENTS = {
    "start.sh": b"#!/bin/sh\n",
    "first_boot.py": b"print('hello')\n",
    "wheels/tiny-1.0-py3-none-any.whl": b"a wheel",
    PACKAGE: b"a package",
}


def a_kit(contents: dict[str, bytes] = CONTENTS, *, secrets: tuple[str, ...] = ()) -> Kit:
    """Return the record of a kit with these contents, for a board named `cam-1`."""
    return Kit(
        device="cam-1",
        hostname="cam-1",
        profile="raspberry-pi-5",
        arch="aarch64",
        python="3.13",
        glibc="2.28",
        package=PACKAGE,
        package_sha256=sha256_hex(contents[PACKAGE]),
        model_sha256=sha256_hex(b"a model"),
        keeps=(),
        made_unix_s=1_790_000_000,
        needs_bytes=1_000_000,
        files=tuple(KitFile.of(name, data) for name, data in contents.items()),
        secrets=secrets,
    )
