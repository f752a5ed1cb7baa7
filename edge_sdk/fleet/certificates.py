"""Certificates and requests as X.509 and PKCS #10 have them: how ours look, and which requests are taken."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timezone

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge_sdk import files
from edge_sdk.errors import InputError

MAX_PEM_BYTES = 16 << 10
MAX_COMMON_NAME = 64
"""As X.509 bounds it (RFC 5280, ub-common-name)."""
_CURVES = ("secp256r1", "secp384r1")


def check_device(device: str) -> None:
    """Check that a name can be the common name of a device's certificate.

    Raises:
        InputError: It is no safe name, or too long for a certificate.
    """
    if not files.is_safe_name(device) or len(device) > MAX_COMMON_NAME:
        raise InputError(
            f"device: expected at most {MAX_COMMON_NAME} letters, digits, '.', '_', '-', got {device[:80]!r}"
        )


def read_request(request_pem: bytes, *, device: str) -> ec.EllipticCurvePublicKey:
    """Return the public key of a request, which shows that its sender has the private one.

    Args:
        request_pem: The request (PKCS #10), PEM.
        device: Whom it must name.

    Raises:
        InputError: It is none, of another name, or of a key that brokers may not take.
    """
    where = f"request of {device}"
    if len(request_pem) > MAX_PEM_BYTES:
        raise InputError(f"{where}: expected at most {MAX_PEM_BYTES} bytes, got {len(request_pem)}")
    try:
        request = x509.load_pem_x509_csr(request_pem)
        is_signed, key = request.is_signature_valid, request.public_key()
        names = [str(one.value) for one in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise InputError(f"{where}: expected a certificate request in PEM, got {type(exc).__name__}") from exc
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise InputError(f"{where}: expected a key on {' or '.join(_CURVES)}, got {type(key).__name__}")
    if not is_signed:
        raise InputError(f"{where}: expected the signature of its own key, got another")
    if names != [device]:
        raise InputError(f"{where}: expected the name {device!r}, got {', '.join(names)[:80]!r}")
    return key


def fingerprint(key: ec.EllipticCurvePublicKey) -> str:
    """Return the SHA-256 of a public key, in hexadecimal."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return files.sha256_hex(der)


def draft(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    not_before: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    """Return a certificate that lacks its extensions and its signature, with a serial number of chance."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )


def usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Return what a key may be used for: to sign certificates and their revocation, or to prove who one is."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def named(common_name: str) -> x509.Name:
    """Return a name that is a common name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def alternative(name: str) -> x509.GeneralName:
    """Return a name of a server as certificates have it: a number or a name of the DNS."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def moment(unix_s: int) -> datetime:
    """Return a Unix time as certificates have it."""
    return datetime.fromtimestamp(unix_s, tz=timezone.utc)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM (PKCS #8), not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
