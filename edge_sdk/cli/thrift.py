"""What `edge-sdk run` is asked to leave out, read from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_sdk.errors import InputError

if TYPE_CHECKING:
    from edge_sdk.preprocess import Preprocess
    from edge_sdk.runtime.thrift.motion import MotionOptions


def told_motion(levels: float | None, steps: Preprocess) -> MotionOptions | None:
    """Return when pictures are worth the model; None if nothing is asked for.

    Args:
        levels: By how many grey levels a picture must change.
        steps: What the model takes.

    Raises:
        InputError: There are no so many levels, or the model takes no pictures.
    """
    from edge_sdk.runtime.thrift.motion import MotionOptions

    if levels is None:
        return None
    if steps.window is not None:
        raise InputError("--motion-gate: expected a model of pictures, got one of windows of sensor values")
    return MotionOptions(threshold=levels)
