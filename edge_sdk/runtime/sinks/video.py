"""A video with the results drawn in: `video:out.mp4`.

- It is written beside its place and moved there when it is finished and can be read again, so that a file of this name
  always plays.
- It keeps time: where samples were dropped, the picture before stands still for as long.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.files import require_free_space, unwritable
from edge_sdk.media import Image, VideoFile
from edge_sdk.runtime.draw import annotate
from edge_sdk.runtime.frame import Outcome, Sample, is_picture
from edge_sdk.runtime.sources import Source
from edge_sdk.runtime.sources.record import Address
from edge_sdk.tensors import Array, Tensors

_CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
_USUAL_FPS = 25.0
_MOST_FPS = 240.0
_LONGEST_STILL_S = 10
_RESERVE_BYTES = 16 << 20
"""Kept free for the index at the end of the file: OpenCV does not say when a write fails."""


class Video:
    """A video file in the making; all its pictures have the size of the first."""

    def __init__(self, address: Address, source: Source) -> None:
        """Check the place; the file is begun with the first picture.

        Raises:
            InputError: The suffix is not that of a video.
        """
        address.refuse_options()
        self.name = f"video:{address.place}"
        self._path = Path(address.place)
        if self._path.suffix.lower() not in _CODECS:
            raise InputError(
                f"{address.uri}: expected a file name ending in {', '.join(_CODECS)}, got '{address.place}'"
            )
        self._part = self._path.with_name(f".{self._path.stem}.part{self._path.suffix}")
        self._fps = source.fps if 1 <= source.fps <= _MOST_FPS else _USUAL_FPS
        self._writer: Any = None
        self._size_wh = (0, 0)
        self._start_ns = 0
        self._written = 0

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Add one picture; see `Sink.write`."""
        picture = annotate(_picture(sample.data, where=str(self._path)), outcome.value, outcome.labels)
        size_wh = (picture.shape[1], picture.shape[0])
        require_free_space(self._path.parent, _RESERVE_BYTES)
        if self._writer is None:
            self._begin(size_wh, sample.captured_ns)
        if size_wh != self._size_wh:
            raise InputError(
                f"{self._path}: expected pictures of {self._size_wh[0]}x{self._size_wh[1]} as the first, "
                f"got {size_wh[0]}x{size_wh[1]}",
                hint="a video has one size; write jsonl instead",
            )
        due = round((sample.captured_ns - self._start_ns) / 1e9 * self._fps) + 1
        for _ in range(min(max(1, due - self._written), round(self._fps * _LONGEST_STILL_S))):
            self._writer.write(picture)
            self._written += 1

    def close(self) -> None:
        """Finish the video; see `Sink.close`."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        writer.release()
        try:
            _require_readable(self._part, self._written)
            _move(self._part, self._path)
        except OSError as exc:
            raise unwritable(self._path, exc) from exc
        finally:
            self._part.unlink(missing_ok=True)

    def _begin(self, size_wh: tuple[int, int], start_ns: int) -> None:
        import cv2

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._part.touch()
        except OSError as exc:
            raise unwritable(self._path, exc) from exc
        fourcc = cv2.VideoWriter.fourcc(*_CODECS[self._path.suffix.lower()])
        writer = cv2.VideoWriter(str(self._part), cv2.CAP_FFMPEG, fourcc, self._fps, size_wh)
        if not writer.isOpened():
            self._part.unlink()
            raise UnavailableError(f"{self._path}: expected a video encoder for {size_wh[0]}x{size_wh[1]}, got none")
        self._writer, self._size_wh, self._start_ns = writer, size_wh, start_ns


def _picture(data: Array | Tensors, *, where: str) -> Image:
    if not is_picture(data):
        raise InputError(f"{where}: expected pictures, got samples of another kind", hint="write jsonl instead")
    return data


def _require_readable(path: Path, frames: int) -> None:
    try:
        with VideoFile(path) as video:
            there = video.frames
    except InputError:
        there = 0
    if there < frames:
        raise UnavailableError(
            f"{path}: expected {frames} pictures that can be read again, got {there}", hint="is the disk full?"
        )


def _move(part: Path, path: Path) -> None:
    handle = os.open(part, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    part.replace(path)
