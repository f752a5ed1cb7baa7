"""What cloud-init's own settings and a user's user-data say of the two things that the hook depends on.

Read as lines, not as YAML: what is not understood counts as not said.
"""

from __future__ import annotations

import re

_SEED = re.compile(r"^\s*(seedfrom|fs_label):\s*[\"']?([^\s\"']+)", re.MULTILINE)
_NO_VENDOR_DATA = re.compile(
    r"^vendor_data:\s*(?:\{[^}]*|\n(?:[ \t]+.*\n)*?[ \t]+)enabled:\s*[\"']?(?:false|no|off)",
    re.MULTILINE | re.IGNORECASE,
)
_DEFAULT_SEED = "LABEL=cidata"


def seed_of(settings: str) -> str:
    """Return what NoCloud reads: a folder such as `/boot/firmware`, or a label such as `LABEL=system-boot`.

    Args:
        settings: The texts of cloud.cfg and cloud.cfg.d, in the order in which cloud-init merges them.

    Example:
        >>> seed_of("    seedfrom: file:///boot/firmware")
        '/boot/firmware'
    """
    found = _SEED.findall(settings)
    if not found:
        return _DEFAULT_SEED
    key, value = found[-1]
    return f"LABEL={value}" if key == "fs_label" else value.removeprefix("file://").rstrip("/")


def takes_vendor_data(settings: str) -> bool:
    """Tell whether settings, or user-data, leave vendor data on; they do unless they say otherwise."""
    return _NO_VENDOR_DATA.search(settings) is None
