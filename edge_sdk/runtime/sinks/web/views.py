"""The last outcome of each source, and its picture as JPEG, made only when somebody asks for it.

- Taking an outcome costs two references: whoever watches pays for drawing and encoding, in their own threads, once for
  all who watch the same source.
- Pictures are shrunk before they are encoded: they are for people, and a phone on a weak link.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime.draw import annotate, captions
from edge_sdk.runtime.frame import Outcome, Sample, is_picture

_MOST_CAPTIONS = 8


@dataclass(frozen=True, slots=True)
class Seen:
    """An outcome as a view has it.

    Attributes:
        number: Its number at this view, from 1.
        sample: What it is about.
        outcome: The outcome.
        taken_ns: When the view got it, on the monotonic clock.
    """

    number: int
    sample: Sample
    outcome: Outcome
    taken_ns: int

    @property
    def has_picture(self) -> bool:
        """Whether the sample is a picture."""
        return is_picture(self.sample.data)

    def age_ms(self) -> float | None:
        """Return how long ago it was captured; None for samples of a file."""
        if self.outcome.age_ms is None:
            return None
        return self.outcome.age_ms + (monotonic_ns() - self.taken_ns) / 1e6

    def to_data(self) -> dict[str, Any]:
        """Return what `json.dumps` takes."""
        age_ms = self.age_ms()
        return {
            "number": self.number,
            "seq": self.sample.seq,
            "age_ms": None if age_ms is None else round(age_ms, 1),
            "has_picture": self.has_picture,
            "captions": captions(self.outcome.value, self.outcome.labels)[:_MOST_CAPTIONS],
        }


class View:
    """The last outcome of one source; written by the run, read by those who watch."""

    def __init__(self, *, width: int, quality: int) -> None:
        """Begin with nothing.

        Args:
            width: Of its pictures, in pixels, at most.
            quality: Of its JPEG, 1 to 100.
        """
        self._width, self._quality = width, quality
        self._seen: Seen | None = None
        self._changed = threading.Condition()
        self._encoded: tuple[int, bytes] = (0, b"")
        self._encoding = threading.Lock()

    @property
    def seen(self) -> Seen | None:
        """The last outcome; None if there is none yet."""
        return self._seen

    def take(self, sample: Sample, outcome: Outcome) -> None:
        """Take an outcome in place of the last one."""
        with self._changed:
            number = 1 if self._seen is None else self._seen.number + 1
            self._seen = Seen(number, sample, outcome, monotonic_ns())
            self._changed.notify_all()

    def wait(self, after: int, *, timeout_s: float) -> Seen | None:
        """Return the last outcome if its number is beyond `after`, as soon as there is one; None if not in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._seen is not None and self._seen.number > after, timeout_s)
            return self._seen if self._seen is not None and self._seen.number > after else None

    def jpeg(self, seen: Seen) -> bytes:
        """Return an outcome's picture with the result drawn in; the same picture is encoded once."""
        with self._encoding:
            if self._encoded[0] != seen.number:
                self._encoded = (seen.number, self._encode(seen))
            return self._encoded[1]

    def _encode(self, seen: Seen) -> bytes:
        import cv2

        picture = annotate(np.asarray(seen.sample.data), seen.outcome.value, seen.outcome.labels)
        height, width = picture.shape[:2]
        if width > self._width:
            size_wh = (self._width, max(1, round(height * self._width / width)))
            picture = np.asarray(cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        return data.tobytes()


def view_of(source: str, names: Sequence[str]) -> int:
    """Return which of a run's sources a sample comes from: a folder's pictures have names of their own.

    Args:
        source: Where the sample comes from.
        names: The sources of the run; at least one.
    """
    if source in names:
        return names.index(source)
    fitting = [name for name in names if source.startswith(name)]
    return names.index(max(fitting, key=len)) if fitting else 0
