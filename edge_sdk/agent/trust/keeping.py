"""What verification needs from the world: somewhere to keep metadata, and a source of files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from edge_sdk.agent.trust.floors import Floors

Fetch = Callable[[str, int], bytes | None]
"""Returns a file such as `metadata/timestamp.json`, of at most so many bytes; None: the source says there is none."""


class Keeper(Protocol):
    """Where verified metadata lie."""

    def root(self, number: int) -> bytes | None:
        """Return a root: 0 for the newest, then older ones; None if there is no such, no bytes if it is lost."""

    def load(self, role: str) -> bytes | None:
        """Return what was kept of a role; None if there is nothing that can be read."""

    def keep(self, role: str, data: bytes, floors: Floors) -> None:
        """Keep metadata and floors, durably."""
