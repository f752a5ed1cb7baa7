"""Things in a zone: how many, and for how long each.

Times of entering and leaving lie where the path between two sights meets the zone's edge. Only confirmed tracks count;
one that is out of sight stays where it was last seen until it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_sdk.errors import InputError
from edge_sdk.runtime.follow.geometry import Point, edges, is_inside, meeting
from edge_sdk.runtime.follow.record import Watch
from edge_sdk.runtime.follow.tracker import Track


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the picture: the corners of a polygon, in pixels."""

    name: str
    corners: tuple[Point, ...]

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: There are fewer than three corners.
        """
        count = len(set(self.corners))
        if count < 3:
            raise InputError(f"zone {self.name}: expected three different corners or more, got {count}")


@dataclass(slots=True)
class ZoneCounter:
    """What was in one zone.

    Attributes:
        zone: The zone.
        entered: How many came in, or were there when they were first seen.
        inside: Since when each thing is in it, by id, in seconds of the capture clock.
        stayed_s: The sum of the stays that have ended.
        longest_s: The longest of them.
    """

    zone: Zone
    entered: int = 0
    inside: dict[int, float] = field(default_factory=dict)
    stayed_s: float = 0.0
    longest_s: float = 0.0
    _last: dict[int, tuple[float, Point]] = field(default_factory=dict)

    def take(self, track: Track) -> None:
        """Take the new part of a confirmed track's path."""
        for at_s, foot in track.path:
            is_in, was_in = is_inside(foot, self.zone.corners), track.number in self.inside
            if is_in and not was_in:
                self.entered += 1
                self.inside[track.number] = self._when(track.number, at_s, foot)
            elif was_in and not is_in:
                self._leave(track.number, self._when(track.number, at_s, foot))
            self._last[track.number] = (at_s, foot)

    def keep(self, alive: set[int]) -> None:
        """End the stays of tracks that have ended, where they were last seen."""
        for number in self.inside.keys() - alive:
            self._leave(number, self._last[number][0])
        self._last = {number: last for number, last in self._last.items() if number in alive}

    def to_data(self, watch: Watch, at_s: float) -> dict[str, Any]:
        """Return who is in it now and for how long, and the sums, with how many more there can have been."""
        return {
            "inside": {str(number): round(at_s - since_s, 3) for number, since_s in sorted(self.inside.items())},
            "entered": self.entered,
            "stayed_s": round(self.stayed_s, 3),
            "longest_s": round(self.longest_s, 3),
            "missed_at_most": watch.missed_at_most(self.entered),
        }

    def _leave(self, number: int, at_s: float) -> None:
        stay_s = at_s - self.inside.pop(number)
        self.stayed_s += stay_s
        self.longest_s = max(self.longest_s, stay_s)

    def _when(self, number: int, at_s: float, foot: Point) -> float:
        """Return when a path met the zone's edge; now, if it starts here."""
        last = self._last.get(number)
        if last is None:
            return at_s
        shares = [share for edge in edges(self.zone.corners) if (share := meeting((last[1], foot), edge)) is not None]
        return last[0] + (min(shares) if shares else 1.0) * (at_s - last[0])


def require_distinct(names: Sequence[str], what: str) -> None:
    """Check that no two have the same name.

    Raises:
        InputError: Two do.
    """
    if len(set(names)) < len(names):
        raise InputError(f"{what}: expected each name once, got {', '.join(names)}")
