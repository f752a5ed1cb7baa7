"""Rows from messages of JSON: `mqtt://broker/plant/press/4?fields=accel.x,accel.y&time=t_ms`, `mqtts://…?access=FILE.toml`.

- A message is an object, or a list of them, a row each. A column is a field by its dotted path.
- Without `time` a row is stamped when it arrives. With it, by that field, moved to the monotonic clock by the shortest
  delay that was seen: what the network adds is taken out. The publisher's clock needs no right time, but a steady one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_sdk.broker import Access, Listener, Message, Topic, read_access
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.frame import Clock
from edge_sdk.runtime.rows import ARRIVALS, EXACT, Rows
from edge_sdk.runtime.sources.record import Address, split_options
from edge_sdk.runtime.sources.rows import UNITS_NS
from edge_sdk.runtime.sources.sensor import channels_of

_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class MqttOptions:
    """What the address may say.

    Attributes:
        fields: Dotted paths for the model's columns, with commas; empty if they are the same.
        time: Dotted path of the time, in seconds, or in what its name ends with: `_ms`, `_us`, `_ns`.
        access: The file that says who we are; see `broker.Access`.
        timeout_s: How long a silence ends the source.
        rate_hz: Rows a second, if that is known; 0 measures it, where the model wants a rate.
        max_messages: How many messages wait at most; others are counted as lost.
    """

    fields: str = ""
    time: str = ""
    access: str = ""
    timeout_s: float = 60.0
    rate_hz: float = 0.0
    max_messages: int = 1000


def open_mqtt(address: Address, columns: tuple[str, ...]) -> MqttRows:
    """Subscribe to a topic.

    Raises:
        InputError: The address or an option is wrong, or holds a password.
        UnavailableError: The broker is not there, or refuses.
    """
    place, told = split_options(address.place)
    topic = Topic.parse(place)
    asked = Address(str(topic), place, told)
    options = asked.read_options(MqttOptions)
    fields = channels_of(options.fields, columns, asked)
    access = read_access(Path(options.access)) if options.access else Access()
    listener = Listener(topic, access=access, max_messages=options.max_messages)
    return MqttRows(listener, fields, name=str(topic), options=options)


class MqttRows:
    """A topic whose messages are rows."""

    live = True

    def __init__(self, listener: Listener, fields: Sequence[str], *, name: str, options: MqttOptions) -> None:
        self.name, self.rate_hz = name, options.rate_hz or None
        time = options.time
        self.clock: Clock = "driver" if time else "arrival"
        self.slack = EXACT if time else ARRIVALS
        self._listener, self._fields, self._timeout_s = listener, fields, options.timeout_s
        self._time = time
        self._unit_ns = next(unit for end, unit in UNITS_NS.items() if time.endswith(end))
        self._aligned = _Aligned()
        self._lost = 0

    def read(self) -> Rows | None:
        """Return the rows of the next message; see `Sensor.read`."""
        message = self._listener.receive(timeout_s=self._timeout_s)
        if message is None:
            raise UnavailableError(f"{self.name}: expected messages, got none for {self._timeout_s:g} s")
        self._lost += message.dropped
        try:
            rows = self._parse(message)
        except (ValueError, TypeError, KeyError, RecursionError) as exc:
            self._lost += 1
            wanted = ", ".join(filter(None, (*self._fields, self._time)))
            raise InputError(f"{self.name}: expected JSON with numbers in {wanted}, got {_why(exc)}") from exc
        self._lost = 0
        return rows

    def close(self) -> None:
        """Leave the broker."""
        self._listener.close()

    def _parse(self, message: Message) -> Rows:
        if len(message.payload) > _MOST_BYTES:
            raise ValueError(f"{len(message.payload)} bytes")
        data = json.loads(message.payload)
        objects = data if isinstance(data, list) else [data]
        values = np.array([[_number(row, field) for field in self._fields] for row in objects], np.float64)
        if not self._time:
            return Rows(values.reshape(-1, len(self._fields)), np.full(len(objects), message.arrived_ns), self._lost)
        times_ns = [round(_number(row, self._time) * self._unit_ns) for row in objects]
        stamps_ns = [self._aligned.stamp(time_ns, message.arrived_ns) for time_ns in times_ns]
        return Rows(values.reshape(-1, len(self._fields)), np.array(stamps_ns, np.int64), self._lost)


class _Aligned:
    """Times of another clock, moved to ours by the shortest delay seen."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._before_ns = self._stamp_ns = 0

    def stamp(self, time_ns: int, arrived_ns: int) -> int:
        if self._offset_ns is None or time_ns < self._before_ns:  # the publisher's clock was set back
            self._offset_ns = arrived_ns - time_ns
        self._offset_ns = min(self._offset_ns, arrived_ns - time_ns)
        self._before_ns = time_ns
        self._stamp_ns = max(self._stamp_ns, time_ns + self._offset_ns)
        return self._stamp_ns


def _number(row: Any, path: str) -> float:
    value = row
    for name in path.split("."):
        value = value[int(name) if isinstance(value, list) else name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{path} = {str(value)[:40]}")
    return float(value)


def _why(exc: BaseException) -> str:
    return f"no field {exc}" if isinstance(exc, KeyError) else str(exc)[:100]
