"""The two programs that a kit carries: `first_boot.pyz`, for the board's own Python, and `start.sh`, which starts it.

`first_boot.pyz` is the modules of `board_side` in one zip, by the names that they have here, and nothing else of ours.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

PROGRAM_NAME = "first_boot.pyz"
START_NAME = "start.sh"
_SOURCE = Path(__file__).with_name("board_side")
_MAIN = "import sys\n\nfrom edge_sdk.flash.board_side.main import main\n\nsys.exit(main())\n"
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def program() -> bytes:
    """Return `first_boot.pyz`; the same modules always give the same bytes."""
    modules = {f"edge_sdk/flash/board_side/{path.name}": path.read_bytes() for path in sorted(_SOURCE.glob("*.py"))}
    packages = {"edge_sdk/__init__.py": b"", "edge_sdk/flash/__init__.py": b""}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"__main__.py": _MAIN.encode(), **packages, **modules}.items():
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, whatever this machine is
            archive.writestr(entry, data)
    return packed.getvalue()


def start_script() -> bytes:
    """Return `start.sh`."""
    return (_SOURCE / START_NAME).read_bytes()
