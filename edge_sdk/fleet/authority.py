"""The fleet's own certificate authority: who is a device, who is the broker, and whom nobody believes any more.

- Keys are ECDSA on P-256, which every broker and library of boards takes; a private key's file is its owner's alone.
- A device's key is made on the device: only its request comes here, and its common name is the device's name.
- The certificate of a server holds from 1970 on, since boards check it by clocks that may start there; that of a device
  is checked by machines that have the time.
- A server's certificate cannot be used by a client, nor a client's by a server.
- What is revoked stands in one list, signed anew each time, which the broker and the enrolment read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from edge_sdk import files
from edge_sdk.errors import InputError
from edge_sdk.fleet.certificates import (
    MAX_COMMON_NAME,
    MAX_PEM_BYTES,
    alternative,
    certificate_pem,
    check_device,
    draft,
    key_pem,
    moment,
    named,
    read_request,
    usage,
)

CA_DAYS = 50 * 365
SERVER_DAYS = 5 * 365
DEVICE_DAYS = 5 * 365
_MAX_BELIEVED = 32
"""So many certificates a device may have at once: each renewal leaves one behind until it ends."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key and the certificate of its public one, both PEM."""

    key_pem: bytes
    certificate_pem: bytes

    def write(self, folder: Path) -> None:
        """Write `key.pem`, which only its owner may read, and `certificate.pem`.

        Raises:
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        files.write_bytes(folder / "key.pem", self.key_pem, is_private=True)
        files.write_bytes(folder / "certificate.pem", self.certificate_pem)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was issued to a device.

    Attributes:
        device: Its common name.
        serial: Its number, in hexadecimal.
        expires_unix_s: When it ends.
        is_revoked: Whether it stands in the list of those nobody believes.
    """

    device: str
    serial: str
    expires_unix_s: int
    is_revoked: bool


