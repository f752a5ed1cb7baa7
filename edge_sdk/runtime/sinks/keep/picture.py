"""A sample as bytes, and how alike two of them look.

- Likeness is dHash (Krawetz, "Kind of Like That", hackerfactor.com, 2013) with 16x16 bits: whether a cell is brighter
  than its right neighbour, by more than a level, so that noise on a plain wall tells nothing. A thing of a tenth of the
  picture's height changes some bits; JPEG and another size change next to none.
- dHash is blind to light and colour. So 32 bits for each channel follow, of which one more is set for each 8 levels of
  the channel's mean: the same yard at dusk is another picture.
- A window of sensor values is like none but itself: its likeness is its SHA-256.
"""

from __future__ import annotations

import io

import numpy as np

from edge_sdk.errors import UnavailableError
from edge_sdk.files import sha256_hex
from edge_sdk.media import Image, encode_jpeg
from edge_sdk.runtime.frame import is_picture
from edge_sdk.runtime.kept.record import Format
from edge_sdk.tensors import Array

ALIKE_BITS = 6
"""Two pictures whose likeness differs in no more bits are one."""
_SIDE = 16
_SAMPLED_PX = 256
"""Of the shorter side; every fourth pixel of 1080 lines is enough for 16 cells."""
_STEPS = 32
_LEVELS = 256
_PLAIN = 3
"""Sum of three channels by which neighbours differ that are one plain surface."""


def likeness_of(data: Array) -> int:
    """Return the 352 bits by which a sample is compared.

    Args:
        data: A picture uint8 [height, width, 3], or a window.
    """
    import cv2

    if not is_picture(data):
        return int(sha256_hex(np.ascontiguousarray(data).tobytes()), 16)
    step = max(1, min(data.shape[:2]) // _SAMPLED_PX)
    sampled = np.ascontiguousarray(data[step // 2 :: step, step // 2 :: step])
    cells = cv2.resize(sampled, (_SIDE + 1, _SIDE), interpolation=cv2.INTER_AREA).astype(np.int64)
    levels = cells.sum(axis=2)
    is_brighter = levels[:, :-1] > levels[:, 1:] + _PLAIN
    steps = cells.mean(axis=(0, 1))[:, np.newaxis] * _STEPS / _LEVELS > np.arange(_STEPS)
    return int.from_bytes(np.packbits(np.concatenate([is_brighter.ravel(), steps.ravel()])).tobytes(), "big")


def differing_bits(one: int, other: int) -> int:
    """Return in how many bits two likenesses differ (their Hamming distance)."""
    return (one ^ other).bit_count()


def encode(data: Array, form: Format, *, quality: int) -> bytes:
    """Return a sample as the bytes of its file.

    Args:
        data: A picture, or a window.
        form: Of a picture; a window is an array file in any case.
        quality: Of a JPEG.

    Raises:
        UnavailableError: OpenCV cannot encode it.
    """
    if not is_picture(data):
        file = io.BytesIO()
        np.save(file, np.asarray(data), allow_pickle=False)
        return file.getvalue()
    return encode_jpeg(data, longest_px=max(data.shape), quality=quality) if form == "jpg" else _png(data)


def _png(picture: Image) -> bytes:
    import cv2

    is_done, encoded = cv2.imencode(".png", picture)
    if not is_done:
        raise UnavailableError(f"picture: expected a PNG of {picture.shape[1]}x{picture.shape[0]}, got none")
    return bytes(encoded)
