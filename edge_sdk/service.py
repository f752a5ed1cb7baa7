"""The service manager that started this process (systemd), through the socket that it names: sd_notify(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from edge_sdk.errors import UnavailableError


class ServiceManager:
    """The socket of a service manager.

    Attributes:
        watchdog_s: How long it waits for a sign of life before it starts the service again; None if it does not.

    Example:
        >>> manager = ServiceManager.from_environment(os.environ)
        >>> if manager is not None:
        ...     manager.tell("READY=1")
    """

    def __init__(self, address: str, *, watchdog_s: float | None = None) -> None:
        """Prepare to speak to it.

        Args:
            address: Path of the socket, or `@` and an abstract name.
            watchdog_s: How long it waits for a sign of life; None if it does not.
        """
        self.watchdog_s = watchdog_s
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ServiceManager | None:
        """Return the service manager that started this process, or None."""
        address = environment.get("NOTIFY_SOCKET")
        if not address:
            return None
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog_us = environment.get("WATCHDOG_USEC", "") if is_ours else ""
        return cls(address, watchdog_s=int(watchdog_us) / 1e6 if watchdog_us.isdecimal() else None)

    @property
    def is_open(self) -> bool:
        """Whether it can be spoken to."""
        return self._socket.fileno() >= 0

    def tell(self, *lines: str) -> None:
        """Tell it things at once, such as `READY=1`.

        Raises:
            UnavailableError: Nobody is at the socket.
        """
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as exc:
            raise UnavailableError(f"systemd: expected its socket {self._address!r}, got {exc.strerror}") from exc

    def close(self) -> None:
        """Speak no more; closing twice is harmless."""
        self._socket.close()


def status_line(text: str) -> str:
    """Return what `systemctl status` is to show, in one line."""
    return "STATUS=" + " ".join(text.split())
