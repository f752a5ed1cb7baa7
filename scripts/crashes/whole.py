"""kill -9 of an agent with its real worker and golden run: none of these may outlive it, and the next start goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from scripts.crashes.fault import Fault, Laboratory

_MARK = "CRASHLAB_BOARD"
_FAREWELL_S = 20.0
"""A worker that is in a sample when its agent dies ends by itself within 15 s, if the kernel does not end it."""
_LIMIT_S = 300.0
_KIND = "kill -9 of an agent with its real worker"


def whole_agents(lab: Laboratory, count: int) -> Iterator[Fault]:
    """Kill the agent at random moments from its start to the end of an update."""
    start_s = time.monotonic()
    whole = _outlive(lab, lab.world.board("whole"))
    life_s = time.monotonic() - start_s
    if whole.trouble:
        yield whole
    for _ in range(count):
        board = lab.world.board("whole")
        with subprocess.Popen(_command(lab, board), env=_environment(board), stderr=subprocess.DEVNULL) as agent:
            time.sleep(lab.chance.uniform(0, life_s))
            agent.kill()
        yield _left_behind(board) or _outlive(lab, board)


def _outlive(lab: Laboratory, board: Path) -> Fault:
    try:
        ended = subprocess.run(
            _command(lab, board), env=_environment(board), capture_output=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Fault(_KIND, "any", "it comes to no end")
    if ended.returncode:
        return Fault(_KIND, "any", f"it ended with {ended.returncode}: {ended.stderr.decode()[-400:]}")
    got = lab.checker.runs(board)
    return Fault(_KIND, "any", "" if got == lab.digest("good") else f"expected good, got {got}")


def _left_behind(board: Path) -> Fault | None:
    """Return that processes of a board are left, if they are."""
    until_s = time.monotonic() + _FAREWELL_S
    while left := _processes(board):
        if time.monotonic() > until_s:
            return Fault(_KIND, "any", f"processes outlived their agent: {left}")
        time.sleep(0.1)
    return None


def _processes(board: Path) -> list[int]:
    wanted, found = f"{_MARK}={board}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_dead = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not is_dead and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def _command(lab: Laboratory, board: Path) -> list[str | Path]:
    clip = lab.world.folder / "red.mp4"
    return [sys.executable, "-m", "scripts.crashes.agent", lab.world.folder, board, clip]


def _environment(board: Path) -> dict[str, str]:
    return {**os.environ, _MARK: str(board)}
