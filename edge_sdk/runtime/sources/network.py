"""Streams from the network: `rtsp://camera/stream` (over TCP), `http://camera/video.mjpg`.

- Opening and each read have a limit of 5 s, where FFmpeg's own would be 30 s.
- Samples are stamped when they arrive: FFmpeg's stream times have no known place on this machine's clock.
- A stream that ends is an error, since a camera does not end; a recording that is served by HTTP does end.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import UnavailableError
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources.record import Address

LIMIT_S = 5.0


class NetworkStream:
    """A stream, opened."""

    live = True

    def __init__(self, address: Address) -> None:
        """Open the stream.

        Raises:
            UnavailableError: There is no stream, or nothing comes within 5 s.
        """
        import cv2

        self.name = _without_password(address.uri)
        limit_ms = round(LIMIT_S * 1000)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms]
        self._capture: Any = cv2.VideoCapture(address.uri, cv2.CAP_FFMPEG, limits)
        if not self._capture.isOpened():
            raise UnavailableError(
                f"{self.name}: expected a video stream within {LIMIT_S:g} s, got none",
                hint="is the camera on, and are address, user and password right?",
            )
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self.fps = max(0.0, float(self._capture.get(cv2.CAP_PROP_FPS)))
        self._ends = self._capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
        self._next = 0

    def read(self) -> Sample | None:
        """Return the next frame; see `Source.read`."""
        start_ns = monotonic_ns()
        there, frame = self._capture.read()
        arrived_ns = monotonic_ns()
        is_mute = arrived_ns - start_ns >= LIMIT_S * 1e9  # whatever comes then is what FFmpeg still had, and is old
        if there and not is_mute:
            seq, self._next = self._next, self._next + 1
            return Sample(np.asarray(frame, np.uint8), seq, captured_ns=arrived_ns, clock="arrival", source=self.name)
        if self._ends and not is_mute:
            return None
        got = f"none for {LIMIT_S:g} s" if is_mute else "the end of the stream"
        raise UnavailableError(f"{self.name}: expected a frame, got {got}", hint="is the camera still reachable?")

    def close(self) -> None:
        """End the connection."""
        self._capture.release()


def _without_password(uri: str) -> str:
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
