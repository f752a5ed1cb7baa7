"""How far this board is: on its disk, in the kit's folder for whoever takes the card out, on stdout, to the fleet."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edge_sdk.flash.board_side import durable
from edge_sdk.flash.board_side.places import Places

if TYPE_CHECKING:
    from edge_sdk.flash.board_side.telling import Telling

State = Literal["doing", "done", "failed"]
NAME = "status.json"
_MAX_REASON = 1000


@dataclass(frozen=True, slots=True)
class Status:
    """What `status.json` says.

    Attributes:
        kit: Digest of the kit.
        step: The step that it is at.
        state: How that one stands.
        reason: Why it failed, or what the board could not take; one line.
        at_unix_s: Since when, by the board's clock.
        steps: Seconds that each step took which was done.
        made_unix_s: When the kit was made.
    """

    kit: str
    step: str = ""
    state: State = "doing"
    reason: str = ""
    at_unix_s: int = 0
    steps: dict[str, float] = field(default_factory=dict)
    made_unix_s: int = 0

    @property
    def is_done(self) -> bool:
        """Whether the board is what its kit says."""
        return (self.step, self.state) == ("done", "done")


def read_status(folder: Path) -> Status:
    """Return what was said last; nothing of any kit if it cannot be read."""
    try:
        document = json.loads((folder / NAME).read_bytes())
        return Status(**{name: document[name] for name in Status.__slots__})
    except (OSError, ValueError, KeyError, TypeError):
        return Status(kit="")


class Sayer:
    """Says each change in all places; a place that cannot hear it stops nothing."""

    def __init__(self, places: Places, status: Status, telling: Telling) -> None:
        """Begin with what was said last."""
        self._places, self._telling = places, telling
        self.status = status
        self._since_s = time.monotonic()

    def say(self, step: str, state: State, reason: str = "") -> None:
        """Say how a step stands."""
        now_s = time.monotonic()
        steps = dict(self.status.steps)
        if state == "doing":
            self._since_s = now_s
        elif state == "done":
            steps[step] = round(now_s - self._since_s, 2)
        old = self.status
        reason = reason[:_MAX_REASON]
        self.status = Status(old.kit, step, state, reason, int(time.time()), steps, old.made_unix_s)
        data = (json.dumps({"schema": 1, **asdict(self.status)}, indent=2) + "\n").encode()
        for folder in (self._places.boot, self._places.kit):
            with suppress(OSError):  # a full disk, a card that is read-only
                durable.write(folder / NAME, data)
        sys.stdout.write(json.dumps({"step": step, "state": state, "reason": reason}) + "\n")
        sys.stdout.flush()
        self._telling.tell(step, state, reason)
