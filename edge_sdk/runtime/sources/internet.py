"""Addresses of cameras in the network: `rtsp://user:password@camera/stream#timeout_s=2`.

- A question mark is the address's own, so our options stand behind `#`, which is never sent.
- The name of a source is its address without what may be secret: user, password, and what stands behind `?`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from edge_sdk.errors import InputError


@dataclass(frozen=True, slots=True)
class Login:
    """An address in the network, taken apart.

    Attributes:
        url: The address without user and password.
        name: What to show of it.
        user: Who asks; empty if nobody does.
        password: Their password.
    """

    url: str = field(repr=False)
    name: str
    user: str = field(repr=False)
    password: str = field(repr=False)


def split_login(uri: str) -> Login:
    """Take an address apart.

    Raises:
        InputError: It has no host, or a port that is none; the message does not show it, since it may hold a password.
    """
    try:
        parts = urlsplit(uri)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an end, a port that is no number
        is_whole = False
    if not is_whole:
        scheme = uri.partition(":")[0]
        raise InputError(
            f"source: expected an address such as {scheme}://camera/stream, got one without a host or port",
            hint="in user and password @ is written as %40, / as %2F, : as %3A, # as %23 and ? as %3F",
        )
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    name = shown._replace(query="…" if shown.query else "").geturl()
    return Login(shown.geturl(), name, unquote(parts.username or ""), unquote(parts.password or ""))
