"""The link to Home Assistant's broker, which is seldom the fleet's: says what the mapper makes of the board's state.

- The discovery, what is available and the state are said anew with each connection; a broker keeps all of them.
- The state is said at once when something of weight has changed, else every few seconds.
- A neighbour that is away costs nothing: nothing waits for it, and nothing is kept for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_sdk.agent import home_assistant
from edge_sdk.agent.home_assistant import Told
from edge_sdk.agent.worker.messages import Beat
from edge_sdk.broker import Access, Will, read_access
from edge_sdk.broker.address import Broker
from edge_sdk.broker.happening import Connected, Lost, Received
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.errors import InputError
from edge_sdk.wire import Place
from edge_sdk.wire.messages import Reported


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Where Home Assistant is: a table `home_assistant` in the agent's settings.

    Attributes:
        broker: Its broker: `mqtt://HOST:PORT` or `mqtts://HOST:PORT`; empty tells it nothing.
        access: File of name and password or certificates, as `--sink mqtt://…?access=` takes it; empty for none.
        prefix: Of its discovery topics.
        every_s: How often figures are said, in seconds.
    """

    broker: str = ""
    access: str = ""
    prefix: str = "homeassistant"
    every_s: float = 10.0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: The address is none, the prefix is no topic, or the time is less than a second.
        """
        if self.broker:
            Broker.parse(self.broker)
        if not self.prefix or any(letter in "+#" or not letter.isprintable() for letter in self.prefix):
            raise InputError(f"prefix: expected a topic without '+' and '#', got {self.prefix[:80]!r}")
        if self.every_s < 1:
            raise InputError(f"every_s: expected 1 or more, got {self.every_s:g}")


class HomeAssistantLink:
    """The link; used by one thread, which calls `show` now and then.

    Attributes:
        is_connected: Whether there is a connection now.
    """

    def __init__(self, neighbour: Neighbour, place: Place) -> None:
        """Begin to connect.

        Args:
            neighbour: Where Home Assistant is.
            place: Who we are.

        Raises:
            InputError: The file of the access cannot be read.
        """
        self._neighbour, self._place = neighbour, place
        access = read_access(Path(neighbour.access)) if neighbour.access else Access()
        will = Will(home_assistant.availability_topic(place), home_assistant.OFFLINE)
        options = LinkOptions(f"edge-sdk-{place.fleet}-{place.device}", access=access, will=will)
        self._link = Link(Broker.parse(neighbour.broker), options)
        self.is_connected = False
        self._weighty, self._said_s = b"", float("-inf")

    def show(self, reported: Reported, beat: Beat | None, *, now_s: float) -> None:
        """Say how the board is, if it is time to.

        Args:
            reported: What is reported to the fleet.
            beat: How the worker went in the last second; None if there is none.
            now_s: A monotonic clock, in seconds.
        """
        self._hear()
        weighty = home_assistant.state(self._place, reported).payload
        is_due = weighty != self._weighty or now_s - self._said_s >= self._neighbour.every_s
        if self.is_connected and is_due and self._say(home_assistant.state(self._place, reported, beat)):
            self._weighty, self._said_s = weighty, now_s

    def close(self) -> None:
        """Say that the board goes, and disconnect; closing twice is harmless."""
        if self.is_connected:
            self.is_connected = False
            self._say(Told(home_assistant.availability_topic(self._place), home_assistant.OFFLINE))
        self._link.close()

    def _hear(self) -> None:
        while (happening := self._link.next(timeout_s=0.0)) is not None:
            match happening:
                case Connected():
                    self.is_connected, self._weighty = True, b""
                    self._say(home_assistant.discovery(self._place, prefix=self._neighbour.prefix))
                    self._say(Told(home_assistant.availability_topic(self._place), home_assistant.ONLINE))
                case Lost():
                    self.is_connected = False
                case Received(accept=accept):
                    accept()

    def _say(self, told: Told) -> bool:
        return self._link.publish(told.topic, told.payload, retain=True) is not None
