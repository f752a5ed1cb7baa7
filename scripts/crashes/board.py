"""A board whose agent can be killed anywhere: a forked process that lives updates on real files.

State, slots, life and download are the real ones; the package is fetched in blocks from a folder. What runs models
answers at once and runs none, so that a thousand boards can die in minutes; the party `models` has the real one.
"""

from __future__ import annotations

import hashlib
import logging
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

from edge_sdk.agent.fetch.download import download
from edge_sdk.agent.fetch.folder import FolderSource
from edge_sdk.agent.golden import Limits, Proof
from edge_sdk.agent.hands import Hands
from edge_sdk.agent.life import Life, Pace
from edge_sdk.agent.slots import Slots
from edge_sdk.agent.state import State
from edge_sdk.agent.update import ENDS, UpdateState
from edge_sdk.errors import GateError
from edge_sdk.wire.release import Offer
from scripts.crashes.world import World

_TRACED = (f"{os.sep}edge_sdk{os.sep}agent{os.sep}", f"{os.sep}edge_sdk{os.sep}files.py")
ENDED, STUCK = 0, 3


@dataclass(frozen=True, slots=True)
class Fill:
    """When the board's disk becomes full.

    Attributes:
        stage: In which stage.
        left_bytes: How much is left then.
        patience_s: How long the agent lives with that, until it is killed.
    """

    stage: str
    left_bytes: int
    patience_s: float
    NAME: ClassVar[str] = "filler"

    def do(self, board: Path) -> None:
        """Write a file beside the board that takes the rest."""
        disk = os.statvfs(board)
        with (board.parent / self.NAME).open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, disk.f_bavail * disk.f_frsize - self.left_bytes))
        signal.setitimer(signal.ITIMER_REAL, self.patience_s)


@dataclass(frozen=True, slots=True)
class Script:
    """What happens to a board, and what must come of it.

    Attributes:
        offers: What the fleet wants it to have, one after the other.
        is_refuted: Whether the last one fails its golden run.
        is_sick: Whether the last one gives no numbers in its trial.
        is_left: Whether somebody asks to go back once it is confirmed.
        ends_on: Which package must be in use at the end; one of `offers`, or `factory`.
        dies_in: The agent kills itself when this stage has come to the disk; empty for none.
        fills: When its disk becomes full.
        lives_s: How long it lives at most, in seconds.
        offset_s: What its clock is ahead.
    """

    offers: tuple[str, ...]
    is_refuted: bool = False
    is_sick: bool = False
    is_left: bool = False
    ends_on: str = "factory"
    dies_in: str = ""
    fills: Fill | None = None
    lives_s: float = 30.0
    offset_s: float = 0.0


SCRIPTS = {
    "a good release": Script(("good",), ends_on="good"),
    "a newer one comes meanwhile": Script(("good", "better"), ends_on="better"),
    "it fails its golden run": Script(("bad",), is_refuted=True),
    "it gives no numbers in its trial": Script(("bad",), is_sick=True),
    "it is asked to go back": Script(("good",), is_left=True),
}


