"""The fleet's authority: what it certifies, for whom, and what it refuses."""

from __future__ import annotations

import contextlib
import ssl
import stat
from datetime import datetime, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from edge_sdk.errors import InputError
from edge_sdk.fleet.authority import DEVICE_DAYS, Authority
from edge_sdk.fleet.certificates import read_request
from tests.fleet.conftest import NOW_S
from tests.fleet.hardened import device_key, identity_of, request_of


def test_private_keys_are_their_owners_alone(authority, tmp_path):
    authority.server(["localhost"], now_s=NOW_S).write(tmp_path / "broker")
    for key in (authority.folder / "ca.key", tmp_path / "broker" / "key.pem"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(authority.folder.stat().st_mode) == 0o700


def test_a_second_authority_in_the_same_folder_is_refused(authority):
    before = authority.ca_pem
    with pytest.raises(InputError, match="expected no authority there, got one"):
        Authority.create(authority.folder, fleet="plant", now_s=NOW_S)
    assert Authority(authority.folder).ca_pem == before


def test_a_server_can_be_checked_by_a_clock_that_starts_in_1970(authority):
    server = x509.load_pem_x509_certificate(authority.server(["broker.local"], now_s=NOW_S).certificate_pem)
    ca = x509.load_pem_x509_certificate(authority.ca_pem)
    assert server.not_valid_before_utc == ca.not_valid_before_utc == datetime(1970, 1, 1, tzinfo=timezone.utc)


def test_openssl_checks_the_chain_strictly(authority, tmp_path):
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    (tmp_path / "crl.pem").write_bytes(authority.revoked_pem)
    authority.server(["localhost"], now_s=NOW_S).write(tmp_path / "server")
    identity_of(authority, "press-4", now_s=NOW_S).write(tmp_path / "device")
    accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    accepting.load_cert_chain(tmp_path / "server" / "certificate.pem", tmp_path / "server" / "key.pem")
    accepting.load_verify_locations(tmp_path / "ca.pem")
    accepting.load_verify_locations(tmp_path / "crl.pem")
    accepting.verify_mode = ssl.CERT_REQUIRED
    accepting.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_CRL_CHECK_LEAF
    asking = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    asking.load_cert_chain(tmp_path / "device" / "certificate.pem", tmp_path / "device" / "key.pem")
    assert handshake(accepting, asking)["subject"] == ((("commonName", "press-4"),),)


def handshake(accepting, asking):
    """Shake hands in memory; return the certificate that the server has seen."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = accepting.wrap_bio(to_server, to_client, server_side=True)
    waiting = {client, server}
    for _ in range(10):
        for side in tuple(waiting):
            try:
                side.do_handshake()
                waiting.discard(side)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
    return server.getpeercert()


def test_a_device_gets_a_certificate_for_its_own_key_and_name(authority):
    key = device_key()
    pem = authority.certify("press-4", request_of("press-4", key), now_s=NOW_S)
    certificate = x509.load_pem_x509_certificate(pem)
    assert certificate.public_key() == key.public_key()
    assert certificate.subject.rfc4514_string() == "CN=press-4"
    use = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(use) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    [issued] = authority.issued("press-4")
    assert (issued.serial, issued.is_revoked) == (f"{certificate.serial_number:x}", False)
    assert issued.expires_unix_s == NOW_S + DEVICE_DAYS * 86400


def test_a_device_cannot_have_certificates_without_end(authority):
    for _ in range(32):
        authority.certify("press-4", request_of("press-4"), now_s=NOW_S)
    with pytest.raises(InputError, match="request of press-4: expected at most 32 certificates of a device"):
        authority.certify("press-4", request_of("press-4"), now_s=NOW_S)
    authority.revoke("press-4", now_s=NOW_S)
    assert authority.certify("press-4", request_of("press-4"), now_s=NOW_S)


def test_revoking_takes_all_that_a_device_had_and_no_other(authority):
    for device in ("press-4", "press-4", "press-5"):
        identity_of(authority, device, now_s=NOW_S)
    assert len(authority.revoke("press-4", now_s=NOW_S + 60)) == 2
    assert [issued.is_revoked for issued in authority.issued("press-4")] == [True, True]
    assert [issued.is_revoked for issued in authority.issued("press-5")] == [False]
    with pytest.raises(InputError, match="press-4: expected a certificate that is believed, got none"):
        authority.revoke("press-4", now_s=NOW_S + 60)
    identity_of(authority, "press-4", now_s=NOW_S + 120)
    assert authority.revoke("press-4", now_s=NOW_S + 180)
    assert sum(issued.is_revoked for issued in authority.issued("press-4")) == 3
    assert authority.devices() == ("press-4", "press-5")


def test_a_request_of_another_name_is_refused(authority):
    with pytest.raises(InputError, match="request of press-4: expected the name 'press-4', got 'press-5'"):
        authority.certify("press-4", request_of("press-5"), now_s=NOW_S)
    with pytest.raises(InputError, match=r"expected the name 'press-4', got ''$"):
        authority.certify("press-4", request_of(""), now_s=NOW_S)
    assert authority.devices() == ()


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP224R1()), rsa.generate_private_key(public_exponent=65537, key_size=2048)]
)
def test_a_key_that_brokers_may_not_take_is_refused(authority, key):
    with pytest.raises(InputError, match="request of press-4: expected a key on secp256r1 or secp384r1, got"):
        authority.certify("press-4", request_of("press-4", key), now_s=NOW_S)


def test_a_request_that_its_key_did_not_sign_is_refused(authority):
    der = x509.load_pem_x509_csr(request_of("press-4")).public_bytes(serialization.Encoding.DER)
    for other in (der[:-1] + bytes([der[-1] ^ 1]), der[:-20] + bytes(20)):
        pem = ssl.DER_cert_to_PEM_cert(other).replace("CERTIFICATE", "CERTIFICATE REQUEST").encode()
        with pytest.raises(InputError, match="request of press-4: expected"):
            authority.certify("press-4", pem, now_s=NOW_S)


def test_a_name_that_a_certificate_cannot_have_is_refused(authority):
    with pytest.raises(InputError, match="device: expected at most 64 letters"):
        authority.certify("x" * 65, request_of("x"), now_s=NOW_S)


@given(st.binary(max_size=400), st.integers(0, 500), st.binary(max_size=8))
def test_no_bytes_are_a_request_by_chance(noise, start, change):
    good = request_of("press-4", _KEY)
    for pem in (noise, good[:start], good[:start] + change + good[start + len(change) :]):
        with contextlib.suppress(InputError):
            assert read_request(pem, device="press-4") == _KEY.public_key()


_KEY = device_key()


def test_a_request_without_end_is_refused_unread():
    with pytest.raises(InputError, match="expected at most 16384 bytes, got 20000"):
        read_request(b"x" * 20000, device="press-4")


def test_a_key_of_another_kind_is_no_authority(authority):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (authority.folder / "ca.key").write_bytes(pem)
    with pytest.raises(InputError, match="expected an ECDSA key"):
        Authority(authority.folder)
    (authority.folder / "ca.key").write_bytes(b"no key")
    with pytest.raises(InputError, match="expected a key and a certificate"):
        Authority(authority.folder)


def test_the_list_of_the_revoked_is_signed_by_the_authority(authority):
    identity_of(authority, "press-4", now_s=NOW_S)
    authority.revoke("press-4", now_s=NOW_S)
    revoked = x509.load_pem_x509_crl(authority.revoked_pem)
    ca = x509.load_pem_x509_certificate(authority.ca_pem)
    assert revoked.is_signature_valid(ca.public_key())
    assert isinstance(revoked.signature_hash_algorithm, hashes.SHA256)
    assert revoked.next_update_utc == ca.not_valid_after_utc
