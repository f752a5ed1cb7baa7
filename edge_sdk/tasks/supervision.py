"""Results as https://supervision.roboflow.com has them: a door for its users, and no dependency of ours."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError


class FoundBoxes(Protocol):
    """Anything with boxes: xyxy float32 [n, 4] in pixels, scores float32 [n], class indices int64 [n]."""

    @property
    def xyxy(self) -> npt.NDArray[np.float32]:
        """The boxes."""

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """Their scores."""

    @property
    def classes(self) -> npt.NDArray[np.int64]:
        """Their classes."""


def to_supervision(found: FoundBoxes, **more: Any) -> Any:
    """Return boxes as `supervision.Detections`.

    Args:
        found: The boxes.
        **more: What else its constructor takes: `mask` [n, height, width], `tracker_id` [n].

    Raises:
        InputError: The package is not installed.
    """
    try:
        supervision = import_module("supervision")
    except ImportError as exc:
        raise InputError(
            "supervision: expected the package, got none installed", hint="pip install supervision"
        ) from exc
    return supervision.Detections(xyxy=found.xyxy, confidence=found.scores, class_id=found.classes, **more)
