"""What is asked of a camera, and what the driver made of it.

- Of the pixel formats that reach size and rate, the one is taken that costs least to turn into a picture: plain pixels
  where the bus carries them, JPEG where it does not (1080p over USB 2).
- Drivers take any setting and choose another: everything is read back.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from edge_sdk.errors import InputError
from edge_sdk.runtime.sources.v4l2 import layouts, offers
from edge_sdk.runtime.sources.v4l2.device import Device
from edge_sdk.runtime.sources.v4l2.pixels import DECODED

log = logging.getLogger(__name__)

_USUAL_FPS = 30.0
_RATE_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the camera; None leaves it to us or the driver.

    Attributes:
        fourcc: Pixel format.
        size_wh: Width and height in pixels.
        fps: Frames a second.
    """

    fourcc: str | None = None
    size_wh: tuple[int, int] | None = None
    fps: float | None = None


@dataclass(frozen=True, slots=True)
class Mode:
    """What a camera delivers.

    Attributes:
        fourcc: Pixel format.
        size_wh: Width and height in pixels.
        stride_bytes: From one row to the next, of formats of plain pixels.
        fps: Frames a second that the driver claims; 0 if it does not say.
    """

    fourcc: str
    size_wh: tuple[int, int]
    stride_bytes: int
    fps: float

    def __str__(self) -> str:
        rate = f" at {self.fps:g} frames a second" if self.fps else ""
        return f"{self.fourcc} {_told(self.size_wh)}{rate}"


def set_mode(device: Device, asked: Asked, *, where: str) -> Mode:
    """Ask the driver for a mode, and check what it chose.

    Args:
        device: A camera with a pixel format that we decode.
        asked: What is asked of it.
        where: What messages call it.

    Raises:
        InputError: It chose another pixel format or size. Another rate is only a warning.
        OSError: The camera is busy, or gone.
    """
    now = layouts.Format(type=layouts.BUFFER_TYPE_CAPTURE)
    device.control(layouts.G_FMT, now)
    size_wh = asked.size_wh or (int(now.pix.width), int(now.pix.height))
    decoded = decoded_fourccs(device)
    fourcc = asked.fourcc or choose_fourcc(offers.best_rates(device, decoded, size_wh), asked.fps) or decoded[0]
    now.pix.pixelformat, (now.pix.width, now.pix.height) = layouts.fourcc_number(fourcc), size_wh
    now.pix.bytesperline = now.pix.sizeimage = 0  # those of the format before
    device.control(layouts.S_FMT, now)
    got, got_wh = layouts.fourcc_name(now.pix.pixelformat), (int(now.pix.width), int(now.pix.height))
    if got != fourcc or (asked.size_wh and got_wh != size_wh):
        expected = f"{_told(size_wh)} in {fourcc}" if asked.size_wh else fourcc
        hint = f"it has {offers.describe_offers(device, decoded)}"
        raise InputError(f"{where}: expected {expected}, got {_told(got_wh)} in {got}", hint=hint)
    fps = _set_rate(device, asked.fps)
    if asked.fps is not None and abs(fps - asked.fps) > _RATE_TOLERANCE * asked.fps:
        log.warning("%s: expected %g frames a second, got %g", where, asked.fps, fps)
    return Mode(fourcc, got_wh, int(now.pix.bytesperline), fps)


def decoded_fourccs(device: Device) -> list[str]:
    """Return the pixel formats of the camera that we decode, the cheapest first."""
    there = offers.read_fourccs(device)
    return [fourcc for fourcc in DECODED if fourcc in there]


def choose_fourcc(rates: Mapping[str, float], fps: float | None) -> str | None:
    """Return the pixel format to take.

    Args:
        rates: The best rate of each format that we decode and that has the wanted size, the cheapest first; infinite
            where the driver does not say.
        fps: The wanted rate; None wants what is usual, 30.

    Returns:
        The first one that reaches the rate, or the best rate that there is; None if there is none. Grey is taken only
        from a camera that has nothing else.
    """
    colored = {fourcc: rate for fourcc, rate in rates.items() if fourcc != "GREY"} or rates
    if not colored:
        return None
    enough = min(fps or _USUAL_FPS, max(colored.values())) * (1 - _RATE_TOLERANCE)
    return next(fourcc for fourcc, rate in colored.items() if rate >= enough)


def _set_rate(device: Device, fps: float | None) -> float:
    """Set the rate where it can be set; return what the driver says it is, 0 if it does not say."""
    parameters = layouts.Parameters(type=layouts.BUFFER_TYPE_CAPTURE)
    try:
        device.control(layouts.G_PARM, parameters)
        if fps is not None and parameters.capture.capability & layouts.CAN_SET_RATE:
            interval = parameters.capture.timeperframe
            interval.numerator, interval.denominator = 1000, round(fps * 1000)
            device.control(layouts.S_PARM, parameters)
    except OSError as exc:
        if exc.errno not in offers.NOT_TOLD:
            raise
        return 0.0
    return offers.rate_of(parameters.capture.timeperframe, unknown=0.0)


def _told(size_wh: tuple[int, int]) -> str:
    return f"{size_wh[0]}x{size_wh[1]}"
