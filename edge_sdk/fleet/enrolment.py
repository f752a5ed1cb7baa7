"""The devices of a fleet, and their claims: each makes one board a member, once, within its hours.

- A token is 32 random bytes; the fleet keeps its digest alone, and compares in constant time.
- The first key that comes with a token is bound to it before anything is signed: the same key may ask again until the
  claim ends and gets the same certificate, another key gets nothing.
- A device has one claim at a time; a new one takes the place of the old.
- Who has a claim's token, used or not, may say how far the first boot of its board has come; the last word is kept.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge_sdk import files
from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.fleet.authority import Authority
from edge_sdk.fleet.certificates import check_device, fingerprint, read_request
from edge_sdk.fleet.refusals import Refusal, Refusals
from edge_sdk.wire import decode, encode
from edge_sdk.wire.enrolment import Claim, EnrolRequest, Home, Membership, Progress

CLAIM_HOURS = 24.0
_MAX_RECORD_BYTES = 8192
_MAX_REASON = 400
WRONG_TOKEN = "claim: expected one that was made here, got another"  # noqa: S105  a message


@dataclass(frozen=True, slots=True)
class Member:
    """What the fleet keeps of a device.

    Attributes:
        device: Its name.
        groups: The groups that it was told to be in.
        token_sha256: Digest of its claim's token; empty without a claim.
        expires_unix_s: Until when the claim is taken.
        key_sha256: The key that has used it; empty if none has.
        enrolled_unix_s: When that was first; 0 if it was not.
        progress_step: The step that the board's first boot told of last; empty for none.
        progress_state: How that stood: `doing`, `done`, `failed`.
        progress_reason: Why.
        progress_unix_s: When it was told.
        refused: Why a claim in this device's name was refused last, since its own was made; empty for none.
        refused_unix_s: When.
    """

    device: str
    groups: tuple[str, ...] = ()
    token_sha256: str = ""
    expires_unix_s: int = 0
    key_sha256: str = ""
    enrolled_unix_s: int = 0
    progress_step: str = ""
    progress_state: str = ""
    progress_reason: str = ""
    progress_unix_s: int = 0
    refused: str = ""
    refused_unix_s: int = 0

    @property
    def has_claim(self) -> bool:
        """Whether it was given a claim."""
        return bool(self.token_sha256)

    @property
    def news_unix_s(self) -> int:
        """When something was heard of it last that what it reports does not outdate; 0 for never."""
        is_way = self.enrolled_unix_s > 0 and self.progress_state != "failed"  # a member's steps end with its report
        return max(self.enrolled_unix_s, 0 if is_way else self.progress_unix_s, self.refused_unix_s)


class Enrolment:
    """The devices of a fleet in a folder; used by several threads and processes at once."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        """Take the folder.

        Args:
            folder: Where their records are.
            authority: Who certifies.
        """
        self._folder, self._authority = folder, authority
        self._refusals = Refusals(folder / "refusals")

    def claim(self, home: Home, *, now_s: int, hours: float = CLAIM_HOURS) -> Claim:
        """Make a claim, and forget the one that the device had.

        Args:
            home: What the device is to know.
            now_s: Unix time.
            hours: How long it is taken.

        Raises:
            InputError: The device's name cannot stand in a certificate, or the time is not above 0.
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        check_device(home.device)
        if not 0 < hours <= 24 * 366:
            raise InputError(f"hours: expected more than 0 and at most a year, got {hours:g}")
        token = secrets.token_urlsafe(32)
        claim = Claim(home, token, now_s + round(hours * 3600))
        with self._locked():
            digest = files.sha256_hex(token.encode())
            self._write(Member(home.device, home.groups, digest, claim.expires_unix_s))
            self._refusals.forget(home.device)
        return claim

    def answer(self, home: Home, request_pem: bytes, *, now_s: int) -> Membership:
        """Certify for a request that was carried here, and forget the claim that the device had.

        Args:
            home: What the device is to know.
            request_pem: Its request (PKCS #10), PEM.
            now_s: Unix time.

        Raises:
            InputError: The request is none, or not of this device.
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        with self._locked():
            certificate = self._authority.certify(home.device, request_pem, now_s=now_s)
            self._write(Member(home.device, home.groups))
        return Membership(home, certificate.decode())

    def members(self) -> tuple[Member, ...]:
        """Return what is kept of all devices.

        Raises:
            InputError: A record cannot be read.
        """
        found, refusals = (self._read(path.stem) for path in sorted(self._folder.glob("*.json"))), self._refusals.all()
        return tuple(_with(record, refusals.get(record.device)) for record in found if record is not None)

    def member(self, device: str) -> Member | None:
        """Return what is kept of a device; None if it is no member.

        Raises:
            InputError: The name cannot be a device's, or the record cannot be read.
        """
        check_device(device)
        record = self._read(device)
        return None if record is None else _with(record, self._refusals.all().get(device))

    def forget(self, device: str) -> None:
        """Keep nothing of a device any more; its claim is not taken.

        Raises:
            InputError: The name cannot be a device's.
        """
        check_device(device)
        with self._locked():
            self._path(device).unlink(missing_ok=True)
            self._refusals.forget(device)

    def certify(self, request: EnrolRequest, *, now_s: int) -> bytes:
        """Return the certificate for a claim, PEM.

        Raises:
            InputError: The claim is not taken, or the request is none; what is said of a wrong token is the same as of
                a device that has none.
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        check_device(request.device)
        with self._locked(), self._noting(request.device, now_s):
            record = self._claimed(request.device, request.token)
            if now_s >= record.expires_unix_s:
                raise InputError("claim: expected one that still holds, got one that has ended")
            pem = request.request.encode()
            key = fingerprint(read_request(pem, device=request.device))
            if record.key_sha256 not in ("", key):
                raise InputError("claim: expected one that was not used, got one that another key has used")
            self._write(replace(record, key_sha256=key, enrolled_unix_s=record.enrolled_unix_s or now_s))
            return self._authority.certify(request.device, pem, now_s=now_s)

    def note(self, progress: Progress, *, now_s: int) -> None:
        """Keep how far the first boot of a board has come.

        Raises:
            InputError: The token is not that of the device's claim, or there is no such device.
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        check_device(progress.device)
        with self._locked(), self._noting(progress.device, now_s):
            record = self._claimed(progress.device, progress.token)
            told = replace(
                record,
                progress_step=progress.step,
                progress_state=progress.state,
                progress_reason=progress.reason[:_MAX_REASON],
                progress_unix_s=now_s,
            )
            self._write(told)

    def renew(self, request: EnrolRequest, *, now_s: int) -> bytes:
        """Return a new certificate for a device that has shown one that is still believed, PEM.

        Raises:
            InputError: The request is none.
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        with self._locked():
            return self._authority.certify(request.device, request.request.encode(), now_s=now_s)

    def _claimed(self, device: str, token: str) -> Member:
        """Return the record of a device whose claim has this token; compared in constant time."""
        record = self._read(device) or Member(device)
        if not hmac.compare_digest(files.sha256_hex(token.encode()), record.token_sha256):
            raise InputError(WRONG_TOKEN)
        return record

    @contextmanager
    def _noting(self, device: str, now_s: int) -> Iterator[None]:
        """Keep why the name of a device was refused."""
        try:
            yield
        except InputError as exc:
            with suppress(UnavailableError):  # the answer is the same on a full disk
                self._refusals.note(device, str(exc), now_s=now_s)
            raise

    def _path(self, device: str) -> Path:
        return self._folder / f"{device}.json"

    def _read(self, device: str) -> Member | None:
        path = self._path(device)
        if not path.exists():
            return None
        return decode(Member, files.read_bytes(path, max_bytes=_MAX_RECORD_BYTES), where=str(path))

    def _write(self, record: Member) -> None:
        files.write_bytes(self._path(record.device), encode(record), is_private=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one thread of one process at a time look and write."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _with(record: Member, refusal: Refusal | None) -> Member:
    return replace(record, refused=refusal.reason, refused_unix_s=refusal.unix_s) if refusal else record
