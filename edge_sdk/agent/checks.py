"""Looks for updates: when the fleet gives a hint, and by itself now and then, never all boards in one moment.

- A hint says only that it is worth a look. What counts is what the offline keys have signed.
- A source that is not there is asked again sooner than in the usual course; each time a little later.
- What does not verify is told, once for each reason: somebody may be trying something.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge_sdk.errors import EdgeError, UnavailableError
from edge_sdk.wire.release import Offer

log = logging.getLogger(__name__)

_SOON_S = 3.0
_FIRST_RETRY_S = 15.0
_SPREAD = 1 / 3


@dataclass(frozen=True, slots=True)
class Looking:
    """What looking for updates is done with.

    Attributes:
        look: Returns what is offered; None if nothing is assigned.
        give: Takes an offer.
        tell: Is told why something that was offered is not believed.
        check_s: The usual time between two looks, in seconds.
    """

    look: Callable[[], Offer | None]
    give: Callable[[Offer], None]
    tell: Callable[[str], None]
    check_s: float


class Checks:
    """The looks of one board; `run` is for a thread of its own."""

    def __init__(self, looking: Looking, over: threading.Event) -> None:
        self._looking, self._over = looking, over
        self._wanted = threading.Event()
        self._revision, self._absences, self._told = 0, 0, ""

    def hint(self, revision: int) -> None:
        """Take a hint that there is a revision; one that is known is no news."""
        if revision > self._revision:
            self._revision = revision
            self._wanted.set()

    def ask(self) -> None:
        """Look soon."""
        self._wanted.set()

    def run(self) -> None:
        """Look until the agent ends; the first time soon."""
        wait_s = random.uniform(0, _SOON_S)  # noqa: S311
        while True:
            if self._wanted.wait(wait_s):
                self._over.wait(random.uniform(0, _SOON_S))  # noqa: S311  a fleet gets the hint in one moment
            if self._over.is_set():
                return
            self._wanted.clear()
            wait_s = self._look()

    def end(self) -> None:
        """Let `run` return, once the agent is to end."""
        self._wanted.set()

    def _look(self) -> float:
        """Look once; return how long to wait for the next time, in seconds."""
        usual_s = self._looking.check_s * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311
        try:
            offer = self._looking.look()
        except UnavailableError as exc:
            log.info("updates: %s", exc)
            retry_s = _FIRST_RETRY_S * (1 << min(self._absences, 10)) * random.uniform(0.5, 1)  # noqa: S311
            self._absences += 1
            return min(usual_s, retry_s)
        except EdgeError as exc:
            self._refuse(str(exc))
            return usual_s
        self._absences, self._told = 0, ""
        if offer is not None:
            self._looking.give(offer)
        return usual_s

    def _refuse(self, reason: str) -> None:
        log.warning("updates: %s", reason)
        if reason != self._told:
            self._told = reason
            self._looking.tell(reason)
