"""The fleet's desk at the broker: hears what devices are, tells them what is new, and hands out blocks of files.

- A device asks after each connection (`ask`) and is answered then; what changes while it is connected is told at once.
- A device that has another model, or another state of its update, is answered: so it knows that it still reaches us.
- What is told is retained, and told again only if it is another: a broker that was restarted costs nothing.
- Results are not its business: they have a connection and a store of their own (`fleet.ingest`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from edge_sdk.broker.address import Broker as Address
from edge_sdk.broker.happening import Connected, Happening, Lost, Received, Refused
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.errors import EdgeError, InputError, UnavailableError
from edge_sdk.fleet.blocks import BlockServer, Files
from edge_sdk.fleet.broker_config import DESK
from edge_sdk.fleet.folder import Fleet
from edge_sdk.fleet.registry import Registry
from edge_sdk.fleet.wishes import Wishes
from edge_sdk.wire import Channel, Place, encode
from edge_sdk.wire.topics import Up, all_up

_log = logging.getLogger(__name__)
_HEARD: tuple[Up, ...] = ("status", "reported", "command", "ask", "get")
_TURN_S = 0.25


class Desk:
    """The desk; it works from entering to leaving.

    Attributes:
        is_connected: Whether there is a connection to the broker now.
        refused: Messages that were none, or of somebody who is no member.
    """

    def __init__(self, fleet: Fleet, registry: Registry) -> None:
        """Prepare to connect.

        Raises:
            InputError: A certificate cannot be read.
        """
        self._fleet, self._registry = fleet, registry
        self._wishes = Wishes(fleet, registry)
        self._blocks = BlockServer(Files(fleet.path / "repository"), self._publish_block)
        self._waiting: OrderedDict[str, bytes] = OrderedDict()
        self._is_over = threading.Event()
        self._threads = (
            threading.Thread(target=self._run, name="desk", daemon=True),
            threading.Thread(target=self._blocks.run, args=(self._is_over,), name="blocks", daemon=True),
        )
        self._link = Link(desk_address(fleet), desk_options(fleet))
        self.is_connected, self.refused = False, 0

    def __enter__(self) -> Desk:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        self._link.close()

    @property
    def is_alive(self) -> bool:
        """Whether it works; once it does not, this process has a fault."""
        return all(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while not self._is_over.is_set():
            happening = self._link.next(timeout_s=_TURN_S)
            try:
                if happening is not None:
                    self._hear(happening)
                for topic, payload in self._wishes.news(now_s=time.time()):
                    self._tell(topic, payload)
            except EdgeError as exc:  # the disk is full, a file of the repository cannot be read: the desk stays open
                _log.warning("desk: %s", exc)
            self._send()

    def _hear(self, happening: Happening) -> None:
        match happening:
            case Connected():
                self.is_connected = True
            case Lost(reason=reason):
                self.is_connected = False
                _log.info("desk: no connection: %s", reason)
            case Refused(what=what, reason=reason):
                _log.warning("desk: %s: %s", what, reason)
            case Received(topic=topic, payload=payload, accept=accept):
                self._take(topic, payload)
                accept()

    def _take(self, topic: str, payload: bytes) -> None:
        """Do what a message asks for; one that is none is counted and passed over."""
        try:
            channel = Channel.parse(topic)
            if not self._wishes.is_member(channel.place.device):
                raise InputError(f"{channel.place.device}: expected a member of the fleet, got somebody else")
            _HANDLERS[channel.name](self, channel.place, payload)
        except InputError as exc:
            self.refused += 1
            _log.warning("desk: %s", exc)

    def _status(self, place: Place, payload: bytes) -> None:
        self._registry.take_status(place.device, payload, now_s=time.time())

    def _reported(self, place: Place, payload: bytes) -> None:
        if self._registry.take_reported(place.device, payload, now_s=time.time()):
            self._tell(place.down("desired"), encode(self._wishes.desired(place.device)))

    def _command(self, place: Place, payload: bytes) -> None:
        self._registry.take_states(place.device, payload)

    def _ask(self, place: Place, _payload: bytes) -> None:
        self._tell(place.down("desired"), encode(self._wishes.desired(place.device)))
        self._tell(place.down("command"), encode(self._registry.commands(place.device, now_s=time.time())))

    def _get(self, place: Place, payload: bytes) -> None:
        self._blocks.ask(place, payload)

    def _tell(self, topic: str, payload: bytes) -> None:
        self._waiting[topic] = payload
        self._waiting.move_to_end(topic)

    def _send(self) -> None:
        """Give the link what waits, as far as it has room; the newest of each topic alone."""
        while self._waiting:
            topic, payload = next(iter(self._waiting.items()))
            if self._link.publish(topic, payload, retain=True) is None:
                return
            del self._waiting[topic]

    def _publish_block(self, topic: str, payload: bytes) -> None:
        if self._link.publish(topic, payload) is None:
            raise UnavailableError(f"{topic}: expected room on the connection, got none")


_HANDLERS: dict[str, Callable[[Desk, Place, bytes], None]] = {
    "status": Desk._status,
    "reported": Desk._reported,
    "command": Desk._command,
    "ask": Desk._ask,
    "get": Desk._get,
}


def desk_address(fleet: Fleet) -> Address:
    """Return where the broker is, as we reach it."""
    return Address.parse(fleet.broker_address)


def desk_options(fleet: Fleet) -> LinkOptions:
    """Return how the desk connects."""
    patterns = tuple(all_up(fleet.settings.name, channel) for channel in _HEARD)
    return LinkOptions(DESK, patterns, fleet.access("desk"))
