"""Outcomes with boxes become outcomes with tracks and counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.runtime.follow.lines import Crossing, Line, LineCounter
from edge_sdk.runtime.follow.record import Watch
from edge_sdk.runtime.follow.tracker import Tracker, TrackerOptions, confirmed
from edge_sdk.runtime.follow.zones import Zone, ZoneCounter, require_distinct
from edge_sdk.runtime.frame import Outcome
from edge_sdk.tasks import Detections, Instances, Poses

_LISTS = {"boxes", "instances", "poses"}


@dataclass(frozen=True, slots=True)
class Tracked:
    """What was found, with the ids of tracks, and what was counted so far.

    Attributes:
        found: Boxes, with masks or joints.
        ids: The track of each, int64 [n]; 0 where it has none that is confirmed.
        lines: The lines, and what crossed each.
        zones: The zones, and what is in each.
        crossings: What crossed lines with this outcome.
        unseen_share: The share of the samples so far that gave no result.
    """

    found: Detections | Instances | Poses
    ids: npt.NDArray[np.int64]
    lines: tuple[tuple[Line, dict[str, Any]], ...] = ()
    zones: tuple[tuple[Zone, dict[str, Any]], ...] = ()
    crossings: tuple[Crossing, ...] = ()
    unseen_share: float = 0.0

    def to_data(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return the data of what was found, each with its `track`, and `lines`, `zones` and `crossings`."""
        data = self.found.to_data(labels)
        for key in _LISTS & data.keys():
            data[key] = [{**one, "track": int(number)} for one, number in zip(data[key], self.ids, strict=True)]
        if self.lines:
            data["lines"] = {line.name: counts for line, counts in self.lines}
            data["crossings"] = [crossing.to_data() for crossing in self.crossings]
        if self.zones:
            data["zones"] = {zone.name: counts for zone, counts in self.zones}
        return {**data, "unseen_share": round(self.unseen_share, 6)}

    def to_supervision(self) -> Any:
        """Return `supervision.Detections` with `tracker_id`; -1 is none, as that package has it."""
        theirs = self.found.to_supervision()
        theirs.tracker_id = np.where(self.ids > 0, self.ids, -1)
        return theirs


class TrackFollower:
    """Follows things that a detector finds, and counts them at lines and in zones."""

    def __init__(
        self, *, lines: Sequence[Line] = (), zones: Sequence[Zone] = (), options: TrackerOptions | None = None
    ) -> None:
        """Start without tracks.

        Raises:
            InputError: Two lines or two zones have the same name.
        """
        require_distinct([line.name for line in lines], "line")
        require_distinct([zone.name for zone in zones], "zone")
        self._options = options or TrackerOptions()
        self._tracker = Tracker(self._options)
        self._lines = [LineCounter(line) for line in lines]
        self._zones = [ZoneCounter(zone) for zone in zones]
        self._watch = Watch(self._options.confirm_s)

    def follow(self, outcome: Outcome) -> Outcome:
        """Return the outcome with tracks and counts in place of its boxes.

        Raises:
            InputError: Its value has no boxes.
        """
        found = outcome.value
        if not isinstance(found, (Detections, Instances, Poses)):
            raise InputError(f"track: expected a model of boxes, got {type(found).__name__}")
        at_s = outcome.captured_ns / 1e9
        self._watch.step(outcome.seq, at_s)
        ids = self._tracker.follow(found, at_s)
        crossings = self._count()
        value = Tracked(
            found=found,
            ids=ids,
            lines=tuple((counter.line, counter.to_data(self._watch)) for counter in self._lines),
            zones=tuple((counter.zone, counter.to_data(self._watch, at_s)) for counter in self._zones),
            crossings=tuple(crossings),
            unseen_share=self._watch.unseen_share,
        )
        return replace(outcome, value=value)

    def _count(self) -> list[Crossing]:
        crossings: list[Crossing] = []
        tracks = confirmed(self._tracker.tracks)
        for track in tracks:
            for line in self._lines:
                crossings += line.take(track)
            for zone in self._zones:
                zone.take(track)
            track.path.clear()
        alive = {track.number for track in tracks}
        for line in self._lines:
            line.keep(alive)
        for zone in self._zones:
            zone.keep(alive)
        return crossings
