"""A camera that is read through OpenCV: for pixel formats that we do not decode, and drivers of several planes.

- What is asked for is set in the order that drivers need (pixel format, size, rate) and read back: drivers take
  anything and choose something else.
- OpenCV hides frames that the driver lost or marks as broken, so they cannot be counted.
- Samples are stamped with the driver's time of the buffer where it has a believable one, else when they arrive.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.frame import Clock, Sample
from edge_sdk.runtime.sources.v4l2.modes import Asked

log = logging.getLogger(__name__)

_OLDEST_NS = 10_000_000_000
_RATE_TOLERANCE = 0.1


class OpenCvCamera:
    """A camera, opened."""

    live = True

    def __init__(self, path: Path, asked: Asked, *, name: str) -> None:
        """Open the camera.

        Args:
            path: Its node.
            asked: The mode that is asked for.
            name: What results and messages call it.

        Raises:
            InputError: The camera cannot do what is asked.
            UnavailableError: OpenCV cannot open it.
        """
        import cv2

        self.name = name
        self._capture: Any = cv2.VideoCapture(str(path), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise UnavailableError(
                f"{name}: expected a camera that OpenCV can open, got none",
                hint="is another program using it, and is this user in the group video?",
            )
        try:
            self.fps = negotiate(self._capture, asked, where=name)
        except InputError:
            self._capture.release()
            raise
        self._next = 0

    def read(self) -> Sample | None:
        """Return the next frame; see `Source.read`."""
        import cv2

        start_ns = monotonic_ns()
        there, frame = self._capture.read()
        arrived_ns = monotonic_ns()
        if not there:
            raise UnavailableError(
                f"{self.name}: expected a frame, got none for {(arrived_ns - start_ns) / 1e9:.0f} s",
                hint="is it still connected, and is another program using it?",
            )
        captured_ns, clock = stamp(float(self._capture.get(cv2.CAP_PROP_POS_MSEC)), arrived_ns)
        seq, self._next = self._next, self._next + 1
        return Sample(np.asarray(frame, np.uint8), seq, captured_ns=captured_ns, clock=clock, source=self.name)

    def close(self) -> None:
        """Give the camera back."""
        self._capture.release()


def negotiate(capture: Any, asked: Asked, *, where: str) -> float:
    """Ask the driver for a mode, and check what it chose.

    Args:
        capture: An opened `cv2.VideoCapture`.
        asked: What is asked for.
        where: What messages call the camera.

    Returns:
        The rate that the driver tells, in frames a second; 0 if it tells none.

    Raises:
        InputError: It chose another pixel format or size. Another rate is only a warning.
    """
    import cv2

    if asked.fourcc is not None:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*asked.fourcc))
    if asked.size_wh is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, asked.size_wh[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, asked.size_wh[1])
    if asked.fps is not None:
        capture.set(cv2.CAP_PROP_FPS, asked.fps)
    fourcc = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin-1")
    size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    fps = max(0.0, float(capture.get(cv2.CAP_PROP_FPS)))
    hint = "v4l2-ctl --list-formats-ext shows what the camera can do"
    if asked.fourcc not in {None, fourcc}:
        raise InputError(f"{where}: expected pixel format {asked.fourcc}, got {fourcc}", hint=hint)
    if asked.size_wh is not None and size != asked.size_wh:
        expected = f"{asked.size_wh[0]}x{asked.size_wh[1]}"
        raise InputError(f"{where}: expected {expected}, got {size[0]}x{size[1]}", hint=hint)
    if asked.fps is not None and abs(fps - asked.fps) > _RATE_TOLERANCE * asked.fps:
        log.warning("%s: expected %g frames a second, got %g", where, asked.fps, fps)
    return fps


def stamp(driver_ms: float, arrived_ns: int) -> tuple[int, Clock]:
    """Return a frame's capture time in monotonic nanoseconds, and what it is.

    Args:
        driver_ms: The driver's time of the buffer, in milliseconds of CLOCK_MONOTONIC; anything if it has none.
        arrived_ns: When the frame arrived.
    """
    driver_ns = round(driver_ms * 1e6)
    if 0 <= arrived_ns - driver_ns <= _OLDEST_NS:
        return driver_ns, "driver"
    return arrived_ns, "arrival"
