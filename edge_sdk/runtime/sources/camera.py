"""Cameras of this machine, through Video4Linux: `camera:0`, `/dev/v4l/by-id/…`, `camera:0?width=1280&height=720`.

- What is asked for is set in the order that drivers need (pixel format, size, rate) and read back: drivers take
  anything and choose something else.
- Samples are stamped with the driver's time of the buffer where it has a believable one, else when they arrive.
- Numbers are no identity: `camera:0` may be another camera after a restart, a path below /dev/v4l/by-id is not.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.frame import Clock, Sample
from edge_sdk.runtime.sources.record import Address

log = logging.getLogger(__name__)

_BY_ID = Path("/dev/v4l/by-id")
_OLDEST_NS = 10_000_000_000
_RATE_TOLERANCE = 0.1
_FOURCC_LETTERS = 4


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """What the address may ask of the camera; None leaves it to the driver.

    Attributes:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        fps: Pictures a second.
        fourcc: Pixel format, four letters such as MJPG or YUYV.
    """

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    fourcc: str | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: Only one of width and height is given, a number is not positive, or fourcc is not four letters.
        """
        if (self.width is None) != (self.height is None):
            raise InputError("width, height: expected both or none, got one")
        for name in ("width", "height", "fps"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name}: expected more than 0, got {value}")
        if self.fourcc is not None and len(self.fourcc) != _FOURCC_LETTERS:
            raise InputError(f"fourcc: expected four letters such as MJPG, got '{self.fourcc}'")


class Camera:
    """A camera, opened."""

    live = True

    def __init__(self, address: Address) -> None:
        """Open the camera.

        Raises:
            InputError: An option is wrong, or the camera cannot do what it asks.
            UnavailableError: There is no such camera, or another program has it.
        """
        import cv2

        self.name = address.uri.partition("?")[0]
        options = address.read_options(CameraOptions)
        path = _device(address.place, where=self.name)
        self._capture: Any = cv2.VideoCapture(str(path), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise UnavailableError(
                f"{self.name}: expected a camera that can be opened, got none",
                hint="is another program using it, and is this user in the group video?",
            )
        try:
            self.fps = negotiate(self._capture, options, where=self.name)
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


def negotiate(capture: Any, options: CameraOptions, *, where: str) -> float:
    """Ask the driver for what the options say, and check what it chose.

    Args:
        capture: An opened `cv2.VideoCapture`.
        options: What is asked for.
        where: What messages call the camera.

    Returns:
        The rate that the driver tells, in frames a second; 0 if it tells none.

    Raises:
        InputError: It chose another pixel format or size. Another rate is only a warning.
    """
    import cv2

    if options.fourcc is not None:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*options.fourcc))
    if options.width is not None and options.height is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.height)
    if options.fps is not None:
        capture.set(cv2.CAP_PROP_FPS, options.fps)
    fourcc = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin-1")
    size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    fps = max(0.0, float(capture.get(cv2.CAP_PROP_FPS)))
    hint = "v4l2-ctl --list-formats-ext shows what the camera can do"
    if options.fourcc not in {None, fourcc}:
        raise InputError(f"{where}: expected pixel format {options.fourcc}, got {fourcc}", hint=hint)
    if options.width is not None and size != (options.width, options.height):
        raise InputError(f"{where}: expected {options.width}x{options.height}, got {size[0]}x{size[1]}", hint=hint)
    if options.fps is not None and abs(fps - options.fps) > _RATE_TOLERANCE * options.fps:
        log.warning("%s: expected %g frames a second, got %g", where, options.fps, fps)
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


def _device(place: str, *, where: str) -> Path:
    path = Path(f"/dev/video{place}" if place.isdecimal() else place)
    if path.is_char_device():
        return path
    there = sorted(_BY_ID.glob("*")) or sorted(Path("/dev").glob("video*"))
    raise UnavailableError(
        f"{where}: expected a camera at {path}, got {'no device' if path.exists() else 'nothing there'}",
        hint=f"cameras here: {', '.join(map(str, there))}" if there else "no camera is connected",
    )
