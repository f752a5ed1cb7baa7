"""A Raspberry Pi's camera through picamera2, which comes with the system: `sudo apt install python3-picamera2`.

- Pictures come from `main`; smaller ones from `lores`, which the image processor makes beside it, of the same view.
- picamera2's RGB888 has blue first in memory, which is what we want. `lores` is YUV420, which all Pis can.
- The start of the exposure is reckoned: the sensor's time is that of the read-out, one exposure later.
- Lost frames are told by the sensor's times: a gap of two frames' durations is one lost frame.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.frame import Clock, Sample
from edge_sdk.runtime.sources.jpeg import Image, Reduce

_BUFFERS = 4


@dataclass(frozen=True, slots=True)
class PiAsked:
    """What is asked of the camera.

    Attributes:
        main_wh: Size of `main`, in pixels.
        fps: Pictures a second.
        reduce: Above 1, pictures come from `lores`, smaller by so much.
        timeout_s: How long a read waits for a frame.
    """

    main_wh: tuple[int, int]
    fps: float
    reduce: Reduce
    timeout_s: float


def import_picamera2(name: str) -> Any:
    """Return the class Picamera2 of the system's package.

    Args:
        name: What messages call the camera.

    Raises:
        UnavailableError: It is not there, or does not fit this Python.
    """
    try:
        from picamera2 import Picamera2
    except ImportError as exc:
        raise UnavailableError(
            f"{name}: expected the system's package picamera2, got none ({exc})",
            hint="sudo apt install python3-picamera2; the environment needs --system-site-packages",
        ) from exc
    return Picamera2


class PiCamera:
    """A camera, opened and capturing."""

    live = True

    def __init__(self, picamera2: Any, number: int, asked: PiAsked, *, name: str) -> None:
        """Open the camera and begin to capture.

        Args:
            picamera2: The class Picamera2.
            number: Of the camera.
            asked: What is asked of it.
            name: What results and messages call it.

        Raises:
            InputError: The camera has not the size.
            UnavailableError: There is no such camera, or another program has it.
        """
        self.name, self.fps = name, asked.fps
        self._asked, self._stream = asked, "main" if asked.reduce == 1 else "lores"
        there = [info.get("Model", "camera") for info in picamera2.global_camera_info()]
        if number >= len(there):
            listed = ", ".join(f"csi:{index} ({model})" for index, model in enumerate(there))
            raise UnavailableError(
                f"{name}: expected a camera, got {len(there)} of them",
                hint=f"cameras here: {listed}" if there else "rpicam-hello --list-cameras shows what the system sees",
            )
        try:
            self._camera = picamera2(number)
        except (RuntimeError, OSError) as exc:
            raise UnavailableError(
                f"{name}: expected a camera that can be opened, got: {exc}", hint="is another program using it?"
            ) from exc
        try:
            self._begin()
        except (RuntimeError, OSError) as exc:
            self.close()
            raise UnavailableError(f"{name}: expected a camera that captures, got: {exc}") from exc
        except InputError:
            self.close()
            raise
        self._sensor_ns = 0
        self._number = 0

    def read(self) -> Sample | None:
        """Return the next frame; see `Source.read`."""
        from concurrent.futures import TimeoutError as FutureTimeoutError

        try:
            request = self._camera.capture_request(wait=self._asked.timeout_s, flush=not self._sensor_ns or None)
        except (TimeoutError, FutureTimeoutError) as exc:
            raise UnavailableError(
                f"{self.name}: expected a frame, got none for {self._asked.timeout_s:g} s",
                hint="is its ribbon cable seated?",
            ) from exc
        try:
            metadata, array = request.get_metadata(), request.make_array(self._stream)
        finally:
            request.release()
        captured_ns, clock = self._stamp(metadata, monotonic_ns())
        return Sample(self._picture(array), self._number, captured_ns=captured_ns, clock=clock, source=self.name)

    def close(self) -> None:
        """Give the camera back."""
        with suppress(RuntimeError):
            self._camera.close()

    def _begin(self) -> None:
        asked = self._asked
        duration_us = round(1e6 / asked.fps)
        small_wh = (asked.main_wh[0] // asked.reduce, asked.main_wh[1] // asked.reduce)
        configuration = self._camera.create_video_configuration(
            main={"size": asked.main_wh, "format": "RGB888"},
            lores=None if asked.reduce == 1 else {"size": small_wh, "format": "YUV420"},
            controls={"FrameDurationLimits": (duration_us, duration_us)},
            buffer_count=_BUFFERS,
        )
        self._camera.configure(configuration)
        got = tuple(self._camera.camera_configuration()[self._stream]["size"])
        if got != small_wh:
            raise InputError(f"{self.name}: expected {small_wh[0]}x{small_wh[1]}, got {got[0]}x{got[1]}")
        self._small_wh = small_wh
        self._camera.start()

    def _picture(self, array: Any) -> Image:
        import cv2

        if self._stream == "main":
            return np.asarray(array, np.uint8)
        picture = cv2.cvtColor(array, cv2.COLOR_YUV2BGR_I420)  # its rows may be padded
        return np.ascontiguousarray(picture[:, : self._small_wh[0]], np.uint8)

    def _stamp(self, metadata: dict[str, Any], arrived_ns: int) -> tuple[int, Clock]:
        sensor_ns = int(metadata.get("SensorTimestamp", 0))
        if not sensor_ns:
            self._number += 1 if self._sensor_ns else 0
            self._sensor_ns = arrived_ns
            return arrived_ns, "arrival"
        duration_ns = 1000 * metadata.get("FrameDuration", 1e6 / self._asked.fps)
        if self._sensor_ns:
            self._number += max(1, round((sensor_ns - self._sensor_ns) / duration_ns))
        self._sensor_ns = sensor_ns
        if "ExposureTime" not in metadata:
            return sensor_ns, "readout"
        return sensor_ns - 1000 * int(metadata["ExposureTime"]), "exposure"
