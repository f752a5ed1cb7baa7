"""Picture and video files, decoded: read alike by calibration and by the runtime.

- Pictures are uint8 [height, width, 3] in the order blue, green, red; EXIF orientation is applied.
- Files of a folder come in the order of their names, with subfolders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.files import unreadable

Image = npt.NDArray[np.uint8]
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg"})


def list_images(folder: Path) -> tuple[Path, ...]:
    """Return the picture files in a folder and its subfolders, in the order of their paths.

    Raises:
        InputError: The folder does not exist or has none.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder, got {'a file' if folder.exists() else 'nothing there'}")
    found = tuple(
        sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    )
    if not found:
        raise InputError(f"{folder}: expected pictures (jpg, png, bmp, webp, tiff, ppm), got none")
    return found


def read_image(path: Path) -> Image:
    """Decode a picture file.

    Raises:
        InputError: It cannot be read, or is not a picture.
    """
    import cv2

    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as exc:
        raise unreadable(path, exc) from exc
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:  # the header claims more pixels than OpenCV decodes
        image = None
    if image is None:
        raise InputError(f"{path}: expected a picture, got {data.size} bytes that cannot be decoded")
    return np.asarray(image, np.uint8)


def encode_jpeg(image: Image, *, longest_px: int, quality: int) -> bytes:
    """Return a picture as JPEG, made smaller where it is larger than that; the same pixels give the same bytes.

    Args:
        image: uint8 [height, width, 3] in the order blue, green, red.
        longest_px: The most pixels of the longer side.
        quality: 1 to 100.
    """
    import cv2

    height, width = image.shape[:2]
    scale = longest_px / max(height, width)
    if scale < 1:
        size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    return bytes(cv2.imencode(".jpg", image, settings)[1])


def write_video(path: Path, pictures: Sequence[Image], *, fps: float) -> None:
    """Write pictures as a video.

    Args:
        path: The file, `.mp4`.
        pictures: At least one, all of one size.
        fps: Pictures a second.

    Raises:
        UnavailableError: It cannot be written.
    """
    import cv2

    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
    try:
        if not writer.isOpened():
            raise UnavailableError(f"{path}: expected a video that can be written, got none")
        for picture in pictures:
            writer.write(picture)
    finally:
        writer.release()


class VideoFile:
    """A video file, opened; use it in `with`.

    Attributes:
        frames: Number of frames that the file claims; 0 if it does not say.
        fps: Frames a second that the file claims; 0 if it does not say.
        size_wh: Width and height in pixels.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            InputError: It is not there, is not a video, or has a path that is not UTF-8.
        """
        import cv2

        if not path.is_file():
            raise InputError(f"{path}: expected a video file, got nothing there")
        if str(path) != str(path).encode(errors="replace").decode():  # OpenCV ends the process
            raise InputError(f"{path}: expected a path in UTF-8, got other bytes", hint="rename the file")
        self._path = path
        self._capture: Any = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        self._is_grabbed = bool(self._capture.grab())  # many a broken file opens, claims frames, and gives none
        if not self._is_grabbed:
            self._capture.release()
            raise InputError(f"{path}: expected a video, got a file that cannot be decoded")
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self.frames = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self.fps = max(0.0, float(self._capture.get(cv2.CAP_PROP_FPS)))
        self.size_wh = (
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Image]:
        """Yield the frames in order."""
        while (frame := self.read()) is not None:
            yield frame

    def read(self) -> Image | None:
        """Return the next frame, or None at the end."""
        there, frame = self._capture.retrieve() if self._is_grabbed else self._capture.read()
        self._is_grabbed = False
        return np.asarray(frame, np.uint8) if there else None

    @property
    def position_ns(self) -> int:
        """The place in the file of the frame that was read last, in nanoseconds from the start."""
        import cv2

        return round(float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) * 1e6)

    def close(self) -> None:
        """Give the file back."""
        self._capture.release()
