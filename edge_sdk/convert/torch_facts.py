"""What a module of PyTorch states of itself: torchvision's transforms and categories, kept on the module.

That is `model.weights = weights`, or `model.transforms = weights.transforms()`, in the factory.
"""

from __future__ import annotations

from typing import Any

from edge_sdk.convert.record import SourceFacts
from edge_sdk.preprocess import ImageSteps, Preprocess

_INTERPOLATIONS = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}
_CLASSIFICATION = ("crop_size", "resize_size", "mean", "std", "interpolation")


def stated(module: Any, versions: dict[str, str], notes: tuple[str, ...]) -> SourceFacts:
    """Return the facts of a module.

    Args:
        module: The module.
        versions: Of the packages that compute it.
        notes: What is known otherwise.
    """
    weights = getattr(module, "weights", None)
    labels = getattr(weights, "meta", {}).get("categories", ()) if weights is not None else ()
    preprocess = _preprocess(module, weights)
    if preprocess is not None:
        notes += ("torchvision smooths pictures as it shrinks them (antialias), our resize does not: compare answers",)
    return SourceFacts(versions, preprocess, tuple(map(str, labels)), notes)


def _preprocess(module: Any, weights: Any) -> Preprocess | None:
    """Return the steps of torchvision's preset for classification; None for any other."""
    found = [getattr(module, name, None) for name in ("transforms", "preprocess")]
    if callable(maker := getattr(weights, "transforms", None)):
        found.append(maker())
    preset = next((one for one in found if all(hasattr(one, name) for name in _CLASSIFICATION)), None)
    if preset is None:
        return None
    resampling = _INTERPOLATIONS.get(str(getattr(preset.interpolation, "value", preset.interpolation)))
    crop, resized = list(preset.crop_size), list(preset.resize_size)
    if resampling is None or len(resized) != 1:
        return None
    steps = ImageSteps(
        size_wh=(crop[-1], crop[0]),
        resize="crop",
        shorter_side=resized[0],
        interpolation=resampling,  # type: ignore[arg-type]
        mean=tuple(preset.mean),
        std=tuple(preset.std),
    )
    return Preprocess(image=steps)
