"""Streams that FFmpeg reads: `rtsp://camera/stream` (over TCP), and recordings on web servers.

- Opening and each read have a limit, 5 s if not told otherwise; FFmpeg's own would be 30 s.
- Samples are stamped by the stream's time, placed by their arrivals: what waited in a buffer is as old as it is.
- A stream that ends is an error, since a camera does not end; a recording that is served by HTTP does end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources.internet import split_login
from edge_sdk.runtime.sources.record import Address
from edge_sdk.runtime.sources.stream_clock import StreamClock


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What the address may ask of a stream.

    Attributes:
        open_timeout_s: How long opening may take.
        timeout_s: How long a read waits for a frame.
    """

    open_timeout_s: float = 5.0
    timeout_s: float = 5.0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: A number is not positive.
        """
        for name in ("open_timeout_s", "timeout_s"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: expected more than 0, got {getattr(self, name)}")


def open_rtsp(address: Address) -> NetworkStream:
    """Open an RTSP stream.

    Raises:
        InputError: The address or an option is wrong.
        UnavailableError: There is no stream, or nothing comes in time.
    """
    name = split_login(address.place).name
    return NetworkStream(address.place, address.read_options(StreamOptions, where=name), name=name)


class NetworkStream:
    """A stream, opened."""

    live = True

    def __init__(self, uri: str, options: StreamOptions, *, name: str) -> None:
        """Open the stream.

        Args:
            uri: Where it is, with user and password.
            options: The limits in time.
            name: What results and messages call it.

        Raises:
            UnavailableError: There is no stream, or nothing comes in time.
        """
        import cv2

        self.name, self._timeout_s = name, options.timeout_s
        limits = {
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: options.open_timeout_s,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC: options.timeout_s,
        }
        flat = [number for key, limit_s in limits.items() for number in (key, max(1, round(limit_s * 1000)))]
        self._capture: Any = cv2.VideoCapture(uri, cv2.CAP_FFMPEG, flat)
        if not self._capture.isOpened():
            raise UnavailableError(
                f"{name}: expected a video stream within {options.open_timeout_s:g} s, got none",
                hint="is the camera on, and are address, user and password right?",
            )
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self.fps = max(0.0, float(self._capture.get(cv2.CAP_PROP_FPS)))
        self._ends = self._capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
        self._clock = StreamClock()
        self._next = 0

    def read(self) -> Sample | None:
        """Return the next frame; see `Source.read`."""
        import cv2

        start_ns = monotonic_ns()
        there, frame = self._capture.read()
        arrived_ns = monotonic_ns()
        # Whatever comes after the limit is what FFmpeg still had, and is old.
        is_mute = arrived_ns - start_ns >= self._timeout_s * 1e9
        if there and not is_mute:
            seq, self._next = self._next, self._next + 1
            stream_ns = round(float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) * 1e6)
            captured_ns = self._clock.captured_ns(stream_ns, arrived_ns)
            return Sample(np.asarray(frame, np.uint8), seq, captured_ns=captured_ns, clock="arrival", source=self.name)
        if self._ends and not is_mute:
            return None
        got = f"none for {self._timeout_s:g} s" if is_mute else "the end of the stream"
        raise UnavailableError(f"{self.name}: expected a frame, got {got}", hint="is the camera still reachable?")

    def close(self) -> None:
        """End the connection."""
        self._capture.release()
