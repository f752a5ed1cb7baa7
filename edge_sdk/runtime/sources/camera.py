"""Cameras of this machine: `camera:usb:046d:0825`, `/dev/v4l/by-id/…`, `camera:0?width=1280&height=720`.

`identity` finds the node, `v4l2` reads it. OpenCV reads what that cannot: pixel formats that only it decodes, and
drivers that keep a picture in several planes.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.sources.identity import cameras_here, find_camera, list_cameras
from edge_sdk.runtime.sources.jpeg import Reduce
from edge_sdk.runtime.sources.opencv_camera import OpenCvCamera
from edge_sdk.runtime.sources.record import Address, Source
from edge_sdk.runtime.sources.v4l2 import layouts
from edge_sdk.runtime.sources.v4l2.camera import V4l2Camera, unavailable
from edge_sdk.runtime.sources.v4l2.device import Device, DeviceFile
from edge_sdk.runtime.sources.v4l2.modes import Asked, decoded_fourccs
from edge_sdk.runtime.sources.v4l2.offers import read_fourccs
from edge_sdk.runtime.sources.v4l2.pixels import DECODED

log = logging.getLogger(__name__)

_FOURCC_LETTERS = 4
_CAN = layouts.CAN_CAPTURE | layouts.CAN_STREAM


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """What the address may ask of the camera; None leaves it to the driver.

    Attributes:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        fps: Pictures a second.
        fourcc: Pixel format, four letters such as MJPG or YUYV; None takes the cheapest that reaches size and rate.
        reduce: Pictures are smaller by so much, which costs less than decoding them whole; the results are in the
            pixels of the smaller picture.
        timeout_s: How long a read waits for a frame.
        backend: Who reads the camera; `auto` takes OpenCV where our own capture cannot.
    """

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    fourcc: str | None = None
    reduce: Reduce = 1
    timeout_s: float = 5.0
    backend: Literal["auto", "v4l2", "opencv"] = "auto"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: Only one of width and height is given, a number is not positive, fourcc is not four letters, or
                OpenCV is asked for what it cannot do.
        """
        if (self.width is None) != (self.height is None):
            raise InputError("width, height: expected both or none, got one")
        for name in ("width", "height", "fps", "timeout_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name}: expected more than 0, got {value}")
        if self.fourcc is not None and len(self.fourcc) != _FOURCC_LETTERS:
            raise InputError(f"fourcc: expected four letters such as MJPG, got '{self.fourcc}'")
        if self.backend == "opencv" and self.reduce > 1:
            raise InputError(f"reduce: expected 1 with backend=opencv, got {self.reduce}")

    @property
    def asked(self) -> Asked:
        """The mode that is asked for."""
        size_wh = None if self.width is None or self.height is None else (self.width, self.height)
        return Asked(None if self.fourcc is None else self.fourcc.rstrip(), size_wh, self.fps)


def open_camera(address: Address) -> Source:
    """Open a camera.

    Raises:
        InputError: An option is wrong, or the camera cannot do what it asks.
        UnavailableError: There is no such camera, or another program has it.
    """
    name = address.uri.partition("?")[0]
    options = address.read_options(CameraOptions)
    path = find_camera(address.place, where=name, nodes=list_cameras)
    if options.backend == "opencv":
        return OpenCvCamera(path, options.asked, name=name)
    try:
        device = DeviceFile(path)
    except OSError as exc:
        raise unavailable(name, exc) from exc
    with ExitStack() as on_the_way_out:
        on_the_way_out.callback(device.close)
        why_not = why_not_ours(device, options.asked, where=name)
        if not why_not:
            camera = V4l2Camera(device, options.asked, name=name, reduce=options.reduce, timeout_s=options.timeout_s)
            on_the_way_out.pop_all()
            return camera
    if options.backend == "v4l2" or options.reduce > 1:
        raise InputError(f"{name}: expected a camera that our own capture reads, got {why_not}", hint="backend=opencv")
    log.warning("%s: %s: OpenCV reads it, which does not tell lost frames", name, why_not)
    return OpenCvCamera(path, options.asked, name=name)


def why_not_ours(device: Device, asked: Asked, *, where: str) -> str:
    """Return what our own capture cannot read in a camera; nothing if it can read it.

    Raises:
        UnavailableError: The node gives no pictures.
    """
    capability = layouts.Capability()
    try:
        device.control(layouts.QUERYCAP, capability)
        if not capability.device_caps & (layouts.CAN_CAPTURE | layouts.CAN_CAPTURE_PLANES):
            card = capability.card.decode(errors="replace")
            raise UnavailableError(
                f"{where}: expected a camera, got '{card}', which gives no pictures", hint=cameras_here(list_cameras())
            )
        if capability.device_caps & _CAN != _CAN:
            return "pictures in several planes, or no streaming"
        if asked.fourcc is not None and asked.fourcc not in DECODED:
            return f"pixel format {asked.fourcc}"
        return "" if decoded_fourccs(device) else f"pixel formats {', '.join(read_fourccs(device))}"
    except OSError as exc:
        raise unavailable(where, exc) from exc
