"""The buffer of an Industrial I/O device: scans as its trigger makes them, stamped by the driver.

- The stamps are of CLOCK_MONOTONIC: the device is told so, and what it says then is checked, since its default may be
  the wall clock.
- A buffer that overruns loses scans without a word; the step between stamps tells them.
- The rate that a device claims is not believed but measured.
"""

from __future__ import annotations

import os
import select
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.frame import Clock
from edge_sdk.runtime.rows import EXACT, Rows, Slack
from edge_sdk.runtime.sources.iio_scan import Element, parse_element, scan_of
from edge_sdk.runtime.sources.sysfs import read_number, read_text, write_text

_TIMEOUT_S = 5.0
_SCANS = 256
_STAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class BufferSettings:
    """What a device is told before it starts; 0 and empty leave a setting as it is.

    Attributes:
        rate_hz: Its sampling frequency.
        trigger: Name of the trigger that makes scans.
        scans: Room of its buffer.
    """

    rate_hz: float = 0.0
    trigger: str = ""
    scans: int = 1024


class IioBuffer:
    """A device that fills its buffer."""

    live = True
    clock: Clock = "driver"
    rate_hz: float | None = None
    slack: Slack | None = EXACT

    def __init__(
        self, folder: Path, node: Path, channels: Mapping[str, tuple[float, float]], *, settings: BufferSettings
    ) -> None:
        """Set a device up, and start it.

        Args:
            folder: The device, below /sys.
            node: Its file below /dev.
            channels: Scale and offset by the names of its channels, without `in_`.
            settings: What it is told first.

        Raises:
            InputError: It has no such channel in its scans, packs one in an unknown way, or chose another rate.
            UnavailableError: It does not take a setting, or does not start.
        """
        self.name = f"iio:{read_text(folder / 'name')}"
        self._enable = folder / "buffer/enable"
        self._descriptor, self._rest = -1, b""
        write_text(self._enable, "0")
        _set_up(folder, settings)
        self._elements = _choose(folder, {**channels, _STAMP: (1.0, 0.0)})
        self._scan = scan_of(self._elements)
        try:
            self._descriptor = os.open(node, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as exc:
            raise UnavailableError(f"{node}: expected to read it, got {exc.strerror or exc}") from exc
        try:
            write_text(self._enable, "1")
        except UnavailableError:
            self.close()
            raise

    def read(self) -> Rows | None:
        """Return the scans that are there, after waiting for the first; see `Sensor.read`."""
        data = self._rest + self._wait()
        count = len(data) // self._scan.itemsize
        self._rest = data[count * self._scan.itemsize :]
        scans = np.frombuffer(data, self._scan, count)
        *values, stamps = (scans[f"e{number}"] for number in range(len(self._elements)))
        columns = [element.decode(stored) for element, stored in zip(self._elements, values, strict=False)]
        return Rows(np.stack(columns, axis=1), self._elements[-1].numbers(stamps))

    def close(self) -> None:
        """Stop the device; closing twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            with suppress(UnavailableError):  # it is gone already
                write_text(self._enable, "0")

    def _wait(self) -> bytes:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if not poll.poll(_TIMEOUT_S * 1000):
            raise UnavailableError(
                f"{self.name}: expected rows, got none for {_TIMEOUT_S:g} s", hint="has it a trigger?"
            )
        try:
            data = os.read(self._descriptor, _SCANS * self._scan.itemsize)
        except OSError as exc:
            raise UnavailableError(f"{self.name}: expected rows, got {exc.strerror or exc}") from exc
        if not data:
            raise UnavailableError(f"{self.name}: expected rows, got the end")
        return data


def _set_up(folder: Path, settings: BufferSettings) -> None:
    if settings.trigger:
        write_text(folder / "trigger/current_trigger", settings.trigger)
    if settings.rate_hz:
        file = folder / "sampling_frequency"
        write_text(file, f"{settings.rate_hz:g}")
        if abs(read_number(file) / settings.rate_hz - 1) > 0.01:
            raise InputError(f"{file}: expected the rate {settings.rate_hz:g}, got {read_number(file):g}")
    clock = folder / "current_timestamp_clock"
    write_text(clock, "monotonic")
    if read_text(clock) != "monotonic":
        raise UnavailableError(f"{clock}: expected the clock monotonic, got {read_text(clock)}")
    write_text(folder / "buffer/length", str(settings.scans))


def _choose(folder: Path, channels: Mapping[str, tuple[float, float]]) -> tuple[Element, ...]:
    """Switch these channels on, and all others off; return how they are packed, in their order."""
    scans = folder / "scan_elements"
    there = {path.name[3 : -len("_en")]: path for path in sorted(scans.glob("in_*_en"))}
    if missing := [name for name in channels if name not in there]:
        raise InputError(f"{scans}: expected channels {', '.join(missing)}, got {', '.join(there) or 'none'}")
    for name, path in there.items():
        write_text(path, "1" if name in channels else "0")
    return tuple(_element(scans / f"in_{name}", linear) for name, linear in channels.items())


def _element(stem: Path, linear: tuple[float, float]) -> Element:
    kind = stem.with_name(f"{stem.name}_type")
    index = int(read_number(stem.with_name(f"{stem.name}_index")))
    return parse_element(read_text(kind), index, linear=linear, where=str(kind))
