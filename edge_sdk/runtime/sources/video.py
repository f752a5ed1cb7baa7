"""Video files, frame by frame: `clip.mp4`, `video:clip.mp4`, `clip.mp4?pace=real&repeat=1`.

With `pace=real` a clip stands for a camera: a live source at the rate of the file, whose samples are dropped or late as
a camera's are. `repeat=1` begins again at the end, so that it never ends.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError
from edge_sdk.media import VideoFile
from edge_sdk.runtime.frame import Clock, Sample
from edge_sdk.runtime.sources.paced import Pace
from edge_sdk.runtime.sources.record import Address

_FPS = 25.0
"""The rate of a file that tells none."""


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """What the address may say.

    Attributes:
        pace: `fast` as the model takes them, or `real` at the rate of the file.
        repeat: 1 to begin again at the end, with `pace=real`.
    """

    pace: Pace = "fast"
    repeat: int = 0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: `repeat` is neither 0 nor 1, or is to repeat what has no pace.
        """
        if self.repeat not in (0, 1) or (self.repeat and self.pace != "real"):
            raise InputError(f"repeat: expected 0, or 1 with pace=real, got {self.repeat} with pace={self.pace}")


class Video:
    """A video file. Samples are stamped with the time that the file gives each frame, or with when they are due."""

    def __init__(self, address: Address) -> None:
        """Open the file.

        Raises:
            InputError: It is not there, is not a video, or an option is wrong.
        """
        options = address.read_options(VideoOptions)
        self.name, self.live = address.place, options.pace == "real"
        self._repeats, self._path = bool(options.repeat), Path(address.place)
        self._file = VideoFile(self._path)
        self.fps = self._file.fps
        self._clock: Clock = "arrival" if self.live else "file"
        self._next, self._start_ns = 0, 0

    def read(self) -> Sample | None:
        """Return the next frame; see `Source.read`."""
        frame = self._file.read()
        if frame is None and self._repeats:
            self._file.close()
            self._file = VideoFile(self._path)
            frame = self._file.read()
        if frame is None:
            return None
        seq, self._next = self._next, self._next + 1
        captured_ns = self._await(seq) if self.live else self._file.position_ns
        return Sample(frame, seq, captured_ns=captured_ns, clock=self._clock, source=self.name)

    def _await(self, seq: int) -> int:
        """Wait until a frame is due, and return when that is."""
        self._start_ns = self._start_ns or monotonic_ns()
        due_ns = self._start_ns + round(seq * 1e9 / (self.fps or _FPS))
        time.sleep(max(0.0, (due_ns - monotonic_ns()) / 1e9))
        return due_ns

    def close(self) -> None:
        """Close the file."""
        self._file.close()
