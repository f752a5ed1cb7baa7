"""What the layers and the name of a Keras model say of its preprocessing.

Rescaling, Normalization and Resizing layers are part of the graph, and so of the ONNX model: in front of a model that
rescales, pictures stay pixels from 0 to 255. A name of `keras.applications` is a hint that is told, never applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from edge_sdk.convert.layout import Axes
from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.preprocess.record import Color

_INSIDE = frozenset({"Rescaling", "Normalization", "Resizing", "CenterCrop"})
_FIRST = 6
"""How many layers are looked at from the front: what comes later does not prepare the input."""
_BYTES = 255.0
_CENTRED = "RGB / 127.5 - 1"
_CAFFE = "BGR less (103.939, 116.779, 123.68)"
_TORCH = "RGB / 255, less (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225)"
_PIXELS = "RGB from 0 to 255, prepared in the model"
_APPLICATIONS = (
    ("mobilenetv3", _PIXELS), ("efficientnet", _PIXELS), ("convnext", _PIXELS), ("mobilenet", _CENTRED),
    ("inception", _CENTRED), ("xception", _CENTRED), ("nasnet", _CENTRED), ("densenet", _TORCH),
    ("resnet50v2", _CENTRED), ("resnet101v2", _CENTRED), ("resnet152v2", _CENTRED),
    ("resnet50", _CAFFE), ("resnet101", _CAFFE), ("resnet152", _CAFFE), ("vgg16", _CAFFE), ("vgg19", _CAFFE),
)  # fmt: skip
"""What `preprocess_input` of keras.applications does, by how a model's name begins; the first that fits counts."""


def stated_preprocess(model: Any, inputs: Sequence[Axes], *, turned: bool) -> Preprocess | None:
    """Return what a model says of its pictures; None where it says nothing.

    Args:
        model: The model.
        inputs: The axes of its inputs, in its own order.
        turned: Whether the ONNX model takes channels first, where this one has them last.
    """
    rescaling = [layer for layer in _front(model) if type(layer).__name__ == "Rescaling"]
    if len(inputs) != 1 or not rescaling or not _takes_pixels(rescaling[0]):
        return None
    axes = inputs[0]
    if len(axes) != 4 or axes[1] is None or axes[2] is None or axes[3] not in {1, 3}:
        return None
    color: Color = "rgb" if axes[3] == 3 else "gray"
    layout: Literal["nchw", "nhwc"] = "nchw" if turned else "nhwc"
    return Preprocess(image=ImageSteps((axes[2], axes[1]), divisor=1.0, color=color, layout=layout))


def notes(model: Any) -> tuple[str, ...]:
    """Return what the user must know of the preprocessing, a line each."""
    inside = [type(layer).__name__ for layer in _front(model) if type(layer).__name__ in _INSIDE]
    told = [f"part of the model: {', '.join(inside)}; do not do it again in the preprocessing"] if inside else []
    found = next((way for start, way in _APPLICATIONS if model.name.replace("_", "").startswith(start)), None)
    if found is not None and not inside:
        told.append(f"named {model.name}: keras.applications takes {found} for it; if so, say it with --preprocess")
    return tuple(told)


def _front(model: Any) -> list[Any]:
    return list(model._flatten_layers(include_self=False))[:_FIRST]


def _takes_pixels(rescaling: Any) -> bool:
    """Tell whether 255 becomes a number of order 1: then what comes in are pixels."""
    scale = rescaling.scale
    return isinstance(scale, int | float) and 0.5 <= abs(scale) * _BYTES <= 4