class Authority:
    """The authority in a folder: `ca.key`, `ca.pem`, `crl.pem`, and each device's certificates."""

    def __init__(self, folder: Path) -> None:
        """Open it.

        Raises:
            InputError: There is none, or its key cannot be read.
        """
        self.folder = folder
        self.ca_pem = files.read_bytes(folder / "ca.pem", max_bytes=MAX_PEM_BYTES)
        ca_key_pem = files.read_bytes(folder / "ca.key", max_bytes=MAX_PEM_BYTES)
        try:
            key = serialization.load_pem_private_key(ca_key_pem, password=None)
            self._certificate = x509.load_pem_x509_certificate(self.ca_pem)
        except (ValueError, TypeError) as exc:
            raise InputError(f"{folder}: expected a key and a certificate, got {exc}") from exc
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise InputError(f"{folder / 'ca.key'}: expected an ECDSA key, got {type(key).__name__}")
        self._key = key

    @classmethod
    def create(cls, folder: Path, *, fleet: str, now_s: int) -> Authority:
        """Make a new one.

        Args:
            folder: Where; nobody else may enter it.
            fleet: Name of the fleet, for people.
            now_s: Unix time.

        Raises:
            InputError: There is one already.
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        if (folder / "ca.key").exists():
            raise InputError(f"{folder}: expected no authority there, got one")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = ec.generate_private_key(ec.SECP256R1())
        name = named(f"{fleet[:40]} fleet authority")
        certificate = (
            draft(name, name, key.public_key(), _EPOCH, moment(now_s) + timedelta(days=CA_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        files.write_bytes(folder / "ca.key", key_pem(key), is_private=True)
        files.write_bytes(folder / "ca.pem", certificate_pem(certificate))
        authority = cls(folder)
        authority._write_revoked([], now_s)
        return authority

    @property
    def revoked_pem(self) -> bytes:
        """The list of those nobody believes any more.

        Raises:
            InputError: It is not there.
        """
        return files.read_bytes(self.folder / "crl.pem", max_bytes=64 << 20)

    def server(self, names: Sequence[str], *, now_s: int) -> Identity:
        """Return a new key and certificate of a server.

        Args:
            names: Its names and addresses, as clients call it.
            now_s: Unix time.

        Raises:
            InputError: There is no name.
        """
        if not names:
            raise InputError("names: expected a name or an address of the server, got none")
        key = ec.generate_private_key(ec.SECP256R1())
        unsigned = draft(
            named(names[0][:MAX_COMMON_NAME]),
            self._certificate.subject,
            key.public_key(),
            _EPOCH,
            moment(now_s) + timedelta(days=SERVER_DAYS),
        ).add_extension(x509.SubjectAlternativeName([alternative(name) for name in names]), critical=False)
        return Identity(
            key_pem(key), certificate_pem(self._finish(unsigned, key.public_key(), ExtendedKeyUsageOID.SERVER_AUTH))
        )

    def client(self, name: str, *, now_s: int) -> Identity:
        """Return a new key and certificate of a client of ours, such as the ingest."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Identity(key_pem(key), certificate_pem(self._client(name, key.public_key(), now_s)))

    def certify(self, device: str, request_pem: bytes, *, now_s: int) -> bytes:
        """Return a certificate for the key of a device, PEM, and keep a copy; asked again for a key, the same one.

        Args:
            device: Its name, which the request must have.
            request_pem: Its request (PKCS #10), PEM.
            now_s: Unix time.

        Raises:
            InputError: The request is none, of another name, or of a key that brokers may not take or nobody believes.
            UnavailableError: The disk is full, or the folder cannot be written.
        """
        check_device(device)
        key, revoked, believed = read_request(request_pem, device=device), set(self._revoked()), 0
        for pem in self._copies(device):
            copy = x509.load_pem_x509_certificate(pem)
            left, is_revoked = copy.not_valid_after_utc - moment(now_s), copy.serial_number in revoked
            believed += not is_revoked and left > timedelta(0)
            if copy.public_key() == key and is_revoked:
                raise InputError(f"request of {device}: expected a key that is believed, got one that was revoked")
            if copy.public_key() == key and left > timedelta(days=DEVICE_DAYS) / 2:
                return pem
        if believed >= _MAX_BELIEVED:
            raise InputError(
                f"request of {device}: expected at most {_MAX_BELIEVED} certificates of a device, got another",
                hint=f"edge-sdk fleet keys revoke {device}",
            )
        certificate = self._client(device, key, now_s)
        pem = certificate_pem(certificate)
        files.write_bytes(self._of(device) / f"{certificate.serial_number:x}.pem", pem)
        return pem

    def revoke(self, device: str, *, now_s: int) -> tuple[str, ...]:
        """Believe no certificate of a device any more that was issued until now.

        Returns:
            Their serial numbers, in hexadecimal.

        Raises:
            InputError: It has none.
        """
        mine = [issued.serial for issued in self.issued(device) if not issued.is_revoked]
        if not mine:
            raise InputError(f"{device}: expected a certificate that is believed, got none")
        self._write_revoked([*self._revoked(), *(int(serial, 16) for serial in mine)], now_s)
        return tuple(mine)

    def devices(self) -> tuple[str, ...]:
        """Return the devices that have or had a certificate."""
        folder = self.folder / "devices"
        return tuple(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else ()

    def issued(self, device: str) -> tuple[Issued, ...]:
        """Return the certificates of a device, the last to end last.

        Raises:
            InputError: A copy cannot be read.
        """
        revoked = set(self._revoked())
        all_of_it = (x509.load_pem_x509_certificate(pem) for pem in self._copies(device))
        found = [
            Issued(
                device,
                f"{one.serial_number:x}",
                int(one.not_valid_after_utc.timestamp()),
                one.serial_number in revoked,
            )
            for one in all_of_it
        ]
        return tuple(sorted(found, key=lambda issued: (issued.expires_unix_s, issued.serial)))

    def _copies(self, device: str) -> Iterator[bytes]:
        check_device(device)
        for path in sorted(self._of(device).glob("*.pem")):
            yield files.read_bytes(path, max_bytes=MAX_PEM_BYTES)

    def _of(self, device: str) -> Path:
        return self.folder / "devices" / device

    def _client(self, name: str, key: ec.EllipticCurvePublicKey, now_s: int) -> x509.Certificate:
        now = moment(now_s)
        unsigned = draft(
            named(name), self._certificate.subject, key, now - _CLOCKS_DIFFER, now + timedelta(days=DEVICE_DAYS)
        )
        return self._finish(unsigned, key, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _finish(
        self, unsigned: x509.CertificateBuilder, key: ec.EllipticCurvePublicKey, use: x509.ObjectIdentifier
    ) -> x509.Certificate:
        return (
            unsigned.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _revoked(self) -> list[int]:
        return [one.serial_number for one in x509.load_pem_x509_crl(self.revoked_pem)]

    def _write_revoked(self, serials: list[int], now_s: int) -> None:
        """Sign the list anew; it does not expire while the authority is believed, or the broker would refuse all."""
        now = moment(now_s)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now - _CLOCKS_DIFFER)
            .next_update(self._certificate.not_valid_after_utc)
            .add_extension(x509.CRLNumber(now_s), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now)
            builder = builder.add_revoked_certificate(entry.build())
        pem = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        files.write_bytes(self.folder / "crl.pem", pem)
