"""Collects the wheels for a board: from the shelf, from the index, or from a folder of the user's."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edge_sdk import files, records
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.flash.system import BoardSystem
from edge_sdk.flash.wheels.closure import close
from edge_sdk.flash.wheels.folder import WheelFolder
from edge_sdk.flash.wheels.index import PipIndex
from edge_sdk.flash.wheels.own import own_wheel
from edge_sdk.flash.wheels.shelf import FRESH_S, Shelf
from edge_sdk.flash.wheels.wheel import Wheel, read_wheel

_PIP = "pip"
_ROOTS = ("edge-sdk", _PIP)
_NO_GLIBC = (2, 17)
"""What a set without compiled wheels says: older than any system with a Python that is new enough."""


@dataclass(frozen=True, slots=True)
class Wheels:
    """All wheels that a board needs.

    Attributes:
        board: The board.
        wheels: The wheels, by name: edge-sdk's, what it requires, and pip's.
    """

    board: BoardSystem
    wheels: tuple[Wheel, ...]

    @property
    def size_bytes(self) -> int:
        """What they take as they are."""
        return sum(wheel.size_bytes for wheel in self.wheels)

    @property
    def unpacked_bytes(self) -> int:
        """What they take once installed."""
        return sum(wheel.unpacked_bytes for wheel in self.wheels if wheel.name != _PIP)

    @property
    def glibc(self) -> str:
        """The oldest C library with which all of them run."""
        return ".".join(map(str, max([_NO_GLIBC, *(wheel.glibc for wheel in self.wheels)])))

    @property
    def requirements(self) -> str:
        """What pip is to install, with digests; pip itself runs from its wheel and is not in it."""
        return "".join(
            f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n"
            for wheel in self.wheels
            if wheel.name != _PIP
        )


def collect(board: BoardSystem, cache: Path, *, from_folder: Path | None, tell: Callable[[str], None]) -> Wheels:
    """Collect the wheels for a board.

    Args:
        board: Where they are to run.
        cache: A folder for what is collected, shared by all calls; several processes may use it at once.
        from_folder: Where the wheels are taken from instead of the index: then nothing is downloaded.
        tell: Told what goes on, a line each.

    Raises:
        InputError: The board's Python is too old, or there are no such wheels; the message names them.
        UnavailableError: The index cannot be reached and nothing was collected before, there is no pip, or the disk is
            full.
    """
    shelf = Shelf(cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".") as temporary:
            own = shelf.adopt(_own(Path(temporary)))
            _require_python(own, board)
            if from_folder is not None:
                tell(f"taking wheels for {board} from {from_folder}")
                found = close(_ROOTS, own, board, WheelFolder(board, from_folder).fetch, where=str(from_folder))
            else:
                found = _from_index(own, board, shelf, PipIndex(board, Path(temporary), tell), tell)
    except OSError as exc:
        raise files.unwritable(cache, exc) from exc
    shelf.forget_unused(time.time())
    wheels = Wheels(board, found)
    tell(f"{len(found)} wheels for {board}, {wheels.size_bytes / 1e6:.0f} MB")
    return wheels


def _own(folder: Path) -> Wheel:
    name, data = own_wheel()
    files.write_bytes(folder / name, data)
    return read_wheel(folder / name)


def _require_python(own: Wheel, board: BoardSystem) -> None:
    if not own.is_for(board.python):
        raise InputError(
            f"python: expected {own.python} on the board, got {board.python}",
            hint="the board's system is too old: put a newer one on it; --board-python says which Python it has",
        )


def _from_index(
    own: Wheel, board: BoardSystem, shelf: Shelf, index: PipIndex, tell: Callable[[str], None]
) -> tuple[Wheel, ...]:
    key = files.sha256_hex(f"{records.to_json(board)} {own.requires}".encode())
    now_s = time.time()
    kept = shelf.find(key)
    if kept is not None and now_s - kept.made_unix_s < FRESH_S:
        return _with(own, kept.wheels)
    try:
        tell(f"asking the index for wheels for {board}")
        found = close(_ROOTS, own, board, index.fetch, where="the index")
    except UnavailableError as exc:
        if kept is None:
            raise
        tell(f"{exc}: taking those of {datetime.fromtimestamp(kept.made_unix_s, timezone.utc):%Y-%m-%d}")
        return _with(own, kept.wheels)
    others = tuple(shelf.adopt(wheel) for wheel in found if wheel.name != own.name)
    shelf.keep(key, others, int(now_s))
    return _with(own, others)


def _with(own: Wheel, others: tuple[Wheel, ...]) -> tuple[Wheel, ...]:
    return tuple(sorted((own, *others), key=lambda wheel: wheel.name))
