"""What a service tells systemd, through the socket that it names in `NOTIFY_SOCKET`.

- `READY=1` with the first result: a service is up when it has done its work once, not when its process runs.
- `WATCHDOG=1` with results only. A process that lives and gives none, for whatever reason, is started again.
- `STATUS=` says what `systemctl status` shows: how many results, and what last happened to a source.
"""

from __future__ import annotations

from collections.abc import Mapping

from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime.events import Event
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.service import ServiceManager, status_line

_STATUS_NS = 5_000_000_000
_PINGS = 4
"""In the time that systemd waits for one: it may come late."""


class Systemd:
    """The service manager, as a sink."""

    name = "systemd"

    def __init__(self, manager: ServiceManager) -> None:
        """Prepare to notify; nothing is sent before the first result."""
        self._manager = manager
        self._period_ns = min(_STATUS_NS, round((manager.watchdog_s or _STATUS_NS) * 1e9 / _PINGS))
        self._results, self._event = 0, ""
        self._next_ns = 0

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Tell that there are fresh results, now and then; see `Sink.write`."""
        self._results += 1
        now_ns = monotonic_ns()
        if now_ns >= self._next_ns:
            self._next_ns = now_ns + self._period_ns
            self._manager.tell("READY=1", "WATCHDOG=1", self._status())

    def tell(self, event: Event) -> None:
        """Show what happened to a source; see `Listener.tell`."""
        self._event = f"; {event.source} {event.after}: {event.cause}"
        self._manager.tell(self._status())

    def close(self) -> None:
        """Tell that the service stops; closing twice is harmless."""
        if self._manager.is_open:
            try:
                self._manager.tell("STOPPING=1")
            finally:
                self._manager.close()

    def _status(self) -> str:
        return status_line(f"{self._results} results{self._event}")


def from_environment(environment: Mapping[str, str]) -> Systemd | None:
    """Return the service manager that started this process, or None."""
    manager = ServiceManager.from_environment(environment)
    return None if manager is None else Systemd(manager)
