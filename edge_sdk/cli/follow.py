"""What `edge-sdk run` is asked to follow over time, read from the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from edge_sdk.errors import InputError

if TYPE_CHECKING:
    from edge_sdk.runtime.follow import Follower


def told_followers(
    *, track: bool, lines: Sequence[str], zones: Sequence[str], events: float | None, quiet: Sequence[str]
) -> Callable[[], Follower] | None:
    """Return what makes the followers of a run, one a source; None if nothing is asked for.

    Args:
        track: Whether things are followed; lines and zones need no saying.
        lines: `NAME=x1,y1,x2,y2`, in pixels.
        zones: `NAME=x1,y1,x2,y2` (a rectangle) or three corners or more, in pixels.
        events: The least averaged probability of an event.
        quiet: Names of classes that are no events.

    Raises:
        InputError: A text is not of its form, or tracks and events are both asked for.
    """
    from edge_sdk.runtime.follow import EventFollower, EventOptions, Line, TrackFollower, Zone

    if events is None and quiet:
        raise InputError("--quiet-class: expected --events too, got none")
    if events is not None and (track or lines or zones):
        raise InputError("--events: expected it alone, got --track, --line or --zone too")
    if events is not None:
        return partial(EventFollower, EventOptions(threshold=events, quiet=frozenset(quiet)))
    if not (track or lines or zones):
        return None
    wanted = partial(
        TrackFollower,
        lines=[Line(name, *points) for name, points in (_points("--line", text, exactly=2) for text in lines)],
        zones=[Zone(name, _corners(points)) for name, points in (_points("--zone", text) for text in zones)],
    )
    wanted()  # what is wrong with it is told at once
    return wanted


def _points(flag: str, text: str, *, exactly: int = 0) -> tuple[str, list[tuple[float, float]]]:
    name, _, numbers = text.partition("=")
    try:
        values = [float(number) for number in numbers.split(",")]
    except ValueError:
        values = []
    points = list(zip(values[::2], values[1::2], strict=False))
    if not name or len(values) % 2 or len(points) < 2 or (exactly and len(points) != exactly):
        form = "NAME=x1,y1,x2,y2" + ("" if exactly else "[,x3,y3,…]")
        raise InputError(f"{flag}: expected {form} in pixels, got '{text}'")
    return name, points


def _corners(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return the corners of a zone; two points are opposite ones of a rectangle."""
    if len(points) > 2:
        return tuple(points)
    (left, top), (right, bottom) = points
    return ((left, top), (right, top), (right, bottom), (left, bottom))
