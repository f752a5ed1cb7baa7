"""JPEG pictures as cameras send them: cut off now and then, and wanted smaller than they are."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError

Image = npt.NDArray[np.uint8]
Reduce = Literal[1, 2, 4, 8]
"""How much smaller a picture is decoded, in each direction."""
_START, _END = b"\xff\xd8", b"\xff\xd9"


def decode_jpeg(data: memoryview | bytes, *, reduce: Reduce = 1) -> Image:
    """Decode the JPEG picture of a camera.

    Args:
        data: Its bytes; some cameras put others behind them.
        reduce: 1, 2, 4 or 8; more than 1 decodes a smaller picture, which costs less than a half.

    Raises:
        InputError: It is cut off, or no JPEG. A decoder alone would paint grey what is missing.
    """
    import cv2

    flag = {
        1: cv2.IMREAD_COLOR,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }[reduce]
    content = bytes(data)
    is_whole = content.startswith(_START) and _END in content  # which cannot be within its picture
    image = cv2.imdecode(np.frombuffer(content, np.uint8), flag | cv2.IMREAD_IGNORE_ORIENTATION) if is_whole else None
    if image is None:
        raise InputError(f"expected a whole JPEG picture, got {len(data)} bytes that are none")
    return np.asarray(image, np.uint8)
