"""A camera that is read through Video4Linux's own calls."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources.jpeg import Reduce
from edge_sdk.runtime.sources.v4l2.device import Device
from edge_sdk.runtime.sources.v4l2.modes import Asked, set_mode
from edge_sdk.runtime.sources.v4l2.pixels import decode
from edge_sdk.runtime.sources.v4l2.stream import Filled, Stream

log = logging.getLogger(__name__)

_CURES: Mapping[int, str] = {
    errno.EBUSY: "another program is using it: fuser -v /dev/video*",
    errno.ENOSPC: "the USB bus has no room for its frames: ask for less (width, height, fps), or for fourcc=MJPG",
    errno.ENODEV: "it was unplugged",
    errno.EIO: "it lost its signal, or was unplugged",
    errno.EPROTO: "it does not answer as USB devices do: look at the cable, the hub and the power supply",
    errno.ENOMEM: "the driver has no memory for its frames: ask for less (width, height)",
}


class V4l2Camera:
    """A camera, opened and capturing.

    Attributes:
        mode: What it delivers.
    """

    live = True

    def __init__(self, device: Device, asked: Asked, *, name: str, reduce: Reduce = 1, timeout_s: float = 5.0) -> None:
        """Set the camera up and begin to capture; the device is closed with it.

        Args:
            device: Its node, which has a pixel format that we decode.
            asked: The mode that is asked for.
            name: What results and messages call it.
            reduce: 1, 2, 4 or 8: pictures are smaller by so much.
            timeout_s: How long a read waits for a frame.

        Raises:
            InputError: The camera cannot do what is asked.
            UnavailableError: It is busy, or gone.
        """
        import cv2  # noqa: F401  before there are frames: it takes a second on a small board

        self.name = name
        self._device, self._reduce, self._timeout_s = device, reduce, timeout_s
        try:
            self.mode = set_mode(device, asked, where=name)
            self._stream = Stream(device)
        except OSError as exc:
            raise unavailable(name, exc) from exc
        self.fps = self.mode.fps
        log.info("%s: %s%s", name, self.mode, f", reduced to 1/{reduce}" if reduce > 1 else "")

    def read(self) -> Sample | None:
        """Return the next frame; see `Source.read`."""
        try:
            if self._stream.wait(self._timeout_s):
                with self._stream.frame() as filled:
                    return self._sample(filled)
        except OSError as exc:
            raise unavailable(self.name, exc) from exc
        raise UnavailableError(
            f"{self.name}: expected a frame, got none for {self._timeout_s:g} s",
            hint="is it still connected, and does it have enough power?",
        )

    def close(self) -> None:
        """Give the camera back."""
        self._stream.close()
        self._device.close()

    def _sample(self, filled: Filled) -> Sample:
        where = f"{self.name} #{filled.number}"
        if filled.is_broken:
            raise InputError(f"{where}: expected a whole frame, got one that the driver marks as broken")
        mode = self.mode
        try:
            data = decode(
                mode.fourcc,
                filled.data,
                size_wh=mode.size_wh,
                stride_bytes=mode.stride_bytes,
                reduce=self._reduce,
            )
        except InputError as exc:
            raise InputError(f"{where}: {exc}") from exc
        return Sample(data, filled.number, captured_ns=filled.captured_ns, clock=filled.clock, source=self.name)


def unavailable(name: str, exc: OSError) -> UnavailableError:
    """Return the error for what a driver refused."""
    return UnavailableError(
        f"{name}: expected a camera that captures, got {exc.strerror or exc}", hint=_CURES.get(exc.errno or 0, "")
    )
