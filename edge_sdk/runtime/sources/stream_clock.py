"""When a frame of a stream was captured, by the stream's own time and the arrivals.

A stream's time has no known place on this machine's clock, and an arrival has every delay in it: network, buffers, a
reader that came late. The frame that came with the least delay places the stream's time; what came later than that had
to wait, and its capture is dated back. So a stream that is seconds behind has results that are seconds old.

- The constant part of the delay stays unknown: the age of a result is what it is at least.
- The place is given up slowly (100 ppm), so that a camera whose clock runs slow is followed.
- A stream whose time jumps, or stands still, is placed anew.
"""

from __future__ import annotations

_FORGOTTEN_PPM = 100
_LONGEST_WAIT_NS = 60_000_000_000
_NO_STREAM_YET_NS = 1 << 63


class StreamClock:
    """The stream's time on this machine's clock, as far as it is known."""

    def __init__(self) -> None:
        self._offset_ns = self._last_arrived_ns = self._last_captured_ns = 0
        self._last_stream_ns = _NO_STREAM_YET_NS

    def captured_ns(self, stream_ns: int, arrived_ns: int) -> int:
        """Return when a frame was captured, in monotonic nanoseconds; it never goes back.

        Args:
            stream_ns: Its time in the stream.
            arrived_ns: When it arrived.
        """
        offset_ns = arrived_ns - stream_ns
        if stream_ns > self._last_stream_ns and offset_ns - self._offset_ns <= _LONGEST_WAIT_NS:
            forgotten_ns = (arrived_ns - self._last_arrived_ns) * _FORGOTTEN_PPM // 1_000_000
            offset_ns = min(offset_ns, self._offset_ns + forgotten_ns)
        self._offset_ns, self._last_stream_ns, self._last_arrived_ns = offset_ns, stream_ns, arrived_ns
        self._last_captured_ns = min(max(stream_ns + offset_ns, self._last_captured_ns), arrived_ns)
        return self._last_captured_ns
