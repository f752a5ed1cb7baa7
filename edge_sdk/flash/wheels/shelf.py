"""Wheels that were collected before: one download serves many boards, and a laptop that is offline can still flash.

- A wheel lies under its digest and is compared with it before it is used; several processes may share the folder.
- A set that was collected within a day is taken without asking the index. An older one serves when there is no index.
- What has not been used for a month goes. The folder may be deleted at any time.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge_sdk import files, records
from edge_sdk.errors import InputError, TrustError
from edge_sdk.flash.wheels.wheel import Wheel, read_wheel

FRESH_S = 24 * 3600
_UNUSED_S = 30 * 24 * 3600
_MAX_SET_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Kept:
    """A wheel of a set.

    Attributes:
        name: Its file name.
        sha256: Its digest.
    """

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class KeptSet:
    """A set of wheels, as it is written down.

    Attributes:
        made_unix_s: When the index was asked.
        wheels: The wheels.
    """

    made_unix_s: int
    wheels: tuple[Kept, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A set of wheels that is whole.

    Attributes:
        made_unix_s: When the index was asked.
        wheels: The wheels, compared with their digests.
    """

    made_unix_s: int
    wheels: tuple[Wheel, ...]


class Shelf:
    """A folder with wheels and sets of them.

    Args:
        folder: Where it is, or is to be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def adopt(self, wheel: Wheel) -> Wheel:
        """Move a wheel that lies on the same file system to its place, and return it as it is there.

        Raises:
            UnavailableError: The folder cannot be written.
        """
        place = self._place(wheel.path.name, wheel.sha256)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise files.unwritable(place, exc) from exc
        files.move(wheel.path, place)
        return replace(wheel, path=place)

    def keep(self, key: str, wheels: Iterable[Wheel], now_s: int) -> None:
        """Write down which wheels are the set `key`.

        Raises:
            UnavailableError: The folder cannot be written.
        """
        found = KeptSet(now_s, tuple(Kept(wheel.path.name, wheel.sha256) for wheel in wheels))
        files.write_bytes(self._set(key), records.to_json(found).encode())

    def find(self, key: str) -> Found | None:
        """Return the set `key`; None if it is not whole, or was never there."""
        path = self._set(key)
        try:
            document = json.loads(files.read_bytes(path, max_bytes=_MAX_SET_BYTES))
            found = records.read(KeptSet, document, where=str(path))
            return Found(found.made_unix_s, tuple(map(self._read, found.wheels)))
        except (InputError, TrustError, ValueError):
            return None

    def forget_unused(self, now_s: float) -> None:
        """Remove what nobody has used for a month, and what was left by calls that were killed."""
        for path in (*self._folder.glob("wheels/*"), *self._folder.glob("sets/*"), *self._folder.glob(".*")):
            with suppress(OSError):  # another process was quicker
                if path.stat().st_mtime < now_s - _UNUSED_S:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _read(self, kept: Kept) -> Wheel:
        path = self._place(kept.name, kept.sha256)
        wheel = read_wheel(path, expected_sha256=kept.sha256)
        with suppress(OSError):
            os.utime(path.parent)
        return wheel

    def _place(self, name: str, sha256: str) -> Path:
        return self._folder / "wheels" / sha256 / name

    def _set(self, key: str) -> Path:
        return self._folder / "sets" / f"{key}.json"
