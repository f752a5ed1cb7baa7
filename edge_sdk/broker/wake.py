"""Wakes a thread that waits for a socket."""

from __future__ import annotations

import os
import selectors
from contextlib import suppress


class Wake:
    """A pipe: one end is waited for, a byte comes out of the other."""

    def __init__(self) -> None:
        self._out, self._in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def up(self) -> None:
        """Wake the thread; may be called from any other."""
        with suppress(OSError):  # full: it is about to wake; closed: nobody waits
            os.write(self._in, b"\0")

    def wait(self, socket: int | None, events: int, *, timeout_s: float) -> int:
        """Wait for a socket, or to be woken.

        Args:
            socket: Its file descriptor.
            events: For what, of `selectors`; 0 for nothing.
            timeout_s: How long at most.

        Returns:
            What the socket is ready for.
        """
        ready = 0
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            if socket is not None and events:
                selector.register(socket, events)
            for key, found in selector.select(timeout_s):
                if key.fd == self._out:
                    with suppress(BlockingIOError):
                        os.read(self._out, 4096)
                else:
                    ready = found
        return ready

    def close(self) -> None:
        """Close both ends; closing twice is harmless."""
        for end in (self._out, self._in):
            with suppress(OSError):
                os.close(end)
        self._out = self._in = -1
