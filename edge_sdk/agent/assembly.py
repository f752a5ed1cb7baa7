"""How the parts of an agent are put together; nothing of an update runs before the daemon begins."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edge_sdk.agent import diagnostics
from edge_sdk.agent.checks import Checks, Looking
from edge_sdk.agent.commands import CommandBook
from edge_sdk.agent.config import AgentConfig
from edge_sdk.agent.diagnostics import LogTail
from edge_sdk.agent.diary import Diary
from edge_sdk.agent.fleet_side import FleetSide
from edge_sdk.agent.golden import GoldenRun
from edge_sdk.agent.hands import Hands
from edge_sdk.agent.home import read_home
from edge_sdk.agent.home_assistant_link import HomeAssistantLink
from edge_sdk.agent.life import Life
from edge_sdk.agent.renewal import Renewal
from edge_sdk.agent.reporting import Known, report
from edge_sdk.agent.skills import Board, read_wishes, skills
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.state import State
from edge_sdk.agent.time_floor import TimeFloor
from edge_sdk.agent.update import UpdateState
from edge_sdk.agent.updates import Member, Repository
from edge_sdk.agent.worker.supervisor import Event, Supervisor
from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import UnavailableError
from edge_sdk.outbox import Account, Limit, Outbox
from edge_sdk.profiles import detect_profile, load_profile
from edge_sdk.records import to_data
from edge_sdk.wire.messages import Reported
from edge_sdk.wire.release import Offer

log = logging.getLogger(__name__)

_BOOT = "boot"


@dataclass(frozen=True, slots=True)
class Untrusted:
    """What came from a source of updates does not verify."""

    reason: str


Told = Event | UpdateState | Untrusted


@dataclass(frozen=True, slots=True)
class Outside:
    """What an agent is given by whoever starts it.

    Attributes:
        folder: The device's folder.
        config: What this board does.
        tail: The last lines of the log.
    """

    folder: Path
    config: AgentConfig
    tail: LogTail | None = None


class Parts:
    """The parts of one agent.

    Attributes:
        over: Set when the agent is to end.
        told: What worker, life and checks have to say to the daemon.
        boot: How often the agent has started.
        state: What outlives a power cut.
        time: What time it is at least.
        worker: What runs the model.
        neighbour: What tells Home Assistant; None without one.
        fleet: The side that faces the fleet; None without one.
        renewal: What has the certificate renewed; None without a fleet.
        repository: Where updates come from; None without a fleet.
        life: The update's life.
        checks: What looks for updates; None without a fleet.
        book: The commands.
        outbox: What waits for the fleet.
        diary: Events and metrics.
    """

    def __init__(self, outside: Outside) -> None:
        """Put them together.

        Raises:
            InputError: A certificate, the profile or the identity cannot be read.
            UnavailableError: The disk cannot be read.
        """
        self._outside, config = outside, outside.config
        self.over, self.told = threading.Event(), _Told()
        self.state, self._slots = State(outside.folder / "state.db"), Slots(outside.folder)
        self.boot, self.time = _count_boot(self.state), TimeFloor(self.state)
        limits = {stream: Limit(size_bytes) for stream, size_bytes in config.outbox.streams_bytes.items()}
        self.outbox = Outbox.open(outside.folder / "outbox.db", limits)
        self.diary = Diary(self.outbox, unix_s=self.time.now_unix_s, now_s=now_s, period_s=config.metrics_s)
        if self.outbox.damaged:
            self._note_outbox("the file was damaged and moved aside: what waited in it is lost")
        wishes, begin = read_wishes(self.state), config.begin(outside.folder)
        rate_hz = begin.rate_hz if wishes.rate_hz is None else wishes.rate_hz
        begin = replace(begin, is_paused=wishes.is_paused, rate_hz=rate_hz)
        member = _member(outside)
        neighbour = config.home_assistant
        self.neighbour = HomeAssistantLink(neighbour, member.home.place) if member and neighbour.broker else None
        self.fleet = FleetSide(member, boot=self.boot, outbox=self.outbox, tell=self._note_outbox) if member else None
        self.renewal = Renewal(outside.folder, self.time, self.over) if member else None
        self.repository = self._repository(member) if member else None
        self.worker = Supervisor(begin, tell=self.told.put, patience=config.patience)
        hands = Hands(self.repository or _Nowhere(), GoldenRun(config.profile), self.worker)
        self.life = Life(self.state, self._slots, hands, tell=self.told.put)
        self.checks = self._checks(self.repository) if self.repository else None
        self.book = CommandBook(self.state, skills(self._board()))

    def report(self) -> Reported:
        """Return what this board is."""
        repository = self.repository
        known = Known(
            self.boot,
            trust=lambda: repository.versions if repository else {},
            time_trusted=self.time.is_trusted,
            accounts=self._accounts,
        )
        return report(known, worker=self.worker, life=self.life, slots=self._slots)

    def close(self) -> None:
        """Close them; the worker first, which may still have something to say."""
        self.worker.close()
        for side in (self.neighbour, self.fleet):
            if side is not None:
                side.close()
        self.outbox.close()
        self.state.close()

    def _note_outbox(self, cause: str) -> None:
        self.diary.note("outbox", cause=cause)

    def _accounts(self) -> Mapping[str, Account]:
        try:
            return self.outbox.accounts()
        except UnavailableError:
            return {}

    def _repository(self, member: Member) -> Repository:
        def publish(question: bytes) -> int | None:
            return self.fleet.ask(question) if self.fleet else None

        return Repository(member, self._outside.config.updates, publish, state=self.state, time=self.time)

    def _checks(self, repository: Repository) -> Checks:
        def refuse(reason: str) -> None:
            self.told.put(Untrusted(reason))

        looking = Looking(repository.look, self._give, refuse, self._outside.config.updates.check_s)
        return Checks(looking, self.over)

    def _give(self, offer: Offer) -> None:
        """Take an offer up; not while paused, since a candidate is judged by results."""
        if not self.worker.is_paused:
            self.life.offer(offer)

    def _board(self) -> Board:
        def look() -> None:
            if self.checks is not None:
                self.checks.ask()

        return Board(self.state, self._slots, self.worker, self.life, self.report, self._diagnose, look)

    def _diagnose(self) -> tuple[int, int]:
        """Put diagnostics into the outbox; return how many rows, and their size in bytes."""
        outbox = self.outbox
        tail, update = self._outside.tail, to_data(self.life.state)
        states = {"reported": to_data(self.report()), "update": update, "commands": to_data(self.book.states())}
        sizes = []
        for row in diagnostics.rows([*(tail.lines() if tail else ()), *self.worker.words()], states):
            outbox.put("diagnostics", row)
            sizes.append(len(row))
        outbox.flush()
        return len(sizes), sum(sizes)


class _Told:
    """Things that were told, in their order."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Told] = queue.SimpleQueue()

    def put(self, told: Told) -> None:
        self._waiting.put(told)

    def take(self) -> list[Told]:
        """Return all that was told since the last time."""
        return [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]


class _Nowhere:
    """Where a board without a fleet fetches from."""

    def fetch(self, offer: Offer, into: Path, progress: Callable[[int, int], None]) -> Path:
        raise UnavailableError(f"{offer.release}: expected a fleet to fetch it from, got none")


def _member(outside: Outside) -> Member | None:
    home = read_home(outside.folder)
    if home is None:
        return None
    name = outside.config.profile
    board = load_profile(name) if name else detect_profile().profile
    return Member(home, outside.folder, board.families)


def _count_boot(state: State) -> int:
    """Count this start; where the disk refuses, it is counted in memory at least."""
    document = state.read(_BOOT)
    boot = 1 + (int(document) if document and document.isdigit() else 0)
    try:
        state.write({_BOOT: str(boot).encode()})
    except UnavailableError:
        return boot
    return boot


def now_s() -> float:
    """Return the monotonic clock, in seconds."""
    return monotonic_ns() / 1e9
