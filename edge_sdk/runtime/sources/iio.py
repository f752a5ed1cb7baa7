"""Sensors of the kernel's Industrial I/O: `iio:bmp280?rate_hz=10`, `iio:lsm6ds3_accel?buffer=1&channels=accel_x`.

- A device is named by its driver (its file `name`), or by its folder (`iio:device0` as `iio:iio:device0`).
- A channel is that of the kernel without `in_`; values are `(raw + offset) * scale`, in the units of the kernel's ABI:
  m/s², rad/s, gauss, kPa, thousandths of degrees and volts.
- Without `buffer` the channels are asked for, one after the other, at `rate_hz`. With it the device fills a
  buffer by its trigger, and stamps each scan; see `iio_buffer.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.runtime.sources.iio_buffer import BufferSettings, IioBuffer
from edge_sdk.runtime.sources.polled import Polled, check_rate
from edge_sdk.runtime.sources.record import Address
from edge_sdk.runtime.sources.sensor import channels_of
from edge_sdk.runtime.sources.sysfs import DEV, SYSFS, find_device, read_number

_ENDS = ("_input", "_raw")


@dataclass(frozen=True, slots=True)
class IioOptions:
    """What the address may say.

    Attributes:
        rate_hz: Rows a second; with a buffer, the device's sampling frequency, 0 leaving it as it is.
        channels: The device's names of the model's columns, with commas; empty if they are the same.
        buffer: `1` takes the rows from the device's buffer.
        trigger: Name of the trigger that fills the buffer; empty leaves it as it is.
    """

    rate_hz: float = 0.0
    channels: str = ""
    buffer: int = 0
    trigger: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of a device: where its value stands, and how that becomes its unit.

    Attributes:
        path: The file of the value.
        scale: Multiplied with last.
        offset: Added first.
    """

    path: Path
    scale: float = 1.0
    offset: float = 0.0

    def read(self) -> float:
        """Return the value.

        Raises:
            UnavailableError: The device does not answer.
        """
        return (read_number(self.path) + self.offset) * self.scale


def open_iio(address: Address, columns: tuple[str, ...], *, sysfs: Path = SYSFS, dev: Path = DEV) -> Polled | IioBuffer:
    """Open a device of /sys/bus/iio.

    Raises:
        InputError: An option is wrong, it has no such channel, or several devices have this name.
        UnavailableError: It is not there, or does not take a setting.
    """
    options = address.read_options(IioOptions)
    devices = (sysfs / "bus/iio/devices").glob("iio:device*")
    folder = find_device(devices, address.place, naming="name", where=address.uri)
    names = channels_of(options.channels, columns, address)
    if options.buffer:
        settings = BufferSettings(options.rate_hz, options.trigger)
        scales = {name: _linear(folder, name) for name in names}
        return IioBuffer(folder, dev / folder.name, scales, settings=settings)
    rate_hz = options.rate_hz or 1.0
    check_rate(rate_hz)
    channels = [_channel(folder, channel, where=address.uri) for channel in names]
    ask = partial(_ask, channels)
    ask()  # a channel that cannot be read is told at once
    return Polled(f"iio:{address.place}", ask, rate_hz=rate_hz)


def _ask(channels: list[Channel]) -> list[float]:
    return [channel.read() for channel in channels]


def _channel(folder: Path, name: str, *, where: str) -> Channel:
    if (folder / f"in_{name}_input").exists():  # the driver has scaled it
        return Channel(folder / f"in_{name}_input")
    if (folder / f"in_{name}_raw").exists():
        return Channel(folder / f"in_{name}_raw", *_linear(folder, name))
    there = sorted({p.name[3 : -len(end)] for end in _ENDS for p in folder.glob(f"in_*{end}")})
    told = ", ".join(there) or "none"
    raise InputError(f"{where}: expected a channel {name}, got {told}{records.near_match(name, there)}")


def _linear(folder: Path, name: str) -> tuple[float, float]:
    """Return scale and offset of a channel: its own, or those that its kind shares (`in_accel_scale`)."""
    kind = name.rpartition("_")[0] or name.rstrip("0123456789")
    return _shared(folder, (name, kind), "scale", 1.0), _shared(folder, (name, kind), "offset", 0.0)


def _shared(folder: Path, names: tuple[str, str], what: str, default: float) -> float:
    paths = [folder / f"in_{name}_{what}" for name in names]
    return next((read_number(path) for path in paths if path.exists()), default)
