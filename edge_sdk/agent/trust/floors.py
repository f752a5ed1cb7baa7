"""What must never go back, kept where a power cut cannot take it: the essence of the metadata verified last. Pure.

- TUF compares new metadata with the files before them. Where those files are torn, emptied or lost, nothing is left to
  compare with, and signed metadata of last year pass. These few numbers are compared as well, files or no files.
- A floor holds as long as what it was taken from would still be trusted: its signers are enough for the role in the
  root of now. That is TUF's own recovery from a fast-forward attack: who rotates the keys of a role ends its floor
  (specification 5.3.11).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from edge_sdk import records
from edge_sdk.errors import TrustError


class Keyed(Protocol):
    """A role as the root has it."""

    keyids: list[str]
    threshold: int


@dataclass(frozen=True, slots=True)
class TimestampFloor:
    """Of the timestamp verified last.

    Attributes:
        version: Its version.
        snapshot: Version of the snapshot that it named.
        issued_unix_s: When it was signed, by its own word; 0 if it does not say.
        signers: Ids of the keys that signed it.
    """

    version: int
    snapshot: int
    issued_unix_s: int
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SnapshotFloor:
    """Of the snapshot verified last.

    Attributes:
        roles: Version of each role's file that it named.
        signers: Ids of the keys that signed it.
    """

    roles: dict[str, int]
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Floors:
    """All of them.

    Attributes:
        root: Version of the root verified last.
        timestamp: None as long as none was.
        snapshot: None as long as none was.
    """

    root: int = 0
    timestamp: TimestampFloor | None = None
    snapshot: SnapshotFloor | None = None

    def encode(self) -> bytes:
        """Return them as bytes."""
        return json.dumps(records.to_data(self), sort_keys=True).encode()

    @classmethod
    def decode(cls, data: bytes) -> Floors:
        """Read what `encode` wrote."""
        return records.read(cls, json.loads(data), where="floors", unknown="ignore")

    def versions(self) -> dict[str, int]:
        """Return the version of each role, by its name."""
        found = {"root": self.root} if self.root else {}
        if self.timestamp is not None:
            found |= {"timestamp": self.timestamp.version, "snapshot": self.timestamp.snapshot}
        if self.snapshot is not None:
            found |= {file.removesuffix(".json"): version for file, version in sorted(self.snapshot.roles.items())}
        return found


def holds(signers: Iterable[str], role: Keyed) -> bool:
    """Tell whether what these keys signed would still be trusted."""
    return len(set(signers).intersection(role.keyids)) >= role.threshold


def check_timestamp(floor: TimestampFloor | None, role: Keyed, *, version: int, snapshot: int) -> None:
    """Check the versions of a timestamp that is to be trusted.

    Raises:
        TrustError: It goes back.
    """
    if floor is None or not holds(floor.signers, role):
        return
    _check("timestamp.json", floor.version, version)
    _check("snapshot.json", floor.snapshot, snapshot)


def check_snapshot(floor: SnapshotFloor | None, role: Keyed, roles: Mapping[str, int]) -> None:
    """Check the versions that a snapshot names.

    Raises:
        TrustError: One goes back, or is gone.
    """
    if floor is None or not holds(floor.signers, role):
        return
    for file, version in floor.roles.items():
        _check(file, version, roles.get(file, 0))


def check_root(floor: int, version: int) -> None:
    """Check the version of the root at the end of its chain.

    Raises:
        TrustError: It goes back.
    """
    _check("root.json", floor, version)


def _check(file: str, floor: int, version: int) -> None:
    if version < floor:
        raise TrustError(
            f"{file}: expected version {floor} or newer, got {version or 'none'}",
            hint="somebody offers what was valid once: a rollback",
        )
