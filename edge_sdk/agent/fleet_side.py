"""The side of the agent that faces the fleet: one link, what is said over it, and who is told what comes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from edge_sdk.agent.mail import Mail, Sender
from edge_sdk.agent.presence import Presence, last_will
from edge_sdk.agent.updates import Member
from edge_sdk.broker import Access
from edge_sdk.broker.address import Broker
from edge_sdk.broker.happening import Connected, Lost, Received, Refused
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.outbox import Outbox
from edge_sdk.wire import Channel
from edge_sdk.wire.messages import CommandStates, Reported

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ears:
    """Who is told what comes from the fleet.

    Attributes:
        channels: By the channel's name, who takes a message; it raises InputError for what is none, and
            UnavailableError where it cannot be kept now: it then comes again.
        answered: Is told that the fleet itself has said something, not only the broker for it.
    """

    channels: Mapping[str, Callable[[bytes], None]]
    answered: Callable[[], None]


class FleetSide:
    """One link to the fleet. All but `ask` is for one thread."""

    def __init__(
        self, member: Member, *, boot: int, outbox: Outbox, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        """Begin to connect.

        Args:
            member: Who we are.
            boot: How often the agent has started.
            outbox: What waits for the fleet.
            tell: Is told, in a sentence, of each row that nobody takes and that was set aside.

        Raises:
            InputError: A certificate cannot be read.
        """
        tls, self._place = member.tls, member.home.place
        access = Access(ca=str(tls.ca), certificate=str(tls.certificate), key=str(tls.key))
        options = LinkOptions(
            client_id=member.home.device,
            subscriptions=(self._place.all_down,),
            access=access,
            will=last_will(self._place, boot),
        )
        self.link = Link(Broker.parse(member.home.broker), options)
        sender = Sender(self._place, boot)
        self._mail = Mail(outbox, self.link, sender, now_s=_now_s, tell=tell)
        self._presence = Presence(self.link, self._place, boot=boot, log=_numbering(outbox), now_s=_now_s)

    def close(self) -> None:
        """Say that this board goes, and disconnect; closing twice is harmless."""
        self._presence.part()
        self.link.close()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._presence.is_connected

    def ask(self, question: bytes) -> int | None:
        """Publish a question for blocks; None where there is no connection. May be called from any thread."""
        return self.link.publish(self._place.up("get"), question)

    def hear(self, ears: Ears, *, timeout_s: float) -> bool:
        """Wait for something to happen, and tell it; return whether something did."""
        happening = self.link.next(timeout_s=timeout_s)
        if happening is None:
            return False
        self._presence.hear(happening)
        self._mail.hear(happening)
        match happening:
            case Connected(version=version):
                log.info("broker: connected, MQTT %s", version)
            case Lost(reason=reason):
                log.info("broker: %s", reason)
            case Refused(what=what, reason=reason):
                log.warning("broker: %s: %s", what, reason)
            case Received():
                self._receive(happening, ears)
        return True

    def send(self) -> None:
        """Send what waits in the outbox, as much as may be on its way."""
        self._mail.send()

    def show(self, reported: Reported, commands: CommandStates) -> None:
        """Say what this board is, if that has changed."""
        self._presence.show(reported, commands)

    def _receive(self, received: Received, ears: Ears) -> None:
        """Give a message to whom it is for. What nobody understands is done with; what cannot be kept is not."""
        try:
            channel = Channel.parse(received.topic)
            take = self._mail.acknowledge if channel.name == "ack" else ears.channels.get(channel.name)
            if take is not None and channel.direction == "down":
                take(received.payload)
        except InputError as exc:
            log.warning("%s", exc)
        except UnavailableError as exc:
            log.warning("%s: %s", received.topic, exc)
            return
        received.accept()
        if not received.is_retained:
            ears.answered()


def _numbering(outbox: Outbox) -> str:
    with suppress(UnavailableError):
        return outbox.log
    return ""


def _now_s() -> float:
    return monotonic_ns() / 1e9
