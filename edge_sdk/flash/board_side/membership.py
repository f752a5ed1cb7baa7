"""Makes the board a member of its fleet by the claim that came with the kit, however long the fleet is not reached."""

from __future__ import annotations

import time
from collections.abc import Callable

from edge_sdk.flash.board_side import service
from edge_sdk.flash.board_side.commands import Finished, run
from edge_sdk.flash.board_side.failure import StepError
from edge_sdk.flash.board_side.places import Places
from edge_sdk.flash.board_side.secrets_taken import CLAIM

_ENROL_S = 120.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_REFUSED = frozenset({3, 4})
_CLOCK = "not yet valid"
"""What OpenSSL says of a certificate where the board's clock is behind: that mends itself."""


def enrol(places: Places, *, patience_s: float, settle_s: float, tell: Callable[[str], None]) -> None:
    """Use the claim, if there is one.

    Args:
        places: The board.
        patience_s: For how long to try again while the fleet is not reached.
        settle_s: How long the agent must stay up as a member.
        tell: Is called with what is wrong, each time that it is something else.

    Raises:
        StepError: The fleet refuses the claim, or was not reached in time.
        OSError: The disk cannot be written.
    """
    claim = places.boot / CLAIM
    if not claim.exists():
        return
    service.restart_later(places)
    until_s, wait_s, told = time.monotonic() + patience_s, _FIRST_WAIT_S, ""
    while True:
        enrolled = run(places.program, "agent", "enroll", claim, "--state", places.device, timeout_s=_ENROL_S)
        if enrolled.is_good:
            break
        if is_refused(enrolled):
            raise StepError(f"claim: {enrolled.reason}", is_final=True)
        if time.monotonic() + wait_s > until_s:
            raise StepError(f"fleet: {enrolled.reason}")
        if enrolled.reason != told:
            told = enrolled.reason
            tell(told)
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
    claim.unlink(missing_ok=True)  # a claim that enrolling could not wipe is used up all the same
    service.settle(places, settle_s=settle_s)


def is_refused(enrolled: Finished) -> bool:
    """Tell whether asking the fleet again changes nothing."""
    return enrolled.code in _REFUSED and _CLOCK not in enrolled.reason
