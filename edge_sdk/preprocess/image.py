"""Pictures to tensors, by NumPy and OpenCV, with the exact inverse."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.preprocess.record import Color, ImageSteps
from edge_sdk.transform import Transform


def prepare_image(steps: ImageSteps, image_bgr_hwc: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Transform]:
    """Turn a picture into the model's input.

    Args:
        steps: What the model was trained with.
        image_bgr_hwc: The picture, uint8 [height, width, 3] in the order blue, green, red, as OpenCV delivers it.

    Returns:
        The tensor, float32 or uint8 as the steps say, [1, channels, height, width] or [1, height, width, channels], and
        where each pixel went.

    Raises:
        InputError: The array is not such a picture, or so long and thin that it cannot be resized.
    """
    dtype, shape = image_bgr_hwc.dtype, image_bgr_hwc.shape
    if dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise InputError(f"image: expected uint8 [height, width, 3], got {dtype} {list(shape)}")
    fitted, transform = _fit(steps, image_bgr_hwc)
    pixels = _recolor(steps.color, fitted)
    tensor = _lay_out(steps, pixels) if steps.dtype == "uint8" else _normalize(steps, pixels)
    return tensor[np.newaxis], transform


def _fit(steps: ImageSteps, image: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Transform]:
    width, height = steps.size_wh
    source_wh = (image.shape[1], image.shape[0])
    resized_wh = _resized_wh(steps, source_wh)
    left, top = (width - resized_wh[0]) // 2, (height - resized_wh[1]) // 2
    resized = _resize(steps, image, resized_wh)
    transform = Transform(
        source_wh=source_wh,
        model_wh=steps.size_wh,
        scale_xy=(resized_wh[0] / source_wh[0], resized_wh[1] / source_wh[1]),
        offset_xy=(left, top),
    )
    if steps.resize == "letterbox" and resized_wh != steps.size_wh:
        canvas = np.full((height, width, 3), steps.pad_value, dtype=np.uint8)
        canvas[top : top + resized_wh[1], left : left + resized_wh[0]] = resized
        return canvas, transform
    return resized[max(-top, 0) : max(-top, 0) + height, max(-left, 0) : max(-left, 0) + width], transform


def _resized_wh(steps: ImageSteps, source_wh: tuple[int, int]) -> tuple[int, int]:
    (width, height), (source_width, source_height) = steps.size_wh, source_wh
    ratios = (width / source_width, height / source_height)
    if steps.resize == "stretch":
        return steps.size_wh
    if steps.resize == "letterbox":
        ratio = min(ratios)
        return max(1, min(width, round(source_width * ratio))), max(1, min(height, round(source_height * ratio)))
    shorter = min(source_wh)
    ratio = steps.shorter_side / shorter if steps.shorter_side else max(ratios)
    return max(width, round(source_width * ratio)), max(height, round(source_height * ratio))


def _resize(steps: ImageSteps, image: npt.NDArray[Any], size_wh: tuple[int, int]) -> npt.NDArray[Any]:
    import cv2

    if (image.shape[1], image.shape[0]) == size_wh:
        return image
    method = {
        "nearest": cv2.INTER_NEAREST,
        "linear": cv2.INTER_LINEAR,
        "area": cv2.INTER_AREA,
        "cubic": cv2.INTER_CUBIC,
    }[steps.interpolation]
    try:
        return cv2.resize(image, size_wh, interpolation=method)
    except cv2.error as exc:  # no memory, or more pixels than OpenCV counts
        size = f"{size_wh[0]}x{size_wh[1]}"
        raise InputError(f"image: expected a picture that can be resized to {size}, got {list(image.shape)}") from exc


def _recolor(color: Color, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the channels that the model takes of a picture in blue, green, red."""
    import cv2

    if color == "bgr":
        return image
    if color in {"rgb", "bgra"}:
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB if color == "rgb" else cv2.COLOR_BGR2BGRA)
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return gray[:, :, np.newaxis] if color == "gray" else cv2.merge((gray, np.full_like(gray, 255)))


def _lay_out(steps: ImageSteps, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(pixels if steps.layout == "nhwc" else pixels.transpose(2, 0, 1))


def _normalize(steps: ImageSteps, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    mean, std = np.array(steps.mean, np.float64), np.array(steps.std, np.float64)
    gain = (1.0 / (steps.divisor * std)).astype(np.float32)
    shift = (-mean / std).astype(np.float32)
    if steps.layout == "nhwc":
        return pixels.astype(np.float32) * gain + shift
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)
    planes *= gain.reshape(-1, 1, 1)
    planes += shift.reshape(-1, 1, 1)
    return planes
