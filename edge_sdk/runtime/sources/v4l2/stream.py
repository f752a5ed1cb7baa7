"""Frames from a node: the driver's buffers, in turns filled by it and read by us.

- Frames of before the first `read` are left out: nobody was there for them.
- `number` counts what the driver captured: a gap is a frame that it lost, as when no buffer was free.
- A frame is stamped with its buffer's time if that is on CLOCK_MONOTONIC and can be believed, else with its arrival.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ctypes import c_int32
from dataclasses import dataclass

from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime.frame import Clock
from edge_sdk.runtime.sources.v4l2 import layouts
from edge_sdk.runtime.sources.v4l2.device import Device

_BUFFERS = 4
_OLDEST_NS = 10_000_000_000
_EARLIEST_NS = 50_000_000
"""Drivers that reckon a frame's time may place it a little ahead; more is another clock."""
_SEQUENCES = 1 << 32


@dataclass(frozen=True, slots=True)
class Filled:
    """One frame, in the driver's memory until the next one is asked for.

    Attributes:
        data: Its bytes.
        number: Its number at the driver, from 0; gaps are lost frames.
        captured_ns: When it was captured, on CLOCK_MONOTONIC.
        clock: What was stamped.
        is_broken: Whether the driver says that its data is not whole.
    """

    data: memoryview
    number: int
    captured_ns: int
    clock: Clock
    is_broken: bool


class Stream:
    """Capturing, begun."""

    def __init__(self, device: Device) -> None:
        """Let the driver fill buffers.

        Raises:
            OSError: The camera is busy or gone, or the bus has no room for its frames.
        """
        self._device = device
        request = layouts.BufferRequest(count=_BUFFERS, type=layouts.BUFFER_TYPE_CAPTURE, memory=layouts.MEMORY_MMAP)
        device.control(layouts.REQBUFS, request)
        self._memory = [self._map(index) for index in range(request.count)]
        for index in range(len(self._memory)):
            device.control(layouts.QBUF, _buffer(index))
        device.control(layouts.STREAMON, c_int32(layouts.BUFFER_TYPE_CAPTURE))
        self._sequence: int | None = None
        self._number = 0
        self._last_ns = 0

    def _map(self, index: int) -> memoryview:
        buffer = _buffer(index)
        self._device.control(layouts.QUERYBUF, buffer)
        return self._device.map(int(buffer.length), int(buffer.m.offset))

    def wait(self, timeout_s: float) -> bool:
        """Return whether a frame, or an error, is there within so many seconds.

        Raises:
            OSError: The camera is gone.
        """
        if self._sequence is None:
            self._forget_waiting()
        return self._device.wait(timeout_s)

    @contextmanager
    def frame(self) -> Iterator[Filled]:
        """Take the next frame, which is there; its buffer is the driver's again afterwards.

        Raises:
            OSError: The camera is gone.
        """
        buffer = _buffer(0)
        self._device.control(layouts.DQBUF, buffer)
        try:
            yield self._filled(buffer)
        finally:
            self._device.control(layouts.QBUF, buffer)

    def close(self) -> None:
        """Let the driver fill no more."""
        with suppress(OSError):  # the camera may be gone
            self._device.control(layouts.STREAMOFF, c_int32(layouts.BUFFER_TYPE_CAPTURE))
        self._memory.clear()

    def _forget_waiting(self) -> None:
        for _ in self._memory:
            if not self._device.wait(0):
                return
            buffer = _buffer(0)
            self._device.control(layouts.DQBUF, buffer)
            self._device.control(layouts.QBUF, buffer)

    def _filled(self, buffer: layouts.Buffer) -> Filled:
        self._count(int(buffer.sequence))
        captured_ns, clock = self._stamp(buffer, monotonic_ns())
        data = self._memory[buffer.index][: buffer.bytesused]
        return Filled(data, self._number, captured_ns, clock, is_broken=bool(buffer.flags & layouts.IS_BROKEN))

    def _count(self, sequence: int) -> None:
        """Move on by what the driver counted; by one if it does not count, or has begun again."""
        if self._sequence is not None:
            step = (sequence - self._sequence) % _SEQUENCES
            self._number += step if 0 < step < _SEQUENCES // 2 else 1
        self._sequence = sequence

    def _stamp(self, buffer: layouts.Buffer, arrived_ns: int) -> tuple[int, Clock]:
        driver_ns = int(buffer.timestamp.seconds) * 1_000_000_000 + int(buffer.timestamp.microseconds) * 1000
        is_monotonic = buffer.flags & layouts.CLOCK_MASK == layouts.CLOCK_MONOTONIC
        is_believable = is_monotonic and -_EARLIEST_NS <= arrived_ns - driver_ns <= _OLDEST_NS
        self._last_ns = min(max(driver_ns, self._last_ns), arrived_ns) if is_believable else arrived_ns
        if not is_believable:
            return self._last_ns, "arrival"
        at_exposure = buffer.flags & layouts.STAMPED_MASK == layouts.STAMPED_AT_EXPOSURE
        return self._last_ns, "exposure" if at_exposure else "driver"


def _buffer(index: int) -> layouts.Buffer:
    return layouts.Buffer(index=index, type=layouts.BUFFER_TYPE_CAPTURE, memory=layouts.MEMORY_MMAP)
