"""Tells the fleet how the first boot goes: `POST /v1/progress`, which never holds up or fails a step.

- A thread of its own tells the newest change, and tries again while the fleet is not reached; older ones are forgotten.
- The server must be of the authority that the claim names; the token says who is telling.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from urllib.parse import urlsplit

from edge_sdk.flash.board_side.claim import Claim

_TIMEOUT_S = 5.0
_RETRY_S = 5.0
_BUSY = frozenset({429, 500, 502, 503, 504})


class Telling:
    """A line to the fleet; without a claim it leads nowhere."""

    def __init__(self, claim: Claim | None) -> None:
        """Take the claim, which may vanish from the disk meanwhile."""
        self._claim = claim
        self._newest: bytes | None = None
        self._is_closing = False
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._work, daemon=True)
        if claim is not None:
            self._thread.start()

    def tell(self, step: str, state: str, reason: str) -> None:
        """Have a change told, in place of one that is not told yet."""
        if self._claim is None:
            return
        message = {"schema": 1, "device": self._claim.device, "token": self._claim.token}
        with self._turn:
            self._newest = json.dumps({**message, "step": step, "state": state, "reason": reason}).encode()
            self._turn.notify()

    def close(self) -> None:
        """Try once more to have the newest told, for some seconds at most."""
        with self._turn:
            self._is_closing = True
            self._turn.notify()
        if self._claim is not None:
            self._thread.join(2 * _TIMEOUT_S)

    def _work(self) -> None:
        while (message := self._next()) is not None:
            if not self._post(message):
                self._wait(message)

    def _next(self) -> bytes | None:
        with self._turn:
            self._turn.wait_for(lambda: self._newest is not None or self._is_closing)
            message, self._newest = self._newest, None
            return message

    def _wait(self, message: bytes) -> None:
        """Take a message that was not told up again after a while, unless there is a newer one."""
        with self._turn:
            if not self._is_closing:
                self._turn.wait(_RETRY_S)
                self._newest = self._newest or message

    def _post(self, message: bytes) -> bool:
        """Send a message; return whether that is settled: what the fleet refuses is not sent again."""
        claim = self._claim
        if claim is None:
            return True
        parts = urlsplit(claim.server)
        try:
            context = ssl.create_default_context(cadata=claim.ca)
            connection = http.client.HTTPSConnection(
                parts.hostname or "", parts.port, timeout=_TIMEOUT_S, context=context
            )
            try:
                connection.request("POST", "/v1/progress", message, {"Content-Type": "application/json"})
                return connection.getresponse().status not in _BUSY
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException):  # ssl.SSLError is an OSError
            return False
