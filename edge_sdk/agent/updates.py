"""Where this board's updates come from: a folder that may be there, the fleet's server, the broker. None is trusted.

- The folder is asked by itself: a stick with old metadata must not stand in the way of a network that has newer ones.
- Packages are fetched from wherever they are, the nearest first; each block is checked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_sdk.agent.config import Updates
from edge_sdk.agent.exchange import BlockExchange, hand_out
from edge_sdk.agent.fetch import FirstOf, FolderSource, HttpSource, MqttSource, Source, Tls
from edge_sdk.agent.state import State
from edge_sdk.agent.time_floor import TimeFloor
from edge_sdk.agent.trust import Shelf, Trust
from edge_sdk.errors import EdgeError
from edge_sdk.profiles import Family
from edge_sdk.wire.enrolment import Home
from edge_sdk.wire.release import Offer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Member:
    """Who this board is, and what it needs to be believed.

    Attributes:
        home: Where it belongs.
        folder: The device's folder.
        families: Variants that it runs, the best first.
    """

    home: Home
    folder: Path
    families: tuple[Family, ...]

    @property
    def tls(self) -> Tls:
        """Whom it believes, and who it is."""
        identity = self.folder / "identity"
        return Tls(identity / "ca.pem", identity / "certificate.pem", identity / "key.pem")


class Repository:
    """The fleet's repository, wherever it is reached; for one thread that looks and one that fetches."""

    def __init__(
        self,
        member: Member,
        updates: Updates,
        publish: Callable[[bytes], int | None],
        *,
        state: State,
        time: TimeFloor,
    ) -> None:
        """Name the sources; none is asked yet.

        Args:
            member: Who asks.
            updates: Where updates come from.
            publish: Publishes a question for blocks, on `up/get`; returns None where there is no connection.
            state: Where the floors are kept.
            time: What time it is at least.

        Raises:
            InputError: There is none, or a certificate cannot be read.
            UnavailableError: The disk cannot be written.
        """
        self._member, self._time = member, time
        self._shelf = Shelf(member.folder / "trust", state)
        self._shelf.begin(member.home.root.encode())
        self._exchanges = [BlockExchange(publish) for _ in range(2)]
        looking, fetching = (_network(member, updates, exchange) for exchange in self._exchanges)
        near: list[Source] = [FolderSource(Path(updates.folder))] if updates.folder else []
        self._near = [self._trust(source) for source in near]
        self._far = [self._trust(FirstOf(looking))] if looking else []
        self._any = self._trust(FirstOf([*near, *fetching]))

    @property
    def versions(self) -> dict[str, int]:
        """Version of each role that was verified last."""
        return self._any.versions

    def look(self) -> Offer | None:
        """Return what this board is offered; None if nothing is assigned to it.

        Raises:
            InputError: The release has no variant for the board.
            TrustError: Something does not verify.
            UnavailableError: No source is there.
        """
        found: Offer | None = None
        for trust in self._near:
            try:
                found = self._offer(trust)
            except EdgeError as exc:
                log.info("%s", exc)
        for trust in self._far:
            try:
                return self._offer(trust)
            except EdgeError:
                if found is None:
                    raise
        return found

    def fetch(self, offer: Offer, into: Path, progress: Callable[[int, int], None]) -> Path:
        """Fetch what was offered; see `edge_sdk.agent.life.Fetcher`."""
        return self._any.fetch(offer, into, progress)

    def take_block(self, payload: bytes) -> None:
        """Take what came on `down/block`."""
        hand_out(payload, self._exchanges)

    def _trust(self, source: Source) -> Trust:
        return Trust(self._shelf, source, self._time)

    def _offer(self, trust: Trust) -> Offer | None:
        home = self._member.home
        return trust.offer(home.device, groups=home.groups, families=self._member.families)


def _network(member: Member, updates: Updates, exchange: BlockExchange) -> list[Source]:
    """Return the sources that are asked, in their order; each is used by one thread."""
    made: dict[str, Callable[[], Source]] = {
        "server": lambda: HttpSource(f"{member.home.server}/repository", tls=member.tls),
        "broker": lambda: MqttSource(exchange),
    }
    return [made[way]() for way in updates.by]
