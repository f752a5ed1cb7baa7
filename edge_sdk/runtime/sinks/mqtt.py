"""A message a result: `mqtt://broker/plant/press/4`, `mqtts://…?access=FILE.toml`.

- On the topic itself: the fields of `Outcome.to_data` as JSON. On `TOPIC/events`: what happens to sources and models.
- On `TOPIC/state`, kept by the broker: `online`, and `offline` when the run has ended or is gone (MQTT's last will).
- Each message is sent until the broker acknowledges it, and may come twice. What the broker cannot be given in time has
  failed, and is not kept: while it is away, results of cameras are lost, and counted.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_sdk.broker import Access, Publisher, Topic, Will, read_access
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime.events import Event
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.sinks.lines import to_line
from edge_sdk.runtime.sources import Source
from edge_sdk.runtime.sources.record import Address

_ONLINE, _OFFLINE = b"online", b"offline"


@dataclass(frozen=True, slots=True)
class MqttOptions:
    """What the address may say.

    Attributes:
        access: The file that says who we are; see `broker.Access`.
        timeout_s: How long a result waits for the broker.
    """

    access: str = ""
    timeout_s: float = 5.0


class Mqtt:
    """A topic of a broker."""

    def __init__(self, address: Address, source: Source) -> None:
        """Connect to the broker, and say that we are there.

        Raises:
            InputError: The address or an option is wrong, or holds a password; or the topic is a pattern.
            UnavailableError: The broker is not there, or refuses us.
        """
        topic = Topic.parse(address.uri.partition("?")[0])
        if "+" in topic.name or "#" in topic.name:
            raise InputError(f"{topic}: expected one topic, got a pattern")
        options = address.read_options(MqttOptions, where=str(topic))
        self.name, self._topic, self._timeout_s = str(topic), topic.name, options.timeout_s
        access = read_access(Path(options.access)) if options.access else Access()
        self._publisher: Publisher | None = Publisher(topic, access=access, will=Will(f"{topic.name}/state", _OFFLINE))
        self._publish("/state", _ONLINE, retain=True)

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Publish one result; see `Sink.write`."""
        self._publish("", to_line(outcome.to_data()).encode(errors="backslashreplace"))

    def tell(self, event: Event) -> None:
        """Publish one event; see `Listener.tell`."""
        self._publish("/events", to_line(asdict(event)).encode(errors="backslashreplace"))

    def close(self) -> None:
        """Say that we are gone, and leave; see `Sink.close`."""
        publisher, self._publisher = self._publisher, None
        if publisher is None:
            return
        with suppress(UnavailableError):  # the broker says it for us
            publisher.publish(f"{self._topic}/state", _OFFLINE, retain=True, timeout_s=self._timeout_s)
        publisher.close()

    def _publish(self, below: str, payload: bytes, *, retain: bool = False) -> None:
        if self._publisher is None:
            raise UnavailableError(f"{self.name}: expected an open connection, got a closed one")
        self._publisher.publish(f"{self._topic}{below}", payload, retain=retain, timeout_s=self._timeout_s)
