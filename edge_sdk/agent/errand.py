"""A thread of the agent that does one thing for as long as the agent lives, whatever goes wrong in it."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from edge_sdk.errors import EdgeError

log = logging.getLogger(__name__)

_FIRST_S, _LONGEST_S = 1.0, 60.0


class Errand:
    """Something that is done until it returns, and begun again, after a pause, where it fails."""

    def __init__(self, name: str, does: Callable[[], None], over: threading.Event) -> None:
        """Begin.

        Args:
            name: What the log calls it.
            does: Returns soon once `over` is set.
            over: The agent ends.
        """
        self._name, self._does, self._over = name, does, over
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def wait(self, timeout_s: float) -> None:
        """Wait until it has come to its end, or the time is over."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        bound_s = _FIRST_S
        while not self._over.is_set():
            try:
                self._does()
            except EdgeError as exc:
                log.warning("%s: %s", self._name, exc)
            except Exception:  # one part that fails does not end the agent
                log.exception("%s", self._name)
            else:
                return
            self._over.wait(max(_FIRST_S, random.uniform(0, bound_s)))  # noqa: S311
            bound_s = min(2 * bound_s, _LONGEST_S)
