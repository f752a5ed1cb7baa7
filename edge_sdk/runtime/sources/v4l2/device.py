"""The only place that talks to a video node: calls, memory, waiting."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import select
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeAlias

Record: TypeAlias = ctypes.Structure | ctypes.c_int32
"""What a call takes and fills."""


class Device(Protocol):
    """A video node, opened."""

    def control(self, request: int, record: Record) -> None:
        """Make a call; it fills the record.

        Raises:
            OSError: The driver refuses it, with the reason in `errno`.
        """

    def map(self, length: int, offset: int) -> memoryview:
        """Return a buffer's memory, which the driver fills."""

    def wait(self, timeout_s: float) -> bool:
        """Return whether a frame, or an error, is there within so many seconds."""

    def close(self) -> None:
        """Give the node back; closing twice is harmless."""


class DeviceFile:
    """A file below /dev. Its calls do not block; `wait` does."""

    def __init__(self, path: Path) -> None:
        """Open the node.

        Raises:
            OSError: It is not there, or not for this user.
        """
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._maps: list[tuple[mmap.mmap, memoryview]] = []

    def control(self, request: int, record: Record) -> None:
        """Make a call; see `Device.control`."""
        while True:
            try:
                fcntl.ioctl(self._descriptor, request, record)
            except InterruptedError:
                continue
            return

    def map(self, length: int, offset: int) -> memoryview:
        """Return a buffer's memory; see `Device.map`."""
        memory = mmap.mmap(self._descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=offset)
        self._maps.append((memory, memoryview(memory)))
        return self._maps[-1][1]

    def wait(self, timeout_s: float) -> bool:
        """Wait for a frame; see `Device.wait`."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))

    def close(self) -> None:
        """Give memory and node back."""
        while self._maps:  # a camera stays busy as long as its memory is mapped
            memory, view = self._maps.pop()
            with suppress(BufferError):  # somebody still looks at it; then it goes with them
                view.release()
                memory.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
