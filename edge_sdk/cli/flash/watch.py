"""`--wait`: how a board fares after it was flashed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_sdk.errors import InputError

if TYPE_CHECKING:
    from edge_sdk.cli.flash.claim import Membership
    from edge_sdk.flash import Kit
    from edge_sdk.flash.target import Target


@dataclass(frozen=True, slots=True)
class Watching:
    """What a board is watched by."""

    target: Target

    @classmethod
    def prepare(cls, target: Target, membership: Membership | None, wait_s: float | None) -> Watching | None:
        """Find out, before anything is changed, how the board can be watched; None where nobody waits.

        Raises:
            InputError: It cannot be.
        """
        if wait_s is None:
            return None
        raise InputError(f"--wait: expected a board that can be watched, got {target.name} ({membership})")

    def wait(self, kit: Kit) -> None:
        """Return when the board has proven itself."""
