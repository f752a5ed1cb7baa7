"""Video files, frame by frame: `clip.mp4`, `video:clip.mp4`."""

from __future__ import annotations

from pathlib import Path

from edge_sdk.media import VideoFile
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources.record import Address


class Video:
    """A video file. Samples are stamped with the time that the file gives each frame."""

    live = False

    def __init__(self, address: Address) -> None:
        """Open the file.

        Raises:
            InputError: It is not there, or is not a video.
        """
        address.refuse_options()
        self.name = address.place
        self._file = VideoFile(Path(address.place))
        self.fps = self._file.fps
        self._next = 0

    def read(self) -> Sample | None:
        """Return the next frame; see `Source.read`."""
        frame = self._file.read()
        if frame is None:
            return None
        seq, self._next = self._next, self._next + 1
        return Sample(frame, seq, captured_ns=self._file.position_ns, clock="file", source=self.name)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