@dataclass(frozen=True, slots=True)
class _Beat:
    results: int
    nan: int
    model_sha256: str
    errors: int = 0
    latency_p50_ms: float = 5.0
    resident_bytes: int = 1 << 27
    stuck_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a worker says of a package."""

    model_sha256: str
    samples: int = 20
    agreement: float = 1.0
    latency_ratio: float = 1.0
    memory_bytes: int = 1 << 20


class _Agent:
    """One start of the agent: fetcher, golden run and worker of its life."""

    def __init__(self, world: World, folder: Path, script: Script) -> None:
        self._source, self._script, self._folder = FolderSource(world.repository), script, folder
        self._offers = [world.offer(name) for name in script.offers]
        hands = Hands(self, self._prove, self)
        self.life = Life(
            State(folder / "state.db"),
            Slots(folder),
            hands,
            tell=self._told,
            pace=Pace(0.02, 0.1),
            now_s=lambda: time.monotonic() + script.offset_s,
        )

    def live(self) -> None:
        """Live until the last offer has come to its end."""
        for offer in self._offers:
            self.life.offer(offer)
        if self.life.state.stage == "confirmed":
            self._told(self.life.state)
        self.life.run(self._is_over)

    def _is_over(self, state: UpdateState) -> bool:
        ends = {"rolled_back"} if self._script.is_left else {*ENDS, "idle"}  # idle: what is wanted is in use already
        return state.stage in ends and state.is_settled and not state.upcoming and state.offer == self._offers[-1]

    def _told(self, state: UpdateState) -> None:
        is_in_use = state.stage == "confirmed" or (state.stage == "idle" and state.offer == self._offers[-1])
        if state.stage == self._script.dies_in:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._script.fills and state.stage == self._script.fills.stage:
            self._script.fills.do(self._folder)
        if self._script.is_left and is_in_use:
            self.life.leave("asked for")

    def fetch(self, offer: Offer, into: Path, progress: Callable[[int, int], None]) -> Path:
        return download(self._source, offer.package, into, progress=progress)

    def _prove(self, package: Path, limits: Limits) -> Proof:
        if self._script.is_refuted:
            raise GateError("golden run: expected an answer, got killed by SIGSEGV")
        return Proof(package.parent.name, "fp32", 1 << 20, 4)

    def switch(self, package: Path) -> _Seen:
        sha256 = package.parent.name
        is_sick = self._script.is_sick and sha256 == self._offers[-1].package.sha256
        for _ in range(4):
            self.life.beat(_Beat(0 if is_sick else 10, 10 if is_sick else 0, sha256))
        return _Seen(sha256)

    def compare(self, package: Path, *, samples: int, within_s: float) -> _Seen:
        return _Seen(package.parent.name)

    def stop(self) -> None:
        """Nothing runs."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a start of the agent ended.

    Attributes:
        found: Stage that was on the disk when it started; empty if it died before.
        status: What it ended with: 0, 3 for an error, or less than 0 for a signal.
        said: What it complained of.
        lines: How many lines of ours it ran; 0 if they were not counted.
    """

    found: str
    status: int
    said: str
    lines: int = 0


def start(
    world: World, folder: Path, script: Script, *, before: Callable[[], None] = lambda: None, dies_at: int = 0
) -> Start:
    """Start the agent of a board and wait for its end.

    Args:
        world: What it lives in.
        folder: The board.
        script: What happens to it.
        before: What is done to the process before it begins.
        dies_at: It kills itself at this line of ours; 0 for never, less than 0 counts.
    """
    with begun(world, folder, script, before=before, dies_at=dies_at) as (pid, said):
        return _ended(pid, said)


def kill(
    world: World, folder: Path, script: Script, after_s: float, *, before: Callable[[], None] = lambda: None
) -> None:
    """Start the agent of a board, and kill it after a time in seconds."""
    with begun(world, folder, script, before=before) as (pid, _):
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)


@contextmanager
def begun(
    world: World, folder: Path, script: Script, *, before: Callable[[], None] = lambda: None, dies_at: int = 0
) -> Iterator[tuple[int, int]]:
    """Start the agent of a board; yield its process, and where it says what `end` wants to know."""
    ear, mouth = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(ear)
        _be_a_board(world, folder, script, mouth, before, dies_at)
    os.close(mouth)
    try:
        yield pid, ear
    finally:
        os.close(ear)
        with suppress(ChildProcessError):  # its end was seen already
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _ended(pid: int, ear: int) -> Start:
    said = bytearray()
    while chunk := os.read(ear, 1 << 16):
        said += chunk
    _, status = os.waitpid(pid, 0)
    found, _, rest = said.decode(errors="replace").partition("\n")
    lines, _, rest = rest.partition("\n") if status == 0 else ("", "", rest)
    return Start(found, os.waitstatus_to_exitcode(status), rest.strip(), int(lines or 0))


def _be_a_board(
    world: World, folder: Path, script: Script, mouth: int, before: Callable[[], None], dies_at: int
) -> None:
    """Never return."""
    code = STUCK
    logging.disable()  # the laboratory tells what came of it
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, script.lives_s)
        before()
        lines = _Lines(dies_at)
        with lines.counted() if dies_at else nullcontext():
            agent = _Agent(world, folder, script)
            os.write(mouth, f"{agent.life.state.stage}\n".encode())
            agent.live()
        os.write(mouth, f"{lines.seen}\n".encode())
        code = ENDED
    except BaseException:  # noqa: BLE001  whatever it is, the laboratory wants to know
        os.write(mouth, traceback.format_exc().encode())
    finally:
        os._exit(code)


class _Lines:
    """Counts lines of the agent as they are run, and kills the process at one of them."""

    def __init__(self, dies_at: int) -> None:
        self.seen, self._dies_at = 0, dies_at

    @contextmanager
    def counted(self) -> Iterator[None]:
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(None)

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self._line if any(part in frame.f_code.co_filename for part in _TRACED) else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self.seen += 1
            if self.seen == self._dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._line


def limit_files(size_bytes: int) -> None:
    """Let this process write no file larger than so much: what is beyond fails as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


def note_synced(log: Path) -> None:
    """Write down what this process syncs from now on, so that the rest can be lost as in a power cut."""
    sync = os.fsync

    def noted(handle: int) -> None:
        sync(handle)
        path = Path(f"/proc/self/fd/{handle}").resolve()
        if path.is_file():
            with log.open("a") as file:
                file.write(f"{path.stat().st_ino} {hashlib.sha256(path.read_bytes()).hexdigest()}\n")

    os.fsync = noted
