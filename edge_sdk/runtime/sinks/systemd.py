"""What a service tells systemd, through the socket that it names in `NOTIFY_SOCKET`.

- `READY=1` with the first result: a service is up when it has done its work once, not when its process runs.
- `WATCHDOG=1` with results only. A process that lives and gives none, for whatever reason, is started again.
- `STATUS=` says what `systemctl status` shows: how many results, and what last happened to a source.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import UnavailableError
from edge_sdk.runtime.events import Event
from edge_sdk.runtime.frame import Outcome, Sample

_STATUS_NS = 5_000_000_000
_PINGS = 4
"""In the time that systemd waits for one: it may come late."""


class Systemd:
    """The service manager."""

    name = "systemd"

    def __init__(self, address: str, *, watchdog_s: float | None = None) -> None:
        """Prepare to notify; nothing is sent before the first result.

        Args:
            address: Path of the socket, or `@` and an abstract name.
            watchdog_s: How long systemd waits for a sign of life; None if it does not.
        """
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._period_ns = min(_STATUS_NS, round((watchdog_s or _STATUS_NS) * 1e9 / _PINGS))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._results, self._event = 0, ""
        self._next_ns = 0

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Tell that there are fresh results, now and then; see `Sink.write`."""
        self._results += 1
        now_ns = monotonic_ns()
        if now_ns >= self._next_ns:
            self._next_ns = now_ns + self._period_ns
            self._send("READY=1", "WATCHDOG=1", self._status())

    def tell(self, event: Event) -> None:
        """Show what happened to a source; see `Listener.tell`."""
        self._event = f"; {event.source} {event.after}: {event.cause}"
        self._send(self._status())

    def close(self) -> None:
        """Tell that the service stops; closing twice is harmless."""
        if self._socket.fileno() >= 0:
            try:
                self._send("STOPPING=1")
            finally:
                self._socket.close()

    def _status(self) -> str:
        return " ".join(f"STATUS={self._results} results{self._event}".split())

    def _send(self, *lines: str) -> None:
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as exc:
            raise UnavailableError(f"systemd: expected its socket {self._address!r}, got {exc.strerror}") from exc


def from_environment(environment: Mapping[str, str]) -> Systemd | None:
    """Return the service manager that started this process, or None."""
    address = environment.get("NOTIFY_SOCKET")
    if not address:
        return None
    is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    watchdog_us = environment.get("WATCHDOG_USEC", "") if is_ours else ""
    return Systemd(address, watchdog_s=int(watchdog_us) / 1e6 if watchdog_us.isdecimal() else None)
