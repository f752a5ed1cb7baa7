"""Claims that were refused, by the device that they named: what an operator looks at when a board does not come.

- Anybody who reaches the server may name any device, so what is kept is bounded: the last of each device, of the latest
  few hundred, in one file that is written so often at most.
- A name is kept whether there is such a device or not: neither the answer nor the time that it takes tells who exists.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import files
from edge_sdk.errors import InputError
from edge_sdk.fleet.rate import Buckets, Rate
from edge_sdk.wire import decode, encode

_MOST = 256
_OFTEN = Rate(per_minute=60, burst=60, max_addresses=1)
_MAX_BYTES = 1 << 19
_MAX_LETTERS = 200


@dataclass(frozen=True, slots=True)
class Refusal:
    """The last refusal in the name of a device.

    Attributes:
        reason: Why.
        unix_s: When.
    """

    reason: str
    unix_s: int


@dataclass(frozen=True, slots=True)
class _Kept:
    devices: dict[str, Refusal]


class Refusals:
    """The refusals in a file; whoever writes holds the lock of the enrolment."""

    def __init__(self, path: Path, *, most: int = _MOST, often: Rate = _OFTEN) -> None:
        """Name the file; it is made when something is refused.

        Args:
            path: The file.
            most: So many devices are kept.
            often: So often it is written.
        """
        self._path, self._most, self._often = path, most, Buckets(often)

    def note(self, device: str, reason: str, *, now_s: int) -> None:
        """Keep that a claim in the name of a device was refused; nothing while too many are.

        Raises:
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        if not self._often.take("", now_s=time.monotonic()):
            return
        others = {name: kept for name, kept in self.all().items() if name != device}
        latest = dict(list(others.items())[-(self._most - 1) :])
        self._write({**latest, device: Refusal(reason[:_MAX_LETTERS], now_s)})

    def forget(self, device: str) -> None:
        """Keep nothing more of a device.

        Raises:
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        kept = self.all()
        if kept.pop(device, None) is not None:
            self._write(kept)

    def all(self) -> dict[str, Refusal]:
        """Return what is kept, the latest last; nothing where the file cannot be read."""
        if not self._path.exists():
            return {}
        try:
            return decode(_Kept, files.read_bytes(self._path, max_bytes=_MAX_BYTES), where=str(self._path)).devices
        except InputError:
            return {}

    def _write(self, devices: dict[str, Refusal]) -> None:
        files.write_bytes(self._path, encode(_Kept(devices)), is_private=True)
