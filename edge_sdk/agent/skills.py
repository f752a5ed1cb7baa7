"""The commands that this board can do: status, pause, resume, rate, rollback, collect."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from edge_sdk.agent.commands import Skill
from edge_sdk.agent.life import Life
from edge_sdk.agent.slots import NAMES, Slots
from edge_sdk.agent.state import State
from edge_sdk.agent.worker.supervisor import Supervisor
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.wire import decode, encode
from edge_sdk.wire.messages import Reported

WISHES = "wishes"
"""The document of what was asked for."""
_ROLLBACK_S = 120.0
_POLL_S = 0.1
_MAX_HZ = 1000.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for and holds until something else is asked, also over restarts.

    Attributes:
        is_paused: Whether samples are let pass by.
        rate_hz: At most so many samples a second of each source, 0 for all; None is what the settings say.
    """

    is_paused: bool = False
    rate_hz: float | None = None


def read_wishes(state: State) -> Wishes:
    """Return what holds; what cannot be read does not."""
    document = state.read(WISHES)
    try:
        return Wishes() if document is None else decode(Wishes, document, where=WISHES)
    except InputError:
        return Wishes()


@dataclass(frozen=True, slots=True)
class Board:
    """What commands are done with.

    Attributes:
        state: What outlives a restart.
        slots: The releases.
        worker: What runs the model.
        life: The updates.
        report: Returns what is reported.
        diagnose: Sends the diagnostics; returns how many rows and bytes.
        look: Has somebody look for updates, which were left alone during a pause.
    """

    state: State
    slots: Slots
    worker: Supervisor
    life: Life
    report: Callable[[], Reported]
    diagnose: Callable[[], tuple[int, int]]
    look: Callable[[], None]


def skills(board: Board) -> Mapping[str, Skill]:
    """Return what a board can do, by name."""
    return {
        "status": Skill(lambda _: _status(board)),
        "pause": Skill(lambda _: _pause(board)),
        "resume": Skill(lambda _: _resume(board)),
        "rate": Skill(lambda arguments: _rate(board, arguments), arguments=("hz",)),
        "rollback": Skill(lambda _: _roll_back(board), is_repeatable=False),
        "collect": Skill(lambda _: _collect(board)),
    }


def _status(board: Board) -> Mapping[str, str]:
    return dict(_facts(board.report()))


def _facts(reported: Reported) -> Iterator[tuple[str, str]]:
    yield "release", reported.release
    yield "model", reported.model_sha256
    yield "worker", reported.worker
    yield "update", reported.update.state
    yield "waiting", " ".join(f"{stream}={count}" for stream, count in reported.waiting.items())
    yield "boot", str(reported.boot)


def _pause(board: Board) -> Mapping[str, str]:
    stage = board.life.state.stage
    if stage in {"shadow", "trial"}:
        raise UnavailableError(f"pause: expected no update that needs results, got one in its {stage}")
    _wish(board, replace(read_wishes(board.state), is_paused=True))
    board.worker.pause()
    return {}


def _resume(board: Board) -> Mapping[str, str]:
    _wish(board, replace(read_wishes(board.state), is_paused=False))
    board.worker.resume()
    board.look()
    return {}


def _rate(board: Board, arguments: Mapping[str, str]) -> Mapping[str, str]:
    text = arguments.get("hz", "")
    try:
        rate_hz = float(text)
    except ValueError:
        rate_hz = -1.0
    if not 0 <= rate_hz <= _MAX_HZ:  # NaN is not
        raise InputError(f"hz: expected 0 to {_MAX_HZ:.0f} samples a second, got {text[:40]!r}")
    _wish(board, replace(read_wishes(board.state), rate_hz=rate_hz))
    board.worker.limit_rate(rate_hz)
    return {"hz": f"{rate_hz:g}"}


def _wish(board: Board, wishes: Wishes) -> None:
    board.state.write({WISHES: encode(wishes)})


def _roll_back(board: Board) -> Mapping[str, str]:
    """Go back to the model before, and wait until that is done."""
    leaving = board.life.in_use
    if not leaving or not any(board.slots.digest(name) not in {"", leaving} for name in NAMES):
        raise InputError("rollback: expected another release on this board, got none")
    board.life.leave("asked for by a command")
    until_s = time.monotonic() + _ROLLBACK_S
    while time.monotonic() < until_s:
        state = board.life.state
        if state.stage == "rolled_back" and state.is_settled and board.life.in_use != leaving:
            return {"from": leaving, "to": board.life.in_use, "release": board.slots.kept(board.life.in_use).release}
        time.sleep(_POLL_S)
    raise UnavailableError(f"rollback: expected to be back within {_ROLLBACK_S:.0f} s, got {board.life.state.stage}")


def _collect(board: Board) -> Mapping[str, str]:
    count, size_bytes = board.diagnose()
    return {"rows": str(count), "bytes": str(size_bytes)}
