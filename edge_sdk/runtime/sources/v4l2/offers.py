"""What a camera says it can do: pixel formats, sizes, rates. Drivers leave out what they like, which is no error."""

from __future__ import annotations

import errno
import math
from collections.abc import Iterator, Sequence
from ctypes import Structure
from typing import TypeVar

from edge_sdk.runtime.sources.v4l2 import layouts
from edge_sdk.runtime.sources.v4l2.device import Device

RecordT = TypeVar("RecordT", bound=Structure)

NOT_TOLD = frozenset({errno.ENOTTY, errno.EINVAL, errno.ENODATA})
"""What a driver answers to a question that it does not know, and at the end of a list."""
_MOST_ENTRIES = 256
_SIZES_TOLD = 8


def read_fourccs(device: Device) -> list[str]:
    """Return the pixel formats that the camera has, in its order."""
    start = layouts.FormatDescription(type=layouts.BUFFER_TYPE_CAPTURE)
    return [layouts.fourcc_name(entry.pixelformat) for entry in _entries(device, layouts.ENUM_FMT, start)]


def best_rates(device: Device, fourccs: Sequence[str], size_wh: tuple[int, int]) -> dict[str, float]:
    """Return the best rate of those pixel formats that have a size, infinite where the driver does not say."""
    rates = {fourcc: _best_rate(device, fourcc, size_wh) for fourcc in fourccs}
    return {fourcc: rate for fourcc, rate in rates.items() if rate}


def describe_offers(device: Device, fourccs: Sequence[str], *, with_rates: bool = False) -> str:
    """Return which sizes pixel formats have, for people: `MJPG 1920x1080 1280x720, YUYV 640x480`.

    Args:
        device: A camera.
        fourccs: Its pixel formats.
        with_rates: Whether each size is told with its best rate: `1920x1080@30`.
    """
    return ", ".join(f"{fourcc} {_describe_sizes(device, fourcc, with_rates)}".rstrip() for fourcc in fourccs)


def rate_of(interval: layouts.Fraction, *, unknown: float) -> float:
    """Return frames a second of a frame's seconds."""
    numerator, denominator = int(interval.numerator), int(interval.denominator)
    return denominator / numerator if numerator else unknown


def _best_rate(device: Device, fourcc: str, size_wh: tuple[int, int]) -> float:
    number = layouts.fourcc_number(fourcc)
    start = layouts.FrameInterval(pixel_format=number, width=size_wh[0], height=size_wh[1])
    rates = [rate_of(one.shortest, unknown=math.inf) for one in _entries(device, layouts.ENUM_FRAMEINTERVALS, start)]
    if rates:
        return max(rates)
    sizes = list(_sizes(device, fourcc))
    return math.inf if not sizes or any(_has(size, size_wh) for size in sizes) else 0.0


def _sizes(device: Device, fourcc: str) -> Iterator[layouts.FrameSize]:
    start = layouts.FrameSize(pixel_format=layouts.fourcc_number(fourcc))
    return _entries(device, layouts.ENUM_FRAMESIZES, start)


def _has(size: layouts.FrameSize, size_wh: tuple[int, int]) -> bool:
    if size.type == layouts.DISCRETE:
        return (size.discrete.width, size.discrete.height) == size_wh
    span, (width, height) = size.range, size_wh
    return bool(span.min_width <= width <= span.max_width and span.min_height <= height <= span.max_height)


def _describe_sizes(device: Device, fourcc: str, with_rates: bool) -> str:
    sizes = list(_sizes(device, fourcc))
    if sizes and sizes[0].type != layouts.DISCRETE:
        span = sizes[0].range
        return f"{span.min_width}x{span.min_height} to {span.max_width}x{span.max_height}"
    found = sorted({(size.discrete.width, size.discrete.height) for size in sizes}, reverse=True)
    more = " …" if len(found) > _SIZES_TOLD else ""
    rates = [_best_rate(device, fourcc, size_wh) if with_rates else math.inf for size_wh in found[:_SIZES_TOLD]]
    told = zip(found, rates, strict=False)
    return (
        " ".join(f"{width}x{height}" + (f"@{fps:g}" if fps < math.inf else "") for (width, height), fps in told) + more
    )


def _entries(device: Device, request: int, start: RecordT) -> Iterator[RecordT]:
    """Yield a list's entries, each a record of its own; `start` says what the list is about."""
    for index in range(_MOST_ENTRIES):
        entry = type(start).from_buffer_copy(start)
        entry.index = index
        try:
            device.control(request, entry)
        except OSError as exc:
            if exc.errno in NOT_TOLD:
                return
            raise
        yield entry
