"""Pictures from a GStreamer pipeline that runs in a process of its own: `gst-launch-1.0 … ! fdsink`.

- pip's OpenCV has no GStreamer, and GStreamer's Python is the system's; a pipe needs neither. What crashes there is an
  error here.
- The pipeline keeps one picture, the newest. A pipe carries no times: pictures are stamped when they have arrived.
- Pictures are NV12, in rows without a gap: widths are multiples of 4.
- The pipe is one of its own, since elements print on stdout; what they print is kept for the error message.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import UnavailableError
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources.v4l2.pixels import decode

_LAUNCH = "gst-launch-1.0"
_QUEUE = ("queue", "leaky=downstream", "max-size-buffers=1", "max-size-bytes=0", "max-size-time=0")
_KEPT_BYTES = 4096
_PIPE_BYTES = 1 << 20
_END_S = 3.0


class GStreamerStream:
    """A pipeline, running."""

    live = True

    def __init__(
        self, pipeline: Sequence[str], size_wh: tuple[int, int], *, fps: float, name: str, timeout_s: float = 5.0
    ) -> None:
        """Start the pipeline, and wait for its first picture.

        Args:
            pipeline: Its words, up to NV12 pictures in plain memory.
            size_wh: Their size in pixels.
            fps: The rate that it was asked for.
            name: What results and messages call it.
            timeout_s: How long this, and each read, waits for a picture.

        Raises:
            UnavailableError: GStreamer is not there, the pipeline fails, or gives nothing in time.
        """
        import cv2  # noqa: F401  before there are pictures: it takes a second on a small board

        self.name, self.fps = name, fps
        self._size_wh, self._timeout_s = size_wh, timeout_s
        self._frame = bytearray(size_wh[0] * size_wh[1] * 3 // 2)
        self._printed = b""
        self._next = 0
        launch = shutil.which(_LAUNCH)
        if launch is None:
            raise UnavailableError(
                f"{name}: expected {_LAUNCH}, got none",
                hint="sudo apt install gstreamer1.0-tools gstreamer1.0-plugins-base",
            )
        self._pipe, write_end = os.pipe2(os.O_CLOEXEC)
        with suppress(OSError):  # a smaller pipe is slower
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        sink = ("!", *_QUEUE, "!", "fdsink", f"fd={write_end}", "sync=false")
        self._prints, print_end = os.pipe2(os.O_CLOEXEC)
        self._process = subprocess.Popen(  # noqa: S603  our own pipeline
            [launch, "-q", *pipeline, *sink],
            pass_fds=[write_end],
            stdin=subprocess.DEVNULL,
            stdout=print_end,
            stderr=print_end,
        )
        os.close(write_end)
        os.close(print_end)
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)
        self._poll.register(self._prints, select.POLLIN)
        self._is_fresh = False
        try:
            self._fill()
        except UnavailableError:
            self.close()
            raise

    def read(self) -> Sample | None:
        """Return the next picture; see `Source.read`."""
        if not self._is_fresh:
            self._fill()  # the one in the pipe, and the one in the queue, are of before anybody read
            self._fill()
            self._is_fresh = True
        self._fill()
        arrived_ns = monotonic_ns()
        picture = decode("NV12", memoryview(self._frame), size_wh=self._size_wh, stride_bytes=0)
        seq, self._next = self._next, self._next + 1
        return Sample(picture, seq, captured_ns=arrived_ns, clock="arrival", source=self.name)

    def close(self) -> None:
        """End the pipeline."""
        if self._pipe < 0:
            return
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._prints)
        os.close(self._pipe)
        self._pipe = -1

    def _fill(self) -> None:
        """Read a whole picture into `_frame`."""
        deadline_ns = monotonic_ns() + round(self._timeout_s * 1e9)
        waiting = memoryview(self._frame)
        while waiting:
            self._wait(deadline_ns)
            taken = os.readv(self._pipe, [waiting])
            if not taken:
                raise self._ended()
            waiting = waiting[taken:]

    def _wait(self, deadline_ns: int) -> None:
        """Wait until there is something of a picture; meanwhile keep what the pipeline prints."""
        is_there = False
        while not is_there:
            ready = [file for file, _ in self._poll.poll(max(0.0, (deadline_ns - monotonic_ns()) / 1e6))]
            if not ready:
                raise UnavailableError(
                    f"{self.name}: expected a picture, got none for {self._timeout_s:g} s", hint=self._printed_error()
                )
            is_there = self._pipe in ready
            if self._prints in ready:
                self._keep_print()

    def _keep_print(self) -> None:
        printed = os.read(self._prints, _KEPT_BYTES)
        self._printed = (self._printed + printed)[-_KEPT_BYTES:]
        if not printed:
            self._poll.unregister(self._prints)

    def _ended(self) -> UnavailableError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        while select.select([self._prints], [], [], 0)[0] and (printed := os.read(self._prints, _KEPT_BYTES)):
            self._printed = (self._printed + printed)[-_KEPT_BYTES:]
        return UnavailableError(
            f"{self.name}: expected a picture, got the end of the pipeline", hint=self._printed_error()
        )

    def _printed_error(self) -> str:
        """Return the line that tells most of what went wrong; nothing if nothing was printed."""
        lines = [line.strip() for line in self._printed.decode(errors="replace").splitlines() if line.strip()]
        telling = [line for line in lines if "ERROR" in line or "erroneous" in line]
        return (telling or lines[-1:] or [""])[0]
