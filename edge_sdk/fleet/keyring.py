"""The keys and certificates of a fleet together: what there is, how one is exchanged, how a device is put out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from cryptography import x509
from securesystemslib.signer import CryptoSigner

from edge_sdk import files
from edge_sdk.errors import InputError
from edge_sdk.fleet.authority import Issued
from edge_sdk.fleet.broker_config import write_broker
from edge_sdk.fleet.certificates import MAX_PEM_BYTES
from edge_sdk.fleet.enrolment import Member
from edge_sdk.fleet.folder import CLIENTS, ROOT_THRESHOLD, Fleet
from edge_sdk.fleet.repository import Quorum, sign_pending
from edge_sdk.fleet.repository.documents import read_document
from edge_sdk.fleet.repository.keys import make_key
from edge_sdk.fleet.repository.repository import Role

Ours = Literal["broker", "server", "ingest", "desk"]
Roles = Literal["online", "targets", "root"]
_SERVERS_ROLES: tuple[Role, ...] = ("director", "snapshot", "timestamp")


@dataclass(frozen=True, slots=True)
class Offline:
    """The offline keys that are at hand.

    Attributes:
        folder: Where they are.
        keys: They, by the names of their files without the ending: ROLE-NUMBER.
        passphrase: That encrypts them; empty for none.
    """

    folder: Path
    keys: dict[str, CryptoSigner]
    passphrase: str


@dataclass(frozen=True, slots=True)
class RoleKeys:
    """The keys of a role.

    Attributes:
        name: The role.
        threshold: How many must sign.
        keys: The first digits of their ids.
    """

    name: str
    threshold: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keyring:
    """All of it.

    Attributes:
        roles: The roles of the repository.
        certificates: Ours first, then those of devices.
        claims: What is kept of claims.
        pending: How many signatures are missing, by role that waits.
    """

    roles: tuple[RoleKeys, ...]
    certificates: tuple[Issued, ...]
    claims: tuple[Member, ...]
    pending: dict[str, int]


@dataclass(frozen=True, slots=True)
class Revoked:
    """A device that was put out."""

    device: str
    serials: tuple[str, ...]
    had_claim: bool
    is_dry_run: bool


@dataclass(frozen=True, slots=True)
class Rotated:
    """A key that was exchanged.

    Attributes:
        what: Which.
        files: The new files.
        old_files: Files of keys that are of no use once this is public.
        is_public: Whether it holds already; otherwise it waits for signatures.
        is_dry_run: Whether nothing was done.
    """

    what: str
    files: tuple[str, ...]
    old_files: tuple[str, ...]
    is_public: bool
    is_dry_run: bool


@dataclass(frozen=True, slots=True)
class Signed:
    """A document that waits, with the number of its signatures."""

    document: str
    signatures: int


def read_keyring(fleet: Fleet) -> Keyring:
    """Return what keys and certificates there are.

    Raises:
        InputError: Something cannot be read.
    """
    repository, authority = fleet.repository(), fleet.authority()
    root = repository.root
    roles = [_role(name, role.threshold, role.keyids) for name, role in sorted(root.roles.items())]
    director = repository.targets("targets").get_delegated_role("director")
    roles.append(_role("director", director.threshold, director.keyids))
    ours = [_ours(fleet, name) for name in get_args(Ours)]
    of_devices = [issued for device in authority.devices() for issued in authority.issued(device)]
    claims = tuple(member for member in fleet.enrolment().members() if member.has_claim)
    pending = {str(role): missing for role, missing in repository.pending().items()}
    return Keyring(tuple(roles), (*ours, *of_devices), claims, pending)


def revoke_device(fleet: Fleet, device: str, *, now_s: int, is_dry_run: bool = False) -> Revoked:
    """Believe no certificate of a device any more, and take no claim of it; the broker's list is written anew.

    Raises:
        InputError: It has neither a certificate nor a claim.
        UnavailableError: The disk cannot be written.
    """
    authority, enrolment = fleet.authority(), fleet.enrolment()
    serials = tuple(issued.serial for issued in authority.issued(device) if not issued.is_revoked)
    has_claim = any(member.device == device and member.has_claim for member in enrolment.members())
    if not serials and not has_claim:
        raise InputError(f"{device}: expected a certificate that is believed or a claim, got none")
    if not is_dry_run:
        enrolment.forget(device)
        with fleet.registry() as registry:
            registry.forget((device,))
        if serials:
            authority.revoke(device, now_s=now_s)
            write_broker(fleet.broker(), authority, None, fleet=fleet.settings.name)
    return Revoked(device, serials, has_claim, is_dry_run)


def rotate_certificate(fleet: Fleet, what: Ours, *, now_s: int, is_dry_run: bool = False) -> Rotated:
    """Give the broker, the server, the ingest or the desk a new key and certificate.

    Raises:
        UnavailableError: The disk cannot be written.
    """
    authority, folder = fleet.authority(), fleet.path / what
    if not is_dry_run:
        identity = (
            authority.client(CLIENTS[what], now_s=now_s)
            if what in CLIENTS
            else authority.server(fleet.settings.hosts, now_s=now_s)
        )
        identity.write(folder)
    new = (str(folder / "key.pem"), str(folder / "certificate.pem"))
    return Rotated(what, new, (), is_public=True, is_dry_run=is_dry_run)


def rotate_role(fleet: Fleet, what: Roles, offline: Offline, *, is_dry_run: bool = False) -> Rotated:
    """Give a role new keys, as many as it has; the old keys sign the change.

    Args:
        fleet: The fleet.
        what: Which role; `online` is the one key of snapshot, timestamp and director.
        offline: The offline keys that are at hand; new ones are written beside them.
        is_dry_run: Whether nothing is done.

    Raises:
        InputError: A key cannot be read.
        UnavailableError: The disk cannot be written.
    """
    folder = fleet.path / "keys-online" if what == "online" else offline.folder
    count = 1 if what == "online" else len(fleet.repository().root.roles[what].keyids)
    before = sorted(path for path in folder.glob(f"{what}-*.pem") if _number(path))
    last = max(map(_number, before), default=0)
    paths = [folder / f"{what}-{last + number}.pem" for number in range(1, count + 1)]
    is_public = True
    if not is_dry_run:
        passphrase = "" if what == "online" else offline.passphrase
        new = [make_key(path, passphrase=passphrase) for path in paths]
        repository = fleet.repository([*offline.keys.values(), *new])
        quorum = Quorum(tuple(key.public_key for key in new), ROOT_THRESHOLD if what == "root" else 1)
        roles = _SERVERS_ROLES if what == "online" else (what,)
        with fleet.changing():
            is_public = all([repository.rotate(role, quorum) for role in roles])
    return Rotated(what, tuple(map(str, paths)), tuple(map(str, before)), is_public, is_dry_run)


def sign_document(path: Path, offline: Offline) -> Signed:
    """Add signatures to a document that waits, by the keys of its role.

    Raises:
        InputError: It cannot be read, or there are no such keys.
        UnavailableError: It cannot be written.
    """
    role = read_document(path).signed.type
    keys = [key for name, key in offline.keys.items() if name.rpartition("-")[0] == role]
    if not keys:
        raise InputError(f"{offline.folder}: expected keys {role}-NUMBER.pem, got none", hint="--keys names the folder")
    return Signed(str(path), sign_pending(path, keys))


def _number(path: Path) -> int:
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else 0


def _role(name: str, threshold: int, keyids: Sequence[str]) -> RoleKeys:
    return RoleKeys(name, threshold, tuple(keyid[:12] for keyid in keyids))


def _ours(fleet: Fleet, name: str) -> Issued:
    pem = files.read_bytes(fleet.path / name / "certificate.pem", max_bytes=MAX_PEM_BYTES)
    one = x509.load_pem_x509_certificate(pem)
    return Issued(f"({name})", f"{one.serial_number:x}", int(one.not_valid_after_utc.timestamp()), is_revoked=False)
