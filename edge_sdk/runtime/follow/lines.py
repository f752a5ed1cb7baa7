"""Things that cross a line, each way.

- A crossing is where the path between two sights meets the line: what passes between two results is counted too.
- A thing has crossed when it is clear of the line on the other side, by a twentieth of its height: one that stands on
  the line and trembles is counted once.
- Only confirmed tracks are counted, with the path they had before they were.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from edge_sdk.errors import InputError
from edge_sdk.runtime.follow.geometry import Point, meeting, side
from edge_sdk.runtime.follow.record import Watch
from edge_sdk.runtime.follow.tracker import Track

Direction = Literal["in", "out"]
_CLEAR = 0.05


@dataclass(frozen=True, slots=True)
class Line:
    """A line to be crossed, from `start` to `end`, in pixels; `in` is from its left to its right.

    Left and right as one sees it in the picture, looking from start to end.
    """

    name: str
    start: Point
    end: Point

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: The line has no length.
        """
        if self.start == self.end:
            raise InputError(f"line {self.name}: expected two different points, got {self.start} twice")


@dataclass(frozen=True, slots=True)
class Crossing:
    """One thing that crossed a line.

    Attributes:
        line: The line's name.
        track: The thing's id.
        direction: Which way.
        at_s: When, between two sights, in seconds of the capture clock.
        gap_s: How far apart these sights are: how unsure `at_s` is.
    """

    line: str
    track: int
    direction: Direction
    at_s: float
    gap_s: float

    def to_data(self) -> dict[str, Any]:
        """Return the crossing as what `json.dumps` takes."""
        return {
            "line": self.line,
            "track": self.track,
            "direction": self.direction,
            "at_ns": round(self.at_s * 1e9),
            "gap_ms": round(1e3 * self.gap_s, 1),
        }


@dataclass(slots=True)
class LineCounter:
    """What crossed one line.

    Attributes:
        line: The line.
        crossed: How many, each way.
    """

    line: Line
    crossed: dict[Direction, int] = field(default_factory=lambda: {"in": 0, "out": 0})
    _clear: dict[int, tuple[float, Point, bool]] = field(default_factory=dict)

    def take(self, track: Track) -> list[Crossing]:
        """Take the new part of a confirmed track's path; return the crossings in it."""
        crossings = []
        for at_s, foot in track.path:
            distance = side(foot, self.line.start, self.line.end)
            if abs(distance) < _CLEAR * track.motion.centre_wh[3]:
                continue
            last = self._clear.get(track.number)
            self._clear[track.number] = (at_s, foot, distance > 0)
            if last is None or last[2] == (distance > 0):
                continue
            share = meeting((last[1], foot), (self.line.start, self.line.end))
            if share is not None:
                direction: Direction = "in" if distance > 0 else "out"
                self.crossed[direction] += 1
                when_s = last[0] + share * (at_s - last[0])
                crossings.append(Crossing(self.line.name, track.number, direction, when_s, at_s - last[0]))
        return crossings

    def keep(self, alive: set[int]) -> None:
        """Forget tracks that have ended."""
        self._clear = {number: last for number, last in self._clear.items() if number in alive}

    def to_data(self, watch: Watch) -> dict[str, Any]:
        """Return the counts, with how many more there can have been."""
        counts: dict[str, Any] = {str(way): count for way, count in self.crossed.items()}
        return {**counts, "missed_at_most": watch.missed_at_most(sum(self.crossed.values()))}
