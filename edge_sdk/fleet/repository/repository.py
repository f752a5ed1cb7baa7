"""The operator's repository: its roles, their keys, and how what they sign becomes public.

- root and targets are signed by keys that are offline; snapshot, timestamp and director by keys of the server. The
  director's delegation covers `director/…` alone (docs/decisions/0041-a-director-that-only-chooses.md).
- Files are there before the metadata that name them; the timestamp comes last. A power cut leaves the state before.
- What the keys at hand cannot sign waits (`pending`) until other machines have added their signatures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, MetaFile, Root, Signed, Snapshot, Targets, Timestamp

from edge_sdk.errors import InputError
from edge_sdk.fleet.repository.documents import Documents, read_document

Role = Literal["root", "targets", "snapshot", "timestamp", "director"]
TopRole = Literal["root", "targets", "snapshot", "timestamp"]
_OFFLINE: tuple[Role, ...] = ("root", "targets")
"""Roles whose documents wait for signatures; those of the others are made anew instead."""
_TOP_ROLES: tuple[TopRole, ...] = ("root", "targets", "snapshot", "timestamp")
_DAY_S = 86_400
VALID_S: dict[Role, int] = {
    "root": 365 * _DAY_S,
    "targets": 365 * _DAY_S,
    "snapshot": 30 * _DAY_S,
    "timestamp": 7 * _DAY_S,
    "director": 30 * _DAY_S,
}
"""How long what a role signs is valid."""
_ISSUED = "issued_unix_s"
"""A field of our timestamps: when they were signed. Boards without a clock learn the time from it."""
_DIRECTOR_PATHS = ["director/devices/*", "director/groups/*"]


@dataclass(frozen=True, slots=True)
class Quorum:
    """The keys of a role.

    Attributes:
        keys: Their public parts.
        threshold: How many of them must sign.
    """

    keys: tuple[Key, ...]
    threshold: int = 1

    def __post_init__(self) -> None:
        """Check the number.

        Raises:
            InputError: More must sign than there are, or none.
        """
        if not 1 <= self.threshold <= len(self.keys):
            raise InputError(f"threshold: expected 1 to {len(self.keys)}, got {self.threshold}")


class Repository:
    """A repository in a folder: `metadata`, `targets`, and `pending` for what lacks signatures.

    Attributes:
        folder: Where it is.
    """

    def __init__(
        self, folder: Path, signers: Sequence[CryptoSigner] = (), *, clock: Callable[[], float] = time.time
    ) -> None:
        """Open one that is there.

        Args:
            folder: Where it is.
            signers: The keys that are at hand here.
            clock: The time, in seconds since 1970.
        """
        self.folder = folder
        self._documents = Documents(folder)
        self._signers = {signer.public_key.keyid: signer for signer in signers}
        self._clock = clock

    def create(self, quorums: Mapping[Role, Quorum]) -> None:
        """Begin a new one; enough keys of each role must be at hand.

        Args:
            quorums: The keys of each role.

        Raises:
            InputError: There is one already, or keys are missing.
            UnavailableError: The folder cannot be written.
        """
        if self._documents.version("root"):
            raise InputError(f"{self.folder}: expected a new repository, got one that is there already")
        root = Root(consistent_snapshot=True)
        for role in _TOP_ROLES:
            _set_keys(root, role, quorums[role])
        director = quorums["director"]
        delegated = DelegatedRole("director", [], director.threshold, terminating=True, paths=_DIRECTOR_PATHS)
        targets = Targets(delegations=Delegations({}, {"director": delegated}))
        for key in director.keys:
            targets.add_key(key, "director")
        for role, signed in (("root", root), ("targets", targets), ("director", Targets())):
            if not self.put(role, signed):
                self._documents.withdraw(role)
                raise InputError(f"{role}: expected enough of its keys at hand, got too few")
        self.refresh()

    @property
    def root(self) -> Root:
        """The newest root."""
        return self._documents.read("root", Root).signed

    def root_bytes(self) -> bytes:
        """Return the newest root as it is given to a device when it is set up."""
        return self._documents.read("root", Root).to_bytes()

    def targets(self, role: Literal["targets", "director"]) -> Targets:
        """Return what a role says of its targets, with what waits for signatures."""
        waiting = self._documents.waiting(role)
        return waiting.signed if waiting is not None else self._documents.read(role, Targets).signed

    def is_released(self, target: str) -> bool:
        """Tell whether a target is public and signed offline."""
        return target in self._documents.read("targets", Targets).signed.targets

    def put(self, role: Role, signed: Signed) -> bool:
        """Sign a new version of what a role says with the keys at hand, and make it public if they are enough.

        Returns:
            Whether it is public; otherwise it waits for signatures, if it is of an offline role.

        Raises:
            UnavailableError: The folder cannot be written.
        """
        signed.version = self._documents.version(role) + 1
        signed.expires = self._moment(VALID_S[role])
        document = Metadata[Any](signed)
        for keyid in self._wanted(role, signed):
            document.sign(self._signers[keyid], append=True)
        return self._settle(role, document)

    def complete(self) -> list[Role]:
        """Make public what waited and has its signatures by now; return the roles.

        Raises:
            InputError: A document that waits cannot be read.
            UnavailableError: The folder cannot be written.
        """
        done: list[Role] = []
        for role in _OFFLINE:
            waiting = self._documents.waiting(role)
            if waiting is not None and self._settle(role, waiting):
                done.append(role)
        return done

    def pending(self) -> dict[Role, int]:
        """Return how many signatures are missing of each role that waits.

        Raises:
            InputError: A document that waits cannot be read.
        """
        found: dict[Role, int] = {}
        for role in _OFFLINE:
            waiting = self._documents.waiting(role)
            if waiting is not None:
                found[role] = max(result.missing for result in self._results(role, waiting))
        return found

    def refresh(self) -> bool:
        """Sign a new timestamp, and a new snapshot if there is something new in it or it is half through its time.

        Returns:
            Whether the keys for it are at hand.

        Raises:
            UnavailableError: The folder cannot be written.
        """
        if self._is_stale("director") and self.put("director", self.targets("director")):
            return True  # with it, snapshot and timestamp are new as well
        meta = {f"{role}.json": MetaFile(self._documents.version(role)) for role in ("targets", "director")}
        if not self._is_snapshot_current(meta) and not self.put("snapshot", Snapshot(meta=meta)):
            return False
        snapshot = MetaFile(self._documents.version("snapshot"))
        fields = {_ISSUED: int(self._clock())}
        return self.put("timestamp", Timestamp(snapshot_meta=snapshot, unrecognized_fields=fields))

    def rotate(self, role: Role, quorum: Quorum) -> bool:
        """Give a role other keys; those that it had and has no longer are revoked.

        What it said last is signed anew with the new keys, those of them that are at hand.

        Returns:
            Whether it is public; otherwise it waits for signatures of root, or of targets for the director.

        Raises:
            UnavailableError: The folder cannot be written.
        """
        if role == "director":
            targets = self.targets("targets")
            _replace_director(targets, quorum)
            return self.put("targets", targets)
        waiting = self._documents.waiting("root")
        root = waiting.signed if waiting is not None else self.root
        _set_keys(root, role, quorum)
        return self.put("root", root)

    def _settle(self, role: Role, document: Metadata[Any]) -> bool:
        if not all(self._results(role, document)):
            if role in _OFFLINE:
                self._documents.wait(role, document)
            return False
        self._documents.publish(role, document)
        if role == "root":
            self._sign_anew(("targets", "director"))
        elif role == "targets":
            self._sign_anew(("director",))
        if role in {"root", "targets", "director"} and self._documents.version("timestamp"):
            self.refresh()
        return True

    def _sign_anew(self, roles: Sequence[Literal["targets", "director"]]) -> None:
        """Sign again what the keys of now did not sign."""
        for role in roles:
            if self._documents.version(role) and not all(self._results(role, self._documents.read(role, Targets))):
                self.put(role, self.targets(role))

    def _results(self, role: Role, document: Metadata[Any]) -> list[Any]:
        """Return how far the signatures of a document go: by the root before too if it is a root."""
        payload, signatures = document.signed_bytes, document.signatures
        if role == "root":
            before = [self.root] if self._documents.version("root") else []
            return [one.get_verification_result("root", payload, signatures) for one in (*before, document.signed)]
        return [self._delegator(role).get_verification_result(role, payload, signatures)]

    def _wanted(self, role: Role, signed: Signed) -> list[str]:
        """Return the ids of the keys at hand that may sign for a role."""
        delegators: list[Any] = [self._delegator(role)] if role != "root" else [signed]
        if role == "root" and self._documents.version("root"):
            delegators.append(self.root)
        keyids = dict.fromkeys(keyid for one in delegators for keyid in one.get_delegated_role(role).keyids)
        return [keyid for keyid in keyids if keyid in self._signers]

    def _delegator(self, role: Role) -> Root | Targets:
        return self._documents.read("targets", Targets).signed if role == "director" else self.root

    def _is_snapshot_current(self, meta: Mapping[str, MetaFile]) -> bool:
        if not self._documents.version("snapshot"):
            return False
        document = self._documents.read("snapshot", Snapshot)
        is_signed = all(self._results("snapshot", document))
        return is_signed and document.signed.meta == meta and not self._is_stale("snapshot")

    def _is_stale(self, role: Literal["snapshot", "director"]) -> bool:
        """Tell whether half of the time that a document is valid is over."""
        kind: Any = Snapshot if role == "snapshot" else Targets
        return bool(self._documents.read(role, kind).signed.is_expired(self._moment(VALID_S[role] // 2)))

    def _moment(self, after_s: int) -> datetime:
        return datetime.fromtimestamp(int(self._clock()) + after_s, timezone.utc)


def sign_pending(path: Path, signers: Sequence[CryptoSigner]) -> int:
    """Add signatures to a document that waits, on whatever machine the keys are; return how many it has now.

    Raises:
        InputError: It cannot be read.
        UnavailableError: It cannot be written.
    """
    from edge_sdk import files

    document = read_document(path)
    for signer in signers:
        document.sign(signer, append=True)
    files.write_bytes(path, document.to_bytes())
    return len(document.signatures)


def _set_keys(root: Root, role: TopRole, quorum: Quorum) -> None:
    for keyid in tuple(root.roles[role].keyids):
        root.revoke_key(keyid, role)
    for key in quorum.keys:
        root.add_key(key, role)
    root.roles[role].threshold = quorum.threshold


def _replace_director(targets: Targets, quorum: Quorum) -> None:
    role = targets.get_delegated_role("director")
    for keyid in tuple(role.keyids):
        targets.revoke_key(keyid, "director")
    for key in quorum.keys:
        targets.add_key(key, "director")
    role.threshold = quorum.threshold
