"""The board's end of becoming a member: its key is made here, and every step may be cut off and done again.

- Each claim has a folder of its own, named after it: `identities/ID` with key, certificate, authority and home.
- `identity` is a link to the one in use, exchanged in one step when all is there: there is never half an identity.
- A board that was cut off between the answer and storing it asks again with the same key, and gets the same answer.
- The claim is wiped when it has been used; by then its token is bound to this board's key and of no use to others.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import files
from edge_sdk.agent.certificate import Key, belongs, days_left
from edge_sdk.agent.desk import ask
from edge_sdk.agent.home import read_home
from edge_sdk.errors import InputError, TrustError
from edge_sdk.wire import decode, encode
from edge_sdk.wire.enrolment import MAX_ENROLMENT_BYTES, Certified, Claim, EnrolRequest, Home, Membership

_MAX_BYTES = 1 << 20
RENEW_DAYS = 600
"""A certificate that ends sooner is renewed: of the five years that it has, a board may be off for most."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a board has become.

    Attributes:
        home: Where it belongs.
        is_new: Whether this has happened now.
        is_claim_wiped: Whether the claim is gone from the disk.
    """

    home: Home
    is_new: bool
    is_claim_wiped: bool


def enrol(claim_path: Path, folder: Path) -> Enrolled:
    """Become a member by a claim; one that was used here before is only wiped.

    Args:
        claim_path: The claim's file.
        folder: The device's folder.

    Raises:
        InputError: The claim is none, or the fleet refuses it.
        TrustError: The server is not the one that the claim names, or its answer is not for this key.
        UnavailableError: The server is not there, or the disk cannot be written.
    """
    claim = decode(Claim, files.read_bytes(claim_path, max_bytes=_MAX_BYTES), where=str(claim_path))
    mine = _Identity(folder, files.sha256_hex(claim.token.encode())[:16])
    is_new = not mine.is_done
    if is_new:
        message = encode(EnrolRequest(claim.home.device, claim.token, mine.key().request(claim.home.device).decode()))
        mine.use(claim.home, _certificate(claim.home, ask(claim.home, "/v1/enrol", message)))
    return Enrolled(claim.home, is_new, is_claim_wiped=_wipe(claim_path))


def request(folder: Path, device: str) -> bytes:
    """Return a request for a certificate, PEM, to be carried to the operator; asked again, it is for the same key.

    Raises:
        InputError: The name cannot be a device's.
        UnavailableError: The disk cannot be written.
    """
    if not files.is_safe_name(device):
        raise InputError(f"device: expected letters, digits, '.', '_', '-', got {device[:80]!r}")
    return _Identity(folder, f"for-{device}").key().request(device)


def accept(membership_path: Path, folder: Path) -> Enrolled:
    """Become a member by what the operator answered to a request.

    Raises:
        InputError: It is none, or for a device that made no request here.
        TrustError: The certificate is not for this board's key, or not of the authority that it names.
        UnavailableError: The disk cannot be written.
    """
    data = files.read_bytes(membership_path, max_bytes=_MAX_BYTES)
    membership = decode(Membership, data, where=str(membership_path))
    mine = _Identity(folder, f"for-{membership.home.device}")
    if not mine.has_key:
        device = membership.home.device
        raise InputError(
            f"{membership_path}: expected an answer to a request of this board, got one to {device}",
            hint=f"edge-sdk agent request {device}",
        )
    is_new = not mine.is_in_use
    mine.use(membership.home, membership.certificate.encode())
    return Enrolled(membership.home, is_new, is_claim_wiped=True)


def renew(folder: Path, *, now_s: int) -> bool:
    """Have the certificate renewed, for a new key, if it ends soon.

    Args:
        folder: The device's folder.
        now_s: Unix time.

    Returns:
        Whether it was.

    Raises:
        InputError: The board is no member, or the fleet refuses.
        TrustError: The server is not of this fleet, or its answer is not for this key.
        UnavailableError: The server is not there, or the disk cannot be written.
    """
    home = read_home(folder)
    if home is None:
        raise InputError(f"{folder}: expected a member of a fleet, got none", hint="edge-sdk agent enroll CLAIM")
    old = folder / "identity"
    certificate = files.read_bytes(old / "certificate.pem", max_bytes=_MAX_BYTES)
    if days_left(certificate, now_s) > RENEW_DAYS:
        return False
    mine = _Identity(folder, f"after-{files.sha256_hex(certificate)[:16]}")
    context = ssl.create_default_context(cadata=home.ca)
    context.load_cert_chain(old / "certificate.pem", old / "key.pem")
    message = encode(EnrolRequest(home.device, "", mine.key().request(home.device).decode()))
    mine.use(home, _certificate(home, ask(home, "/v1/renew", message, context=context)))
    return True


class _Identity:
    """One of the identities of this board: in use, being made, or used before and without its key."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._mine = folder / "identities" / name

    @property
    def has_key(self) -> bool:
        return (self._mine / "key.pem").exists()

    @property
    def is_in_use(self) -> bool:
        link = self._folder / "identity"
        return link.is_symlink() and link.resolve() == self._mine.resolve()

    @property
    def is_done(self) -> bool:
        """Whether it is in use, or was before another one took its place."""
        was_used = (self._mine / "certificate.pem").exists() and not self.has_key
        return self.is_in_use or was_used

    def key(self) -> Key:
        """Return its key; a new one is on the disk before anybody hears of it."""
        path = self._mine / "key.pem"
        if self.has_key:
            return Key(files.read_bytes(path, max_bytes=MAX_ENROLMENT_BYTES))
        key = Key.make()
        try:
            self._mine.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise files.unwritable(self._mine, exc) from exc
        files.write_bytes(path, key.pem, is_private=True)
        return key

    def use(self, home: Home, certificate: bytes) -> None:
        """Store what came, then exchange the link; the keys of those before go."""
        if not belongs(certificate, self.key(), ca_pem=home.ca.encode(), device=home.device):
            raise TrustError(f"{home.server}: expected a certificate for this board's key and name, got another")
        files.write_bytes(self._mine / "ca.pem", home.ca.encode())
        files.write_bytes(self._mine / "home.json", encode(home))
        files.write_bytes(self._mine / "certificate.pem", certificate)
        self._exchange()

    def _give_to_owner(self) -> None:
        """Let who owns the device's folder have it, where root enrols a board whose agent is another user."""
        owner = self._folder.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            for path in (self._mine.parent, self._mine, *self._mine.iterdir()):
                os.chown(path, owner.st_uid, owner.st_gid)

    def _exchange(self) -> None:
        following = self._folder / ".identity.next"
        try:
            self._give_to_owner()
            with suppress(FileNotFoundError):
                following.unlink()
            following.symlink_to(Path("identities") / self._mine.name)
            files.move(following, self._folder / "identity")
            for other in self._mine.parent.iterdir():
                if other != self._mine and (other / "certificate.pem").exists():
                    (other / "key.pem").unlink(missing_ok=True)
        except OSError as exc:
            raise files.unwritable(self._folder, exc) from exc


def _certificate(home: Home, answer: bytes) -> bytes:
    return decode(Certified, answer, where=home.server).certificate.encode()


def _wipe(claim: Path) -> bool:
    """Overwrite and delete; a card may keep the old bytes, but the token in them has been used up."""
    try:
        with claim.open("r+b") as file:
            file.write(bytes(claim.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        claim.unlink()
    except OSError:
        return False
    return True
