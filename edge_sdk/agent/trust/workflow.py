"""TUF's client workflow (specification 5.3 to 5.7): python-tuf decides what verifies, the floors what goes back.

- Bytes come from two places, the shelf and a source; neither is trusted. What verifies is kept at once.
- The time is given. It is moved up, never down, by the word of a verified timestamp.
- Every length, number of roots and number of delegations is bounded, as in python-tuf's own configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from tuf.api.exceptions import EqualVersionNumberError, RepositoryError
from tuf.api.metadata import Metadata, Snapshot, TargetFile, Targets, Timestamp
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType

from edge_sdk.agent.trust import floors as rules
from edge_sdk.agent.trust.border import Clock
from edge_sdk.agent.trust.floors import Floors, SnapshotFloor, TimestampFloor
from edge_sdk.agent.trust.keeping import Fetch, Keeper
from edge_sdk.errors import TrustError, UnavailableError

ISSUED = "issued_unix_s"
"""The field of a timestamp of ours that says when it was signed."""
_MAX_ROTATIONS = 256
_MAX_DELEGATIONS = 32
_MAX_ROOT_BYTES = 512_000
_MAX_TIMESTAMP_BYTES = 16_384
_MAX_SNAPSHOT_BYTES = 2_000_000
_MAX_TARGETS_BYTES = 5_000_000
_MAX_UNIX_S = 1 << 37


class Workflow:
    """One refresh, and the look-ups after it; for one use.

    Attributes:
        floors: As they are now.
    """

    def __init__(self, keeper: Keeper, fetch: Fetch, floors: Floors, clock: Clock) -> None:
        """Load the newest root that was kept.

        Raises:
            TrustError: There is none that verifies itself.
        """
        self._keeper, self._fetch, self.floors = keeper, fetch, floors
        self._clock = clock
        self._set, self._root, self._is_root_torn = self._begin()

    def refresh(self) -> None:
        """Bring root, timestamp, snapshot and targets up to date.

        Raises:
            TrustError: Something does not verify, has expired, or goes back.
            UnavailableError: The source is not there, or lacks a file that it must have.
        """
        try:
            self._refresh_root()
            self._refresh_timestamp()
            self._refresh_snapshot()
            self._targets("targets", "root")
        except RepositoryError as exc:
            raise TrustError(f"metadata: expected what verifies, got {exc}") from exc

    def find(self, name: str) -> tuple[str, TargetFile] | None:
        """Return the role that answers for a target, and what it says of it; None if no role does.

        Raises:
            TrustError: A role on the way does not verify, or has expired.
            UnavailableError: The source is not there, or lacks a file that it must have.
        """
        try:
            return self._walk(name)
        except RepositoryError as exc:
            raise TrustError(f"{name}: expected metadata that verify, got {exc}") from exc

    def read(self, name: str, target: TargetFile, *, max_bytes: int) -> bytes:
        """Fetch a small target, and return its bytes, verified.

        Raises:
            TrustError: It is larger than `max_bytes`, or not what was signed.
            UnavailableError: The source is not there, or has no such file.
        """
        if target.length > max_bytes:
            raise TrustError(f"{name}: expected at most {max_bytes} bytes, got {target.length}")
        data = self._need(self.place(name, target), target.length)
        try:
            target.verify_length_and_hashes(data)
        except RepositoryError as exc:
            raise TrustError(f"{name}: expected what was signed, got {exc}") from exc
        return data

    def place(self, name: str, target: TargetFile) -> str:
        """Return the file of the repository that holds a target."""
        folder, _, last = name.rpartition("/")
        if self._set.root.consistent_snapshot:
            last = f"{next(iter(target.hashes.values()))}.{last}"
        return "/".join(part for part in ("targets", folder, last) if part)

    def _begin(self) -> tuple[TrustedMetadataSet, bytes, bool]:
        """Return what the newest good root begins, its bytes, and whether a newer one is damaged."""
        number = 0
        while (data := self._keeper.root(number)) is not None:
            try:
                return TrustedMetadataSet(data, EnvelopeType.METADATA), data, number > 0
            except RepositoryError:
                number += 1
        raise TrustError("root.json: expected a root that verifies itself, got none", hint="enrol the device again")

    def _refresh_root(self) -> None:
        began = self._set.root.version
        for version in range(began + 1, began + 1 + _MAX_ROTATIONS):
            data = self._fetch(f"metadata/{version}.root.json", _MAX_ROOT_BYTES)
            if data is None:
                break
            self._set.update_root(data)
            self._root = data
            self._keep("root", data, replace(self.floors, root=max(version, self.floors.root)))
        rules.check_root(self.floors.root, self._set.root.version)
        if self._is_root_torn or self.floors.root < self._set.root.version:
            self._keep("root", self._root, replace(self.floors, root=self._set.root.version))
        self._set.reference_time = _moment(self._now(is_new_root=self._set.root.version > began))

    def _now(self, *, is_new_root: bool) -> float:
        floor, issued = self.floors.timestamp, 0
        if floor is not None and rules.holds(floor.signers, self._set.root.roles["timestamp"]):
            issued = floor.issued_unix_s
        return max(self._clock.now_unix_s, issued, 0.0 if is_new_root else self._clock.floor_unix_s)

    def _refresh_timestamp(self) -> None:
        kept = self._try_kept("timestamp", self._set.update_timestamp)
        data = self._need("metadata/timestamp.json", _MAX_TIMESTAMP_BYTES)
        try:
            self._set.update_timestamp(data)
        except EqualVersionNumberError:
            data = self._keeper.load("timestamp") or data
        new, role = self._set.timestamp, self._set.root.roles["timestamp"]
        rules.check_timestamp(self.floors.timestamp, role, version=new.version, snapshot=new.snapshot_meta.version)
        floor = TimestampFloor(new.version, new.snapshot_meta.version, _issued(new), self._signers(Timestamp, data))
        if data != kept or floor != self.floors.timestamp:
            self._keep("timestamp", data, replace(self.floors, timestamp=floor))
        self._set.reference_time = max(self._set.reference_time, _moment(floor.issued_unix_s))

    def _refresh_snapshot(self) -> None:
        data = kept = self._try_kept("snapshot", lambda kept: self._set.update_snapshot(kept, trusted=True))
        if data is None:
            meta = self._set.timestamp.snapshot_meta
            data = self._need(self._file("snapshot", meta.version), meta.length or _MAX_SNAPSHOT_BYTES)
            self._set.update_snapshot(data)
        roles = {file: meta.version for file, meta in self._set.snapshot.meta.items()}
        rules.check_snapshot(self.floors.snapshot, self._set.root.roles["snapshot"], roles)
        floor = SnapshotFloor(roles, self._signers(Snapshot, data))
        if data != kept or floor != self.floors.snapshot:
            self._keep("snapshot", data, replace(self.floors, snapshot=floor))

    def _targets(self, role: str, delegator: str) -> Targets:
        """Return a role's targets: as they were kept if those are still the ones, else from the source."""
        if not self._set.contains(role, delegator) and not self._try_kept(
            role, lambda kept: self._set.update_delegated_targets(kept, role, delegator)
        ):
            meta = self._set.snapshot.meta.get(f"{role}.json")
            if meta is None:
                raise TrustError(f"{role}: expected it in the snapshot, got nothing")
            data = self._need(self._file(role, meta.version), meta.length or _MAX_TARGETS_BYTES)
            self._set.update_delegated_targets(data, role, delegator)
            self._keep(role, data, self.floors)
        found = self._set[role]
        if not isinstance(found, Targets):
            raise TrustError(f"{role}: expected targets, got {found.type}")
        return found

    def _walk(self, name: str) -> tuple[str, TargetFile] | None:
        """Look for a target from role to role, in the order of the delegations, the most trusted first (5.6.7)."""
        ahead, seen = [("targets", "root")], set[str]()
        while ahead and len(seen) <= _MAX_DELEGATIONS:
            role, delegator = ahead.pop()
            if role in seen:
                continue
            targets = self._targets(role, delegator)
            if name in targets.targets:
                return role, targets.targets[name]
            seen.add(role)
            children, is_last = _children(targets, name)
            ahead = ([] if is_last else ahead) + [(child, role) for child in reversed(children)]
        return None

    def _try_kept(self, role: str, update: Callable[[bytes], Any]) -> bytes | None:
        """Return what was kept of a role if it is still valid; new metadata are compared with it even if it is not."""
        kept = self._keeper.load(role)
        if kept is None:
            return None
        try:
            update(kept)
        except RepositoryError:
            return None
        return kept

    def _need(self, file: str, max_bytes: int) -> bytes:
        data = self._fetch(file, max_bytes)
        if data is None:
            raise UnavailableError(f"{file}: expected it in the repository, got nothing")
        return data

    def _file(self, role: str, version: int) -> str:
        name = quote(role, safe="")
        return f"metadata/{version}.{name}.json" if self._set.root.consistent_snapshot else f"metadata/{name}.json"

    def _signers(self, kind: type[Timestamp | Snapshot], data: bytes) -> tuple[str, ...]:
        signed = Metadata[Any].from_bytes(data)
        result = self._set.root.get_verification_result(kind.type, signed.signed_bytes, signed.signatures)
        return tuple(sorted(result.signed))

    def _keep(self, role: str, data: bytes, floors: Floors) -> None:
        self._keeper.keep(role, data, floors)
        self.floors = floors


def _children(targets: Targets, name: str) -> tuple[list[str], bool]:
    """Return the roles that are asked next for a target, and whether no others are."""
    children: list[str] = []
    if targets.delegations is not None:
        for child, is_terminating in targets.delegations.get_roles_for_target(name):
            children.append(child)
            if is_terminating:
                return children, True
    return children, False


def _issued(timestamp: Timestamp) -> int:
    issued = timestamp.unrecognized_fields.get(ISSUED)
    return min(issued, _MAX_UNIX_S) if type(issued) is int and issued > 0 else 0


def _moment(unix_s: float) -> datetime:
    return datetime.fromtimestamp(min(unix_s, _MAX_UNIX_S), timezone.utc)
