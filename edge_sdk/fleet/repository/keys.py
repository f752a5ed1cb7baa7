"""Keys as files: Ed25519 in PEM (PKCS#8), encrypted with a passphrase where a person can type one.

A file's name is for people; which role a key may sign for stands in the metadata, by the key's id.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from edge_sdk import files
from edge_sdk.errors import InputError

_MAX_BYTES = 1 << 14


def make_key(path: Path, *, passphrase: str = "") -> CryptoSigner:
    """Make a key and write it, readable for its owner alone.

    Args:
        path: The file; it must not be there yet.
        passphrase: Encrypts it; without one it is plain, and whoever reads the file has the key.

    Raises:
        InputError: There is a file already.
        UnavailableError: The folder cannot be written.
    """
    if path.exists():
        raise InputError(f"{path}: expected a new key file, got one that is there already")
    key = Ed25519PrivateKey.generate()
    how: KeySerializationEncryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    files.write_bytes(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how), is_private=True)
    return CryptoSigner(key)


def is_encrypted(path: Path) -> bool:
    """Tell whether a key file asks for a passphrase.

    Raises:
        InputError: It cannot be read.
    """
    return b"ENCRYPTED" in files.read_bytes(path, max_bytes=_MAX_BYTES)


def read_key(path: Path, *, passphrase: str = "") -> CryptoSigner:
    """Read a key.

    Raises:
        InputError: It cannot be read, the passphrase is not the right one, or it is no Ed25519 key.
    """
    data = files.read_bytes(path, max_bytes=_MAX_BYTES)
    secret = passphrase.encode() if b"ENCRYPTED" in data else None
    try:
        key = load_pem_private_key(data, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise InputError(f"{path}: expected a private key and its passphrase, got {exc}") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path}: expected an Ed25519 key, got {type(key).__name__}")
    return CryptoSigner(key)


def read_keys(folder: Path, *, passphrase: str = "", names: Iterable[str] = ("*.pem",)) -> list[CryptoSigner]:
    """Read the keys of a folder, in the order of their names.

    Args:
        folder: Where they are.
        passphrase: Of those that are encrypted.
        names: Patterns of their names.

    Raises:
        InputError: One cannot be read.
    """
    paths = sorted({path for name in names for path in folder.glob(name)})
    return [read_key(path, passphrase=passphrase) for path in paths]
