"""Cameras on a board's own connector: `csi:0?width=1280&height=720&fps=30`.

A Raspberry Pi's are read through picamera2, a Jetson's through GStreamer; both come with the board's system.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_sdk.errors import InputError
from edge_sdk.runtime.sources.argus import argus_pipeline
from edge_sdk.runtime.sources.gstreamer import GStreamerStream
from edge_sdk.runtime.sources.jpeg import Reduce
from edge_sdk.runtime.sources.picamera import PiAsked, PiCamera, import_picamera2
from edge_sdk.runtime.sources.record import Address, Source

_COMPATIBLE = Path("/proc/device-tree/compatible")


@dataclass(frozen=True, slots=True)
class CsiOptions:
    """What the address may ask of the camera.

    Attributes:
        width: What the sensor's picture is scaled to, in pixels.
        height: What the sensor's picture is scaled to, in pixels.
        fps: Pictures a second.
        reduce: The image processor makes pictures smaller by so much, at no cost.
        timeout_s: How long opening, and each read, waits for a frame.
        backend: Who reads the camera; `auto` goes by the board.
    """

    width: int = 1280
    height: int = 720
    fps: float = 30.0
    reduce: Reduce = 1
    timeout_s: float = 5.0
    backend: Literal["auto", "picamera2", "argus"] = "auto"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: A number is not positive, or the size does not divide into pairs of pixels.
        """
        for name in ("width", "height", "fps", "timeout_s"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: expected more than 0, got {getattr(self, name)}")
        step_wh = (4 * self.reduce, 2 * self.reduce)
        if self.width % step_wh[0] or self.height % step_wh[1]:
            raise InputError(
                f"width, height: expected multiples of {step_wh[0]} and {step_wh[1]}, got {self.width}x{self.height}"
            )

    @property
    def delivered_wh(self) -> tuple[int, int]:
        """Size of the pictures."""
        return self.width // self.reduce, self.height // self.reduce


def open_csi(address: Address, *, compatible: Path = _COMPATIBLE) -> Source:
    """Open a camera.

    Args:
        address: Its number, and what is asked of it.
        compatible: Where the kernel says which board this is.

    Raises:
        InputError: The address or an option is wrong.
        UnavailableError: There is no such camera, or the system has not what reads it.
    """
    name = address.uri.partition("?")[0]
    options = address.read_options(CsiOptions)
    if not address.place.isdecimal():
        raise InputError(f"{name}: expected a number such as csi:0, got '{address.place}'")
    number = int(address.place)
    is_jetson = compatible.exists() and b"nvidia,tegra" in compatible.read_bytes()
    if options.backend == "argus" or (options.backend == "auto" and is_jetson):
        size_wh = options.delivered_wh
        pipeline = argus_pipeline(number, (options.width, options.height), fps=options.fps, size_wh=size_wh)
        return GStreamerStream(pipeline, size_wh, fps=options.fps, name=name, timeout_s=options.timeout_s)
    asked = PiAsked((options.width, options.height), options.fps, options.reduce, options.timeout_s)
    return PiCamera(import_picamera2(name), number, asked, name=name)
