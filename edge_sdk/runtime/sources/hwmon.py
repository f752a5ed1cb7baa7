"""The board's own sensors: `hwmon:cpu_thermal?channels=temp1`, `thermal:cpu-thermal`.

- A device is named by its driver (the file `name` or `type`), or by its folder (`hwmon2`).
- Values are in degrees Celsius, volts, amperes, watts, joules, per cent and turns a minute.
- A channel is that of the kernel (`temp1`, `in0`, `fan2`) or its label.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.runtime.sources.polled import Polled, check_rate
from edge_sdk.runtime.sources.record import Address
from edge_sdk.runtime.sources.sensor import channels_of
from edge_sdk.runtime.sources.sysfs import SYSFS, find_device, read_number

_UNITS = {
    "temp": 1e3,  # millidegrees Celsius
    "in": 1e3,  # millivolts
    "curr": 1e3,  # milliamperes
    "power": 1e6,  # microwatts
    "energy": 1e6,  # microjoules
    "humidity": 1e3,  # thousandths of a per cent
    "fan": 1.0,  # turns a minute
}
"""How many of the kernel's units make one of people, by kind of channel (Documentation/hwmon/sysfs-interface.rst)."""


@dataclass(frozen=True, slots=True)
class HwmonOptions:
    """What the address may say.

    Attributes:
        rate_hz: Rows a second.
        channels: The device's names of the model's columns, with commas; empty if they are the same.
    """

    rate_hz: float = 1.0
    channels: str = ""

    def __post_init__(self) -> None:
        """Check the rate.

        Raises:
            InputError: It is out of bounds.
        """
        check_rate(self.rate_hz)


def open_hwmon(address: Address, columns: tuple[str, ...], *, sysfs: Path = SYSFS) -> Polled:
    """Open a chip of /sys/class/hwmon.

    Raises:
        InputError: An option is wrong, it has no such channel, or several chips have this name.
        UnavailableError: It is not there.
    """
    options = address.read_options(HwmonOptions)
    folder = find_device((sysfs / "class/hwmon").glob("hwmon*"), address.place, naming="name", where=address.uri)
    inputs = _inputs(folder)
    files = [_find(inputs, channel, where=address.uri) for channel in channels_of(options.channels, columns, address)]
    return _polled(address, [(path, _UNITS[kind]) for path, kind in files], rate_hz=options.rate_hz)


def open_thermal(address: Address, columns: tuple[str, ...], *, sysfs: Path = SYSFS) -> Polled:
    """Open a zone of /sys/class/thermal, whose one channel is `temp`.

    Raises:
        InputError: An option is wrong, there is more than one column, or several zones have this type.
        UnavailableError: It is not there.
    """
    options = address.read_options(HwmonOptions)
    zones = (sysfs / "class/thermal").glob("thermal_zone*")
    folder = find_device(zones, address.place, naming="type", where=address.uri)
    if len(columns) > 1:
        raise InputError(f"{address.uri}: expected a model of one column, got {', '.join(columns)}")
    return _polled(address, [(folder / "temp", _UNITS["temp"])], rate_hz=options.rate_hz)


def _polled(address: Address, files: list[tuple[Path, float]], *, rate_hz: float) -> Polled:
    ask = partial(_ask, files)
    ask()  # a channel that cannot be read is told at once
    return Polled(address.uri.partition("?")[0], ask, rate_hz=rate_hz)


def _ask(files: list[tuple[Path, float]]) -> list[float]:
    return [read_number(path) / unit for path, unit in files]


def _inputs(folder: Path) -> dict[str, tuple[Path, str]]:
    """Return the file and the kind of each channel, by its name and by its label."""
    found = {}
    for path in sorted(folder.glob("*_input")):
        name = path.name.removesuffix("_input")
        kind = re.sub(r"[0-9]+$", "", name)
        if kind in _UNITS:
            found[name] = (path, kind)
            label = folder / f"{name}_label"
            if label.exists():
                found.setdefault(label.read_text().strip(), (path, kind))
    return found


def _find(inputs: dict[str, tuple[Path, str]], channel: str, *, where: str) -> tuple[Path, str]:
    if channel not in inputs:
        nearest = records.near_match(channel, list(inputs))
        raise InputError(f"{where}: expected a channel {channel}, got {', '.join(inputs) or 'none'}{nearest}")
    return inputs[channel]
