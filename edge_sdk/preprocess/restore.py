"""From a model's input back to a picture that people can look at: the channels, the values and the layout undone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.preprocess.record import ImageSteps


def restore_image(steps: ImageSteps, tensor: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the picture that a tensor was made of, resized and padded as the model sees it.

    Args:
        steps: What made the tensor.
        tensor: One picture, [1, channels, height, width] or [1, height, width, channels], as the steps say.

    Returns:
        The picture, uint8 [height, width, 3] in the order blue, green, red; grey where the model takes grey.
    """
    pixels = np.asarray(tensor[0], np.float64)
    pixels = pixels if steps.layout == "nhwc" else pixels.transpose(1, 2, 0)
    pixels = (pixels * np.array(steps.std) + np.array(steps.mean)) * steps.divisor
    whole = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    if steps.color in {"gray", "ya8"}:
        return np.repeat(whole[:, :, :1], 3, axis=2)
    return np.ascontiguousarray(whole[:, :, ::-1] if steps.color == "rgb" else whole[:, :, :3])
