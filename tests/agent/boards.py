"""A board for tests of an update's life: real files and state, and a worker that behaves as it is told."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_sdk.agent.golden import Proof
from edge_sdk.agent.hands import Hands
from edge_sdk.agent.kept import Kept
from edge_sdk.agent.life import Life, Pace
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.state import State
from edge_sdk.agent.update import ENDS
from edge_sdk.errors import UnavailableError
from tests.agent.offers import offer


@dataclass(frozen=True)
class Beat:
    results: int = 10
    errors: int = 0
    nan: int = 0
    latency_p50_ms: float = 10.0
    resident_bytes: int = 1000
    model_sha256: str = ""
    stuck_s: float = 0.0


@dataclass(frozen=True)
class Comparison:
    samples: int = 50
    agreement: float = 1.0
    latency_ratio: float = 1.0
    memory_bytes: int = 1000
    model_sha256: str = ""


@dataclass
class Behaviour:
    """How a package behaves: what it raises, and the beats that follow when it takes over."""

    proves: Exception | None = None
    compares: Exception | Comparison = field(default_factory=Comparison)
    switches: Exception | None = None
    beats: tuple[Beat, ...] = (Beat(),) * 12
    model_sha256: str = ""


class Board:
    """A folder with a factory release, and a life that can be started again and again."""

    def __init__(self, folder: Path, **behaviours: Behaviour) -> None:
        self.folder, self.behaviours = folder, behaviours
        self.slots = Slots(folder)
        self.ran, self.stages, self.fetched = [], [], []
        self.life: Life | None = None
        self._thread: threading.Thread | None = None
        source = folder.parent / "factory.edge"
        source.write_bytes(content("factory"))
        self.factory = self.slots.take(source)
        self.slots.install(self.factory, Kept("factory-1"))

    def start(self, **pace: float) -> Life:
        """Begin a life, as a start of the agent does."""
        self.state = State(self.folder / "state.db")
        quick = Pace(**{"first_retry_s": 0.02, "longest_retry_s": 0.1, **pace})
        hands = Hands(self, self._prove, _Worker(self))
        self.life = Life(self.state, self.slots, hands, tell=lambda state: self.stages.append(state.stage), pace=quick)
        self._thread = threading.Thread(target=self.life.run, daemon=True)
        self._thread.start()
        return self.life

    def stop(self) -> None:
        self.life.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()
        self.state.close()

    def live(self, *offers, until=None):
        """Live until all that was offered has come to its end; return the state."""
        life = self.start()
        try:
            for one in offers:
                life.offer(one)
            has_heard = threading.Event()
            life._inbox.put(has_heard.set)
            wait_for(has_heard.is_set)
            wait_for(until or (lambda: life.state.stage in ENDS and life.state.is_settled))
            return life.state
        finally:
            self.stop()

    @property
    def current(self) -> str:
        return self.slots.digest("current")

    def fetch(self, offer, into, progress):
        self.fetched.append(offer.release)
        into.mkdir(parents=True, exist_ok=True)
        name = next(name for name in self.behaviours if digest(name) == offer.package.sha256)
        progress(0, offer.package.size_bytes)
        (into / f"{offer.package.sha256}.edge").write_bytes(content(name))
        progress(offer.package.size_bytes, offer.package.size_bytes)
        return into / f"{offer.package.sha256}.edge"

    def _prove(self, package, limits):
        behaviour = self.behaviour(package)
        if behaviour.proves:
            raise behaviour.proves
        return Proof(package.parent.name, "fp32", 1000, 4)

    def behaviour(self, package):
        assert package.is_file() and not package.is_symlink()
        names = {digest(name): name for name in self.behaviours}
        return self.behaviours.get(names.get(package.parent.name, ""), Behaviour())


class _Worker:
    """Behaves as the board says."""

    def __init__(self, board):
        self._board = board

    def switch(self, package):
        behaviour = self._board.behaviour(package)
        if behaviour.switches:
            raise behaviour.switches
        self._board.ran.append(package.parent.name)
        model = behaviour.model_sha256 or package.parent.name
        for beat in behaviour.beats:
            self._board.life.beat(replace(beat, model_sha256=model))
        return Comparison(model_sha256=model)

    def compare(self, package, *, samples, within_s):
        compares = self._board.behaviour(package).compares
        if isinstance(compares, Exception):
            raise compares
        return compares

    def stop(self):
        self._board.ran.append("")


def content(name):
    """Return the bytes of the package of a name."""
    return name.encode() * 3000


def digest(name):
    return hashlib.sha256(content(name)).hexdigest()


def offer_of(name, *, revision=1, **gates):
    return offer(digest(name), revision=revision, size_bytes=len(content(name)), **gates)


def wait_for(condition, within_s=20.0):
    """Wait until something holds."""
    until_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until_s, "it does not come to hold"
        time.sleep(0.005)


LATER = UnavailableError("network: expected an answer, got none")
