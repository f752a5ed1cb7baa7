"""A buffer's bytes become a picture: blue, green, red, as all sources deliver them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_sdk.errors import InputError
from edge_sdk.runtime.sources.jpeg import Image, Reduce, decode_jpeg

_PIXEL_BYTES: Mapping[str, int] = {"YUYV": 2, "NV12": 1, "BGR3": 3, "RGB3": 3, "GREY": 1}
"""Bytes of a pixel in a row, of the formats of plain pixels."""
_JPEG = ("MJPG", "JPEG")
DECODED = ("YUYV", "NV12", "BGR3", "RGB3", *_JPEG, "GREY")
"""The pixel formats that we decode, the cheapest first."""


def decode(fourcc: str, data: memoryview, *, size_wh: tuple[int, int], stride_bytes: int, reduce: Reduce = 1) -> Image:
    """Turn a buffer into a picture of its own memory.

    Args:
        fourcc: One of `DECODED`.
        data: The bytes that the driver filled.
        size_wh: Width and height in pixels.
        stride_bytes: From one row to the next, of plain pixels; 0 if they have no gap.
        reduce: 1, 2, 4 or 8: the picture is smaller by so much, as `decode_jpeg` does it.

    Raises:
        InputError: It is cut off.
    """
    if fourcc in _JPEG:
        return decode_jpeg(data, reduce=reduce)
    image = _convert(fourcc, _rows(fourcc, data, size_wh, stride_bytes))
    return image if reduce == 1 else _shrink(image, reduce)


def _rows(fourcc: str, data: memoryview, size_wh: tuple[int, int], stride_bytes: int) -> Image:
    """Return the bytes [rows, width, bytes of a pixel] that hold pixels; NV12 has half as many rows more."""
    width, height = size_wh
    pixel_bytes = _PIXEL_BYTES[fourcc]
    stride = max(stride_bytes, width * pixel_bytes)
    rows = height * 3 // 2 if fourcc == "NV12" else height
    if len(data) < stride * rows:
        raise InputError(f"expected {stride * rows} bytes of {fourcc}, got {len(data)}")
    whole = np.frombuffer(data, np.uint8, stride * rows).reshape(rows, stride)
    return whole[:, : width * pixel_bytes].reshape(rows, width, pixel_bytes)


def _convert(fourcc: str, rows: Image) -> Image:
    import cv2

    if fourcc == "BGR3":
        return rows.copy()
    code = {
        "YUYV": cv2.COLOR_YUV2BGR_YUYV,
        "NV12": cv2.COLOR_YUV2BGR_NV12,
        "RGB3": cv2.COLOR_RGB2BGR,
        "GREY": cv2.COLOR_GRAY2BGR,
    }[fourcc]
    return np.asarray(cv2.cvtColor(rows, code), np.uint8)


def _shrink(image: Image, reduce: Reduce) -> Image:
    import cv2

    size_wh = (-(-image.shape[1] // reduce), -(-image.shape[0] // reduce))
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
