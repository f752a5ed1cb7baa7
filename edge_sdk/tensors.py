"""What goes into a model and comes out of it: named arrays and their specifications."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError

Array = npt.NDArray[Any]
Tensors = Mapping[str, Array]
"""Arrays by the name of the model's input or output."""
SAME_DB = 200.0
"""The signal-to-noise ratio of what is the same."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """The name, element type and shape of a model's input or output.

    Attributes:
        name: As in the ONNX graph.
        dtype: NumPy's name of the element type, such as `float32`; `object` for text.
        shape: One entry an axis; a name stands for a free size (`batch`).
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def check(self, array: Array, *, where: str) -> None:
        """Check that `array` can be given for this tensor.

        Raises:
            InputError: The element type, the number of axes or a fixed size differs.
        """
        if str(array.dtype) != self.dtype:  # tells byte orders apart, which onnxruntime does not
            raise InputError(f"{where}: expected {self.name} as {self.dtype}, got {array.dtype}")
        fits = len(array.shape) == len(self.shape) and all(
            isinstance(wanted, str) or wanted == got for wanted, got in zip(self.shape, array.shape, strict=True)
        )
        if not fits:
            raise InputError(f"{where}: expected {self.name} of shape {self.describe()}, got {list(array.shape)}")

    def describe(self) -> str:
        """Return the shape as text, such as `[batch, 3, 224, 224]`."""
        return "[" + ", ".join(str(size) for size in self.shape) + "]"


def snr_db(expected: Array, got: Array) -> float:
    """Return the signal-to-noise ratio in dB, at most 200 (the same), and -200 where a value is not finite."""
    reference = expected.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinity less infinity is no number, which is told below
        noise = got.astype(np.float64) - reference
    power, error = float(np.square(reference).sum()), float(np.square(noise).sum())
    if not math.isfinite(error):
        return -SAME_DB
    if error == 0:
        return SAME_DB
    return max(-SAME_DB, min(SAME_DB, 10 * math.log10(power / error))) if power else -SAME_DB
