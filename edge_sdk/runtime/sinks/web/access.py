"""Who may look: pictures of a camera are nobody else's business.

- On this machine's own address anybody on it may look, and no page of another site: requests that name another host
  are refused (DNS rebinding).
- On an address that others can reach, a secret is asked for: as `Authorization: Bearer`, as `?token=` once in a
  browser, or as the cookie that it leaves there.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from edge_sdk.errors import InputError
from edge_sdk.files import unreadable

COOKIE = "edge_sdk"
_FORM = r"[A-Za-z0-9_-]{16,256}"
"""What a secret may be made of: what addresses and cookies carry as it is."""
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Access:
    """What a request must show.

    Attributes:
        is_local: Whether only this machine can reach the address.
        token: The secret; empty asks for none.
    """

    is_local: bool
    token: str

    def refusal(self, headers: Mapping[str, str], given: str) -> str:
        """Return why a request is refused; empty if it is not.

        Args:
            headers: The request's, by lower-case name.
            given: The token in its address, if any.
        """
        if self.is_local and _without_port(headers.get("host", "")) not in _LOCAL_NAMES:
            return "expected the host localhost"
        if not self.token or any(self._is_token(one) for one in (given, _bearer(headers), _cookie(headers))):
            return ""
        return "expected the token: add ?token=… to the address"

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())


def read_access(host: str, token_file: str | None, *, where: str) -> Access:
    """Return what requests must show.

    Args:
        host: The address that is listened on.
        token_file: A file with the secret; None for none.
        where: What messages call the sink.

    Raises:
        InputError: Others can reach the address and there is no secret, or the secret is short or cannot be read.
    """
    token = _read_token(Path(token_file)) if token_file is not None else ""
    is_local = _is_local(host)
    if not is_local and not token:
        raise InputError(
            f"{where}: expected ?token_file=PATH for an address that others can reach, got none",
            hint='make one with python3 -c "import secrets; print(secrets.token_urlsafe())", or tunnel with ssh -L',
        )
    return Access(is_local, token)


def _read_token(path: Path) -> str:
    try:
        token = path.read_bytes().strip().decode("ascii", "replace")
    except OSError as exc:
        raise unreadable(path, exc) from exc
    if re.fullmatch(_FORM, token) is None:
        raise InputError(f"{path}: expected 16 or more letters, digits, - and _, got {len(token)} characters")
    return token


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _bearer(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _cookie(headers: Mapping[str, str]) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""
