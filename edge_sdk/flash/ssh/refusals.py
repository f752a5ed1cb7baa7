"""What OpenSSH says when it does not get there, and what to do about it.

- Each text is one that OpenSSH prints (ssh.c, sshconnect.c, sshconnect2.c, clientloop.c, packet.c, misc.c); those that
  were recorded are the cases of the tests.
- A key of a host that is not the known one is a matter of trust; all else may be well the next time.
- The first line of the table that fits decides; where none does, the last line that ssh said is told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_sdk.errors import EdgeError, TrustError, UnavailableError
from edge_sdk.flash.ssh.address import Address

_MAX_SAID = 300


@dataclass(frozen=True, slots=True)
class _Case:
    """A way to fail: what ssh says of it, what was expected and got, and the cure ({typed}, {known_as}, {host})."""

    said: str
    expected: str
    got: str
    hint: str
    is_trust: bool = False


_CASES = (
    _Case(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED[\s\S]*verification failed",
        "the board's key to be the known one",
        "another key: a new system on it, or another machine in its place",
        "if its system was installed anew: ssh-keygen -R '{known_as}', then ssh {typed} and compare the fingerprint",
        is_trust=True,
    ),
    _Case(
        r"REVOKED HOST KEY[\s\S]*verification failed",
        "a key that is not revoked",
        "one that your known hosts revoke",
        "this may be another machine: find out before you go on",
        is_trust=True,
    ),
    _Case(
        r"Host key verification failed|No \S+ host key is known for",
        "the board's key to be known",
        "a board that this computer has never seen",
        "once, by hand: ssh {typed}, and compare the fingerprint with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub "
        "on the board",
        is_trust=True,
    ),
    _Case(
        r"UNPROTECTED PRIVATE KEY FILE[\s\S]*Permission denied",
        "a key that only you can read",
        "one that others can read, which ssh does not use",
        "chmod 600 the key",
    ),
    _Case(
        r"Too many authentication failures",
        "the right key among the first",
        "too many keys tried",
        "name it in ~/.ssh/config: Host {host}, IdentityFile FILE, IdentitiesOnly yes",
    ),
    _Case(
        r"Permission denied \(",
        "to be let in",
        "a refusal: no key or password that the board takes",
        "ssh-copy-id {typed}; ssh -v {typed} tells what it tried",
    ),
    _Case(
        r"Connection refused",
        "ssh to be answered",
        "a refusal: the board is there, and no sshd listens",
        "on the board: sudo systemctl enable --now ssh",
    ),
    _Case(
        r"Could not resolve hostname",
        "a name that is known",
        "one that nobody knows",
        "is it on, and in this network? Try its IP address, or {host}.local",
    ),
    _Case(
        r"kex_exchange_identification",
        "a greeting of ssh",
        "a connection that was broken off: {last}",
        "is it a board's sshd, and has it started? Some refuse a computer for a while after failed logins",
    ),
    _Case(
        r"(Connection|Operation) timed out|Connection to .* timed out",
        "an answer in time",
        "none",
        "is it on, and in this network? ping {host}",
    ),
    _Case(
        r"No route to host|Network is unreachable|Host is down",
        "a way to the board",
        "none",
        "is it on, and in this network? ping {host}",
    ),
    _Case(
        r"no matching (host key type|key exchange method|cipher|MAC) found",
        "a method that both sides know",
        "none: one of the two is very old",
        "update the board's openssh-server; ssh -v {typed} tells what it offers",
    ),
    _Case(
        r"Bad owner or permissions on|Bad configuration option|terminating, \d+ bad configuration",
        "a configuration that ssh reads",
        "one that it refuses: {last}",
        "mend ~/.ssh/config; ssh -G {host} checks it",
    ),
    _Case(
        r"Timeout, server|Broken pipe|Connection reset by|closed by remote host|Connection closed by|mux_client",
        "the connection to hold",
        "its end: {last}",
        "run the same again: it goes on where it stopped",
    ),
)


def refusal(address: Address, said: str) -> EdgeError:
    """Return the error for a connection that failed.

    Args:
        address: Where it went.
        said: All that ssh wrote to its standard error.

    Returns:
        A `TrustError` where it is about who the board is, else an `UnavailableError`.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = (lines[-1] if lines else "nothing")[:_MAX_SAID]
    case = next((case for case in _CASES if re.search(case.said, said)), None)
    if case is None:
        return UnavailableError(f"{address}: expected a connection, got: {last}", hint=f"try ssh {address.typed}")
    words = {"typed": address.typed, "known_as": address.known_as, "host": address.host, "last": last}
    message = f"{address}: expected {case.expected}, got {case.got.format(**words)}"
    return (TrustError if case.is_trust else UnavailableError)(message, hint=case.hint.format(**words))
