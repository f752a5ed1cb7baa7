"""What makes a flashed board a member of a fleet: a claim, made here or elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import files
from edge_sdk.errors import InputError

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Membership:
    """Which fleet a board is to belong to.

    Attributes:
        place: The fleet's folder, where a claim is made, or a claim that was made.
        groups: The groups that it is to be in, where the claim is made here.
        hours: How long the claim is taken, where it is made here.
    """

    place: Path
    groups: tuple[str, ...] = ()
    hours: float = 24.0

    @property
    def is_folder(self) -> bool:
        """Whether the fleet's folder is here, so that the board can be watched."""
        return self.place.is_dir()

    def check(self, device: str) -> str:
        """Check, before anything is made, that there will be a claim; return the fleet's name.

        Raises:
            InputError: There is no such fleet, the claim is none, is of another device, or has ended.
        """
        from edge_sdk.fleet.folder import Fleet

        if self.is_folder:
            return Fleet(self.place).home(device, self.groups).fleet
        return _read(self.place, device)[1]

    def claim(self, device: str) -> bytes:
        """Return the claim; one that is made here takes the place of an older one.

        Raises:
            InputError: As for `check`.
            UnavailableError: The fleet's folder cannot be written.
        """
        from edge_sdk.fleet.folder import Fleet
        from edge_sdk.wire import encode

        if not self.is_folder:
            return _read(self.place, device)[0]
        fleet = Fleet(self.place)
        home = fleet.home(device, self.groups)
        return encode(fleet.enrolment().claim(home, now_s=int(time.time()), hours=self.hours))


def _read(path: Path, device: str) -> tuple[bytes, str]:
    from edge_sdk.wire import decode
    from edge_sdk.wire.enrolment import Claim

    if not path.exists():
        hint = "edge-sdk fleet init makes a fleet, edge-sdk fleet enroll a claim; --standalone needs neither"
        raise InputError(f"{path}: expected a fleet's folder or a claim, got nothing there", hint=hint)
    data = files.read_bytes(path, max_bytes=_MAX_BYTES)
    claim = decode(Claim, data, where=str(path))
    if claim.home.device != device:
        raise InputError(f"{path}: expected a claim for {device}, got one for {claim.home.device}")
    if claim.expires_unix_s <= time.time():
        raise InputError(f"{path}: expected a claim that still holds, got one that has ended")
    return data, claim.home.fleet
