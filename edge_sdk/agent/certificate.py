"""The device's key and certificate: the key is made here; what comes back is checked before it is used."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge_sdk.errors import InputError

_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class Key:
    """A private key: ECDSA on P-256.

    Attributes:
        pem: As it is kept, not encrypted: the file's rights protect it.
    """

    pem: bytes

    @classmethod
    def make(cls) -> Key:
        """Make a new one."""
        return cls(
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def request(self, device: str) -> bytes:
        """Return a request for a certificate (PKCS #10), PEM.

        Raises:
            InputError: The key cannot be read.
        """
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self._private(), hashes.SHA256())
        return request.public_bytes(serialization.Encoding.PEM)

    def has(self, certificate: x509.Certificate) -> bool:
        """Tell whether a certificate is for this key.

        Raises:
            InputError: The key cannot be read.
        """
        return certificate.public_key() == self._private().public_key()

    def _private(self) -> ec.EllipticCurvePrivateKey:
        try:
            key = serialization.load_pem_private_key(self.pem, password=None)
        except (ValueError, TypeError) as exc:
            raise InputError(f"key: expected a private key in PEM, got {type(exc).__name__}") from exc
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise InputError(f"key: expected an ECDSA key, got {type(key).__name__}")
        return key


def belongs(certificate_pem: bytes, key: Key, *, ca_pem: bytes, device: str) -> bool:
    """Tell whether a certificate is for this key and name, and signed by this authority; times are not looked at."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(ca_pem))
        names = [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        return names == [device] and key.has(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False


def days_left(certificate_pem: bytes, now_s: int) -> float:
    """Return in how many days a certificate ends; below 0 if it has ended.

    Raises:
        InputError: It is none.
    """
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
    except ValueError as exc:
        raise InputError("certificate: expected one in PEM, got something else") from exc
    return (certificate.not_valid_after_utc.timestamp() - now_s) / _DAY_S
