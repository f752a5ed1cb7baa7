"""What came in, to be run again: `record:recording`, played by the source `replay:recording`.

- Windows and tensors keep every bit. Pictures are JPEG of quality 95; `pictures=png` keeps every bit of them too, and
  takes several times the time and room.
- `max_mb=1024` bounds the folder: the oldest file goes before it is exceeded. Each run goes on behind those before.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_sdk.errors import InputError
from edge_sdk.files import require_writable, unwritable
from edge_sdk.runtime.frame import Outcome, Sample, is_picture
from edge_sdk.runtime.recording import Entry, Kind, join, list_parts, pack, part_name
from edge_sdk.runtime.sources import Source
from edge_sdk.runtime.sources.record import Address

_PARTS = 8
"""The folder has about so many files when it is full."""
_QUALITY = 95
_CHANNELS = 3


@dataclass(frozen=True, slots=True)
class RecorderOptions:
    """What the address may ask for.

    Attributes:
        max_mb: Most megabytes (10^6 bytes) of the folder.
        pictures: How pictures are written.
    """

    max_mb: float = 1024.0
    pictures: Literal["jpeg", "png"] = "jpeg"

    def __post_init__(self) -> None:
        """Check the size.

        Raises:
            InputError: It is not positive.
        """
        if not self.max_mb > 0:
            raise InputError(f"max_mb: expected more than 0, got {self.max_mb:g}")


class Recorder:
    """A folder of samples; see `edge_sdk.runtime.recording`."""

    def __init__(self, address: Address, source: Source) -> None:
        """Begin behind what is there.

        Raises:
            InputError: An option is wrong.
            UnavailableError: The folder cannot be written.
        """
        self.name = f"record:{address.place}"
        self._folder, self._options = Path(address.place), address.read_options(RecorderOptions)
        self._most_bytes = round(self._options.max_mb * 1e6)
        self._handle, self._size_bytes = -1, 0
        parts = list_parts(self._folder)
        self._run, self._part = (parts[-1][0] + 1 if parts else 1), 0
        require_writable(self._folder / part_name(self._run, self._part))

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Write a sample; see `Sink.write`."""
        kind, data = self._packed(sample)
        whole = join(Entry(sample.seq, sample.captured_ns, sample.clock, sample.source, kind, len(data)), data)
        if len(whole) > self._most_bytes:
            raise InputError(f"{self.name}: expected samples of {self._most_bytes} bytes at most, got {len(whole)}")
        try:
            if self._handle < 0 or self._size_bytes + len(whole) > self._most_bytes / _PARTS:
                self._begin_part()
            self._make_room(len(whole))
            self._append(whole)
        except OSError as exc:
            raise unwritable(self._folder, exc) from exc

    def close(self) -> None:
        """Close the file in hand; closing twice is harmless."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def _packed(self, sample: Sample) -> tuple[Kind, bytes]:
        import cv2

        if not is_picture(sample.data) or sample.data.shape[2] != _CHANNELS:
            return pack(sample.data)
        if self._options.pictures == "png":
            return "png", bytes(cv2.imencode(".png", sample.data)[1])
        return "jpeg", bytes(cv2.imencode(".jpg", sample.data, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])

    def _begin_part(self) -> None:
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / part_name(self._run, self._part)
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._part, self._size_bytes = self._part + 1, 0

    def _make_room(self, size_bytes: int) -> None:
        """Delete the oldest files until there is room; the one in hand stays."""
        parts = [(path, path.stat().st_size) for _, _, path in list_parts(self._folder)]
        taken = sum(size for _, size in parts)
        for path, size in parts[:-1]:
            if taken + size_bytes <= self._most_bytes:
                return
            path.unlink()
            taken -= size

    def _append(self, whole: bytes) -> None:
        left = memoryview(whole)
        try:
            while left:
                left = left[os.write(self._handle, left) :]
        except OSError:
            os.ftruncate(self._handle, self._size_bytes)
            os.lseek(self._handle, self._size_bytes, os.SEEK_SET)
            raise
        self._size_bytes += len(whole)
