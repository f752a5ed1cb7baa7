"""The board's clock, which starts in the past where no battery keeps it: certificates would not hold yet."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from edge_sdk.flash.board_side.commands import run
from edge_sdk.flash.board_side.places import Places

_TIMESYNCD = "var/lib/systemd/timesync/clock"


def raise_to(places: Places, floor_unix_s: int) -> bool:
    """Set a clock that shows less than a time that has been, and have systemd begin there at the next start.

    systemd-timesyncd sets the clock to the time of its file when it starts (systemd-timesyncd.service(8)).

    Args:
        places: The board.
        floor_unix_s: No right clock shows less.

    Returns:
        Whether the clock was wrong.
    """
    if time.time() >= floor_unix_s:
        return False
    run("date", "-u", "-s", f"@{floor_unix_s}")
    clock = places.root / _TIMESYNCD
    with suppress(OSError):  # a system without it, or whose own service will make it
        owner = clock.parent.stat()
        clock.touch()
        os.chown(clock, owner.st_uid, owner.st_gid)
        os.utime(clock, (floor_unix_s, floor_unix_s))
    return True
