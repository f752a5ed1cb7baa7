"""The declaration of preprocessing: the same record in calibration, in the package and at run time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edge_sdk.errors import InputError
from edge_sdk.preprocess.window_record import WindowSteps

Resize = Literal["stretch", "letterbox", "crop"]
Color = Literal["rgb", "bgr", "gray", "bgra", "ya8"]
Interpolation = Literal["nearest", "linear", "area", "cubic"]
_CHANNELS: Mapping[Color, int] = {"rgb": 3, "bgr": 3, "gray": 1, "bgra": 4, "ya8": 2}
_MOST_PIXELS = 16384
"""The longest side of a picture: a bound on memory, far above what models take."""


@dataclass(frozen=True, slots=True)
class ImageSteps:
    """How a picture becomes a tensor: resize, colour order, then `(pixel / divisor - mean) / std`.

    Attributes:
        size_wh: Width and height that the model takes, in pixels.
        resize: `stretch` to the size; `letterbox` keeps the aspect and pads; `crop` fills and cuts the centre.
        shorter_side: For `crop`: resize the shorter side to this many pixels first; None cuts as little as possible.
        interpolation: How pixels are resampled.
        color: The channels that the model takes, in order; `bgra` is blue, green, red and `ya8` is grey, each followed
            by a channel that is 255 everywhere.
        divisor: Pixels, 0 to 255, are divided by this first.
        mean: Subtracted then; one value, or one a channel.
        std: Divided by last; one value, or one a channel.
        layout: Order of the axes that the model takes, with a batch axis of 1.
        pad_value: Grey of the padding of `letterbox`, 0 to 255.
        dtype: Element type that the model takes; `uint8` takes the pixels as they are, and normalizes them itself.
    """

    size_wh: tuple[int, int]
    resize: Resize = "stretch"
    shorter_side: int | None = None
    interpolation: Interpolation = "linear"
    color: Color = "rgb"
    divisor: float = 255.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: Literal["nchw", "nhwc"] = "nchw"
    pad_value: int = 114
    dtype: Literal["float32", "uint8"] = "float32"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: A size, divisor or number of values is impossible.
        """
        if min(self.size_wh) < 1 or max(self.size_wh) > _MOST_PIXELS:
            raise InputError(f"size_wh: expected 1 to {_MOST_PIXELS} pixels, got {list(self.size_wh)}")
        if self.divisor == 0 or 0 in self.std:
            raise InputError("divisor, std: expected values other than 0, got 0")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in {1, self.channels}:
                raise InputError(f"{name}: expected 1 or {self.channels} values, got {len(values)}")
        if self.shorter_side is not None and not max(self.size_wh) <= self.shorter_side <= _MOST_PIXELS:
            raise InputError(
                f"shorter_side: expected {max(self.size_wh)} to {_MOST_PIXELS} pixels, got {self.shorter_side}"
            )
        if not 0 <= self.pad_value <= 255:
            raise InputError(f"pad_value: expected 0 to 255, got {self.pad_value}")
        if self.dtype == "uint8" and (self.divisor != 1 or any(self.mean) or {*self.std} != {1.0}):
            raise InputError("dtype: expected float32 for a divisor, mean or std, got uint8")

    @property
    def channels(self) -> int:
        """The number of channels that the model takes."""
        return _CHANNELS[self.color]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of the tensor that is made of a picture."""
        (width, height), channels = self.size_wh, self.channels
        return (1, height, width, channels) if self.layout == "nhwc" else (1, channels, height, width)


@dataclass(frozen=True, slots=True)
class Preprocess:
    """What happens before the model: picture steps, or window steps, or nothing (tensors are taken as they are).

    Attributes:
        image: For pictures.
        window: For rows of sensor values.
    """

    image: ImageSteps | None = None
    window: WindowSteps | None = None

    def __post_init__(self) -> None:
        """Check that at most one kind is given.

        Raises:
            InputError: Both are given.
        """
        if self.image is not None and self.window is not None:
            raise InputError("image, window: expected one of them, got both")
