"""Wheels from the package index, by pip: its settings, proxies, certificates and mirrors are those of the user."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from edge_sdk.errors import EdgeError, InputError, UnavailableError
from edge_sdk.flash.system import BoardSystem
from edge_sdk.flash.wheels.target import platforms
from edge_sdk.flash.wheels.wheel import Wheel, read_wheel

_KEPT_LINES = 200
_OFFLINE = re.compile(
    r"connection (broken|error|aborted|refused|reset)|establish a new connection|timed? ?out|name resolution"
    r"|unreachable|SSLError|ProxyError|ConnectionError",
    re.IGNORECASE,
)
_TOLD = re.compile(r"\s*(Downloading \S+\.whl .*)")
_CONFLICT = re.compile(r"Cannot install (.+) because these package versions have conflicting dependencies")
_NOT_THERE = re.compile(r"No matching distribution found for (.+)")


class PipIndex:
    """Downloads wheels for a board with the pip of this Python.

    Args:
        board: Where they are to run.
        folder: An empty folder for what is downloaded.
        tell: Told of each download, a line.
    """

    def __init__(self, board: BoardSystem, folder: Path, tell: Callable[[str], None]) -> None:
        self._board = board
        self._folder = folder
        self._tell = tell
        self._rounds = 0

    def fetch(self, requirements: Sequence[str]) -> Mapping[str, Wheel]:
        """Download what these requirements need, as far as pip sees it from this machine.

        Raises:
            InputError: The index has no wheel for the board.
            UnavailableError: There is no pip, or the index cannot be reached.
        """
        self._rounds += 1
        folder = self._folder / str(self._rounds)
        self._download(requirements, folder)
        wheels = [read_wheel(path) for path in sorted(folder.glob("*.whl"))]
        return {wheel.name: wheel for wheel in wheels}

    def _download(self, requirements: Sequence[str], folder: Path) -> None:
        if find_spec("pip") is None:
            raise UnavailableError(
                f"wheels: expected pip in {sys.prefix}, got none",
                hint="python -m ensurepip, or uv pip install pip; a folder with all wheels (--wheels) needs none",
            )
        last: deque[str] = deque(maxlen=_KEPT_LINES)
        command = [sys.executable, "-m", "pip", *self._arguments(folder), *requirements]
        with subprocess.Popen(  # noqa: S603  this very Python
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as pip:
            for line in pip.stdout or ():
                last.append(line.rstrip())
                if match := _TOLD.match(line):
                    self._tell(match[1])
        if pip.returncode != 0:
            raise _why(last, self._board)

    def _arguments(self, folder: Path) -> list[str]:
        named = [word for name in platforms(self._board) for word in ("--platform", name)]
        return [
            *("download", "--dest", str(folder), "--only-binary=:all:", "--progress-bar=off", "--no-input"),
            *("--disable-pip-version-check", "--implementation=cp", f"--python-version={self._board.python}", *named),
        ]


def _why(lines: Sequence[str], board: BoardSystem) -> EdgeError:
    text = "\n".join(lines)
    if _OFFLINE.search(text):
        return UnavailableError(
            "wheels: expected a package index, got no connection to it",
            hint="connect this machine, or collect the wheels elsewhere and give the folder by --wheels",
        )
    if match := _NOT_THERE.search(text):
        return InputError(
            f"wheels: expected {match[1]} for {board}, got no such wheel in the index",
            hint="is its Python too old or too new? --board-python says which one it has",
        )
    if match := _CONFLICT.search(text):
        return InputError(f"wheels: expected versions that go together for {board}, got a conflict of {match[1]}")
    told = [line for line in lines if line.startswith("ERROR: ")] or list(lines) or ["nothing"]
    return UnavailableError(f"wheels: expected pip to download them, got {told[-1].removeprefix('ERROR: ')[:300]}")
