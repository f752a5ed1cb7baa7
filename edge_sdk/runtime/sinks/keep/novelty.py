"""How little a picture resembles those that were seen.

Leader clustering (Hartigan, "Clustering Algorithms", 1975, chapter 3): a picture that is near a leader moves that
leader a little towards itself; one that is near none is new, and a leader from now on. There are a few leaders at most,
and the one that was not met for longest gives way, so that dusk of another season is new again.

Pictures are compared by what the motion gate sees of them: the mean levels of 64x36 cells, of all channels in turn.
"""

from __future__ import annotations

import math

import numpy as np

from edge_sdk.media import Image
from edge_sdk.runtime.thrift.motion import see_cells
from edge_sdk.tensors import Array

_LEADERS = 64
_FOLLOWS = 0.05
"""How far a leader moves towards a picture that is near it."""


class Seen:
    """The leaders of what was seen."""

    def __init__(self, *, levels: float) -> None:
        """Start having seen nothing.

        Args:
            levels: From how many grey levels on, in the root mean square, a picture is new.
        """
        self._levels = levels
        self._leaders: list[Array] = []

    def novelty(self, picture: Image) -> float:
        """Take a picture; return how new it was: 0 where it resembles another, else from a half to 1.

        Args:
            picture: uint8 [height, width, 3]; one that is too small to have cells is not new.
        """
        cells = see_cells(picture).ravel()
        if not cells.size:
            return 0.0
        nearest, distance = self._nearest(cells)
        if distance < self._levels:
            leader = self._leaders.pop(nearest)
            self._leaders.append(leader + np.float32(_FOLLOWS) * (cells - leader))
            return 0.0
        self._leaders = [*self._leaders[-(_LEADERS - 1) :], cells]
        return 1.0 - self._levels / distance / 2 if math.isfinite(distance) else 1.0

    def _nearest(self, cells: Array) -> tuple[int, float]:
        """Return the place of the leader that is nearest, and how many levels it is away."""
        squares = [_square(cells - leader) if len(leader) == len(cells) else math.inf for leader in self._leaders]
        if not squares:
            return 0, math.inf
        nearest = squares.index(min(squares))
        return nearest, math.sqrt(squares[nearest] / len(cells))


def _square(difference: Array) -> float:
    return float(difference @ difference)
