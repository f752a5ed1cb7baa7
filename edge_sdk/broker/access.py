"""Who we are to a broker, and whom we believe."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import files, records
from edge_sdk.errors import InputError

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Access:
    """Who we are to a broker, and whom we believe: a TOML file.

    Attributes:
        user: Name; empty for none.
        password: Of the user.
        ca: File of the certificates that may sign the broker's; empty takes those of the system. For `mqtts://`.
        certificate: File of our own certificate; empty for none.
        key: File of its key.
    """

    user: str = ""
    password: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""


def read_access(path: Path) -> Access:
    """Read who we are to a broker.

    Raises:
        InputError: The file is not there, or each mistake in it by its place.
    """
    return records.read_toml(Access, files.read_bytes(path, max_bytes=_MAX_BYTES), where=str(path))


def encryption(access: Access, *, where: str) -> ssl.SSLContext:
    """Return how a connection is encrypted: TLS 1.2 or newer, and the broker's name must be in its certificate.

    Args:
        access: Who we are.
        where: What the broker is called in errors.

    Raises:
        InputError: A certificate or key cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=access.ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if access.certificate:
            context.load_cert_chain(access.certificate, access.key or None, password=_no_password)
    except (OSError, ValueError) as exc:
        wanted = ", ".join(filter(None, (access.ca, access.certificate, access.key))) or "certificates"
        raise InputError(f"{where}: expected {wanted}, got {exc}") from exc
    return context


def _no_password() -> str:
    raise ValueError("a key with a password, which nobody is there to type")
