"""Keeps the repository's metadata fresh: a timestamp that ends would leave boards without updates."""

from __future__ import annotations

import logging
import threading

from edge_sdk.errors import EdgeError
from edge_sdk.fleet.folder import Fleet

_log = logging.getLogger(__name__)
REFRESH_S = 6 * 3600.0
"""A timestamp holds a week: so many tries may fail before boards notice."""
_AGAIN_S = 60.0


class Freshness:
    """Signs a new timestamp now and then, in a thread of its own.

    Attributes:
        refreshed: How often it has been done.
        failure: Why it could not be done the last time; empty if it could.
    """

    def __init__(self, fleet: Fleet, *, period_s: float = REFRESH_S) -> None:
        """Take the fleet; nothing is signed yet."""
        self._fleet, self._period_s = fleet, period_s
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="freshness", daemon=True)
        self.refreshed, self.failure = 0, ""

    def __enter__(self) -> Freshness:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether it works; once it does not, this process has a fault."""
        return self._thread.is_alive()

    def refresh(self) -> bool:
        """Sign a new timestamp now; tell whether that could be done."""
        try:
            with self._fleet.changing():
                is_done = self._fleet.repository().refresh()
            self.failure = "" if is_done else "the online key is not the one of the repository"
        except EdgeError as exc:
            self.failure = str(exc)
        if self.failure:
            _log.error("repository: not refreshed: %s", self.failure)
            return False
        self.refreshed += 1
        return True

    def _run(self) -> None:
        while not self._is_over.is_set():
            self._is_over.wait(self._period_s if self.refresh() else min(_AGAIN_S, self._period_s))
