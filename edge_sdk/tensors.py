"""What goes into a model and comes out of it: named arrays and their specifications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from edge_sdk.errors import InputError

Array = npt.NDArray[Any]
Tensors = Mapping[str, Array]
"""Arrays by the name of the model's input or output."""


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
