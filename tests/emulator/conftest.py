"""The emulated board, where `scripts/emulate setup` has made one; else what needs it is skipped by name."""

from __future__ import annotations

import pytest

from scripts.emulator.board import open_board, why_not


@pytest.fixture(scope="session")
def board():
    """An emulated ARM board with this checkout's edge-sdk."""
    if why := why_not():
        pytest.skip(f"no emulated ARM board ({why}): scripts/emulate setup makes one, as root on Debian x86_64")
    return open_board()
