"""Points, segments and polygons in pixels of the source picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]


def side(point: Point, start: Point, end: Point) -> float:
    """Return how far a point is from the line through two others, in pixels: above 0 to the right of its direction.

    Right as in a picture, whose y goes down: looking from `start` to `end`.
    """
    (x, y), (x1, y1), (x2, y2) = point, start, end
    return ((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) / math.hypot(x2 - x1, y2 - y1)


def meeting(one: tuple[Point, Point], other: tuple[Point, Point]) -> float | None:
    """Return where a segment meets another, as a share of the way along the first; None if they do not meet."""
    ((x1, y1), (x2, y2)), ((x3, y3), (x4, y4)) = one, other
    across = (x2 - x1) * (y4 - y3) - (y2 - y1) * (x4 - x3)
    if across == 0:
        return None
    share = ((x3 - x1) * (y4 - y3) - (y3 - y1) * (x4 - x3)) / across
    along = ((x3 - x1) * (y2 - y1) - (y3 - y1) * (x2 - x1)) / across
    return share if 0 <= share <= 1 and 0 <= along <= 1 else None


def edges(polygon: Sequence[Point]) -> list[tuple[Point, Point]]:
    """Return the edges of a polygon, closed."""
    return list(pairwise([*polygon, polygon[0]]))


def is_inside(point: Point, polygon: Sequence[Point]) -> bool:
    """Tell whether a point is in a polygon: a ray to the right crosses an odd number of its edges."""
    x, y = point
    crossed = [
        (x1, y1, x2, y2)
        for (x1, y1), (x2, y2) in edges(polygon)
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1
    ]
    return len(crossed) % 2 == 1
