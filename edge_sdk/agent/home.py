"""Where this board belongs, as its enrolment left it; read without the libraries that enrolling needs."""

from __future__ import annotations

from pathlib import Path

from edge_sdk import files
from edge_sdk.wire import decode
from edge_sdk.wire.enrolment import Home

_MAX_BYTES = 1 << 20


def read_home(folder: Path) -> Home | None:
    """Return where this board belongs; None if it is no member.

    Args:
        folder: The device's folder.

    Raises:
        InputError: What is there cannot be read.
    """
    path = folder / "identity" / "home.json"
    if not path.exists():
        return None
    return decode(Home, files.read_bytes(path, max_bytes=_MAX_BYTES), where=str(path))
