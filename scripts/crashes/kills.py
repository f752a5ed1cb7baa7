"""kill -9 of the agent anywhere in an update: at lines of ours, at random moments, several times, as a power cut."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.crashes.board import SCRIPTS, Script, kill, note_synced, start
from scripts.crashes.fault import DIED, Fault, Laboratory

_ROW = 4
_TRIES = 3


def at_lines(lab: Laboratory, count: int) -> Iterator[Fault]:
    """Kill the agent at lines of our code, evenly from the first to the last; each script has its share."""
    for name, script in SCRIPTS.items():
        lines = start(lab.world, lab.world.board("whole"), script, dies_at=-1).lines
        share = -(-count // len(SCRIPTS))
        for number in range(share):
            yield _at_line(lab, name, script, 1 + number * lines // share)


def _at_line(lab: Laboratory, name: str, script: Script, line: int) -> Fault:
    for _ in range(_TRIES):
        board = lab.world.board("line")
        if start(lab.world, board, script, dies_at=line).status == DIED:
            return lab.outlive(board, script, f"kill -9 at a line: {name}")
        line -= 1
    return Fault(f"kill -9 at a line: {name}", "", "the laboratory did not reach the line")


def at_moments(lab: Laboratory, count: int) -> Iterator[Fault]:
    """Kill the agent at random moments: within a call of the system, or of SQLite."""
    for name, script in itertools.islice(itertools.cycle(SCRIPTS.items()), count):
        board = lab.world.board("moment")
        _kill_at_random(lab, board, script)
        yield lab.outlive(board, script, f"kill -9 at a moment: {name}")


def in_a_row(lab: Laboratory, count: int) -> Iterator[Fault]:
    """Kill the agent, and again each time it has started; a release that it was killed in too often may be given up."""
    kind, allowed = f"kill -9 {_ROW} times in a row", {lab.digest("good"), lab.world.factory}
    for _ in range(-(-count // _ROW)):
        board = lab.world.board("row")
        for _ in range(_ROW):
            _kill_at_random(lab, board, SCRIPTS["a good release"])
            yield Fault(kind, "any")
        last = lab.outlive(board, SCRIPTS["a good release"], kind)
        if last.trouble and lab.checker.runs(board) not in allowed:
            yield last


def as_power_cuts(lab: Laboratory, count: int) -> Iterator[Fault]:
    """Kill the agent at random moments, and make zeros of what it had written and not synced; SQLite's own apart."""
    log = lab.world.folder / "synced.log"
    for name, script in itertools.islice(itertools.cycle(SCRIPTS.items()), count):
        board = lab.world.board("cut")
        log.write_text("")
        _kill_at_random(lab, board, script, noting=log)
        _lose_unsynced(board, log, lab.world.fresh)
        yield lab.outlive(board, script, f"power cut: {name}")


def _kill_at_random(lab: Laboratory, board: Path, script: Script, *, noting: Path | None = None) -> None:
    before = (lambda: note_synced(noting)) if noting else (lambda: None)
    kill(lab.world, board, script, lab.chance.uniform(0, _life_s(lab, script)), before=before)


_LIFE_S: dict[Script, float] = {}


def _life_s(lab: Laboratory, script: Script) -> float:
    """Return how long a life takes here, measured once."""
    if script not in _LIFE_S:
        start_s = time.monotonic()
        start(lab.world, lab.world.board("whole"), script)
        _LIFE_S[script] = time.monotonic() - start_s
    return _LIFE_S[script]


def _lose_unsynced(board: Path, log: Path, fresh: Path) -> None:
    synced = {tuple(line.split()) for line in log.read_text().splitlines()}
    for path in sorted(board.rglob("*")):
        is_from_before = (fresh / path.relative_to(board)).exists()
        if path.is_symlink() or not path.is_file() or path.name.startswith("state.db") or is_from_before:
            continue
        if (str(path.stat().st_ino), hashlib.sha256(path.read_bytes()).hexdigest()) not in synced:
            path.write_bytes(bytes(path.stat().st_size))
