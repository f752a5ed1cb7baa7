"""Which boxes of successive pictures are the same thing.

- Two stages, as in ByteTrack (Zhang et al. 2022): sure boxes first, then weak ones for tracks that found none; only
  sure boxes start tracks. Pairs are taken greedily by IoU with the predicted box, within a class.
- All spans are in seconds of the capture clock. A track is confirmed when it has been seen for `confirm_s`; only then
  it gets an id, so that a flicker uses none up. It ends when it has not been seen for `life_s`; one that is not
  confirmed ends with the first picture that does not show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError
from edge_sdk.runtime.follow.motion import Motion
from edge_sdk.tasks.boxes import iou_matrix
from edge_sdk.tasks.matching import pair_up, within_classes
from edge_sdk.tasks.supervision import FoundBoxes

Point = tuple[float, float]
UNCONFIRMED = 0
"""The id of what is not confirmed."""


@dataclass(frozen=True, slots=True)
class TrackerOptions:
    """How things are followed.

    Attributes:
        sure_score: Boxes from this score on start tracks, and are paired first.
        least_iou: Least overlap of a sure box with where its track is predicted.
        weak_iou: The same for weak boxes.
        confirm_s: For how many seconds a thing must have been seen to count.
        life_s: For how many seconds a thing may be out of sight and remain the same.
    """

    sure_score: float = 0.5
    least_iou: float = 0.2
    weak_iou: float = 0.4
    confirm_s: float = 0.2
    life_s: float = 1.0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: A share is not between 0 and 1, or a span is negative.
        """
        shares = (self.sure_score, self.least_iou, self.weak_iou)
        if not all(0 <= share <= 1 for share in shares):
            raise InputError(f"sure_score, least_iou, weak_iou: expected 0 to 1, got {', '.join(map(str, shares))}")
        if not (self.confirm_s >= 0 and self.life_s > 0):
            raise InputError(
                f"confirm_s, life_s: expected 0 or more and more than 0, got {self.confirm_s} and {self.life_s}"
            )


@dataclass(slots=True)
class Track:
    """One thing over time.

    Attributes:
        number: Its id, from 1; 0 until it is confirmed.
        index: Its class.
        motion: Where it is and goes.
        first_s: When it was first seen.
        last_s: When it was last seen.
        path: Where its foot was at each sight that no counter has taken yet: (seconds, (x, y)).
    """

    number: int
    index: int
    motion: Motion
    first_s: float
    last_s: float
    path: list[tuple[float, Point]] = field(default_factory=list)

    @property
    def is_confirmed(self) -> bool:
        """Whether it counts."""
        return self.number != UNCONFIRMED

    def see(self, xyxy: npt.NDArray[np.floating], at_s: float) -> None:
        """Take a box in which it was seen; its foot is the middle of the lower edge."""
        self.last_s = at_s
        self.path.append((at_s, (float(xyxy[0] + xyxy[2]) / 2, float(xyxy[3]))))


class Tracker:
    """The tracks of one source.

    Attributes:
        tracks: Those that are alive.
    """

    def __init__(self, options: TrackerOptions | None = None) -> None:
        """Start without tracks."""
        self.tracks: list[Track] = []
        self._options = options or TrackerOptions()
        self._now_s: float | None = None
        self._count = 0

    def follow(self, found: FoundBoxes, at_s: float) -> npt.NDArray[np.int64]:
        """Take what was found in a picture; return the id of each box's track, 0 where it has none that is confirmed.

        Args:
            found: Boxes in pixels, with scores and classes.
            at_s: When the picture was captured. A time before the last one starts all over: a clip that is replayed.
        """
        if self._now_s is not None and at_s < self._now_s:
            self.tracks = []
            self._now_s = None
        self.tracks = [track for track in self.tracks if at_s - track.last_s <= self._options.life_s]
        for track in self.tracks:
            track.motion.predict(at_s - (self._now_s or 0.0))
        self._now_s = at_s
        of_box = self._pair(found)
        self._see(found, of_box, at_s)
        self.tracks = [track for track in self.tracks if track.is_confirmed or track.last_s == at_s]
        self._start(found, of_box, at_s)
        return np.array([of_box[i].number if i in of_box else UNCONFIRMED for i in range(len(found.scores))], np.int64)

    def _pair(self, found: FoundBoxes) -> dict[int, Track]:
        """Return the track of each box that has one."""
        sure = found.scores >= self._options.sure_score
        of_box: dict[int, Track] = {}
        for chosen, least in ((sure, self._options.least_iou), (~sure, self._options.weak_iou)):
            taken = {id(track) for track in of_box.values()}
            free = [track for track in self.tracks if id(track) not in taken]
            of_box |= _paired(found, np.flatnonzero(chosen), free, least)
        return of_box

    def _see(self, found: FoundBoxes, of_box: dict[int, Track], at_s: float) -> None:
        for i, track in sorted(of_box.items(), key=lambda pair: pair[0]):
            track.motion.correct(found.xyxy[i])
            track.see(found.xyxy[i], at_s)
            if not track.is_confirmed and at_s - track.first_s >= self._options.confirm_s:
                self._count += 1
                track.number = self._count

    def _start(self, found: FoundBoxes, of_box: dict[int, Track], at_s: float) -> None:
        for i in np.flatnonzero(found.scores >= self._options.sure_score):
            if int(i) not in of_box:
                track = Track(UNCONFIRMED, int(found.classes[i]), Motion(found.xyxy[i]), at_s, at_s)
                track.see(found.xyxy[i], at_s)
                self.tracks.append(track)


def _paired(found: FoundBoxes, boxes: npt.NDArray[np.int64], tracks: Sequence[Track], least: float) -> dict[int, Track]:
    if not len(boxes) or not tracks:
        return {}
    overlap = iou_matrix(found.xyxy[boxes], np.stack([track.motion.xyxy for track in tracks]))
    alike = within_classes(overlap, found.classes[boxes], np.array([track.index for track in tracks]))
    return {int(boxes[row]): tracks[column] for row, column in pair_up(alike, least=max(least, np.spacing(1)))}


def confirmed(tracks: Iterable[Track]) -> list[Track]:
    """Return those that count."""
    return [track for track in tracks if track.is_confirmed]
