"""Where a board is reached: `ssh://[user@]host[:port]`, checked before any program sees it.

- Only names that cannot be an option, a path or a piece of a shell's line are let through.
- What is not said (user, port, key, jump host) is left to the user's own `~/.ssh/config`.
- A password in an address ends in histories and logs: it is refused, and not shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_sdk.errors import InputError

_SCHEME = "ssh://"
_ADDRESS = re.compile(r"(?:(?P<user>[^@]*)@)?(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:@\[\]]*))(?::(?P<port>[^:/]*))?/?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}")
_SIX = re.compile(r"[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9_.-]{1,15})?")
_FORM = "ssh://[USER@]HOST[:PORT]"


@dataclass(frozen=True, slots=True)
class Address:
    """A board that runs.

    Attributes:
        host: Its name, its address, or a name of the user's `~/.ssh/config`.
        user: Who logs in; empty for what the configuration says.
        port: Where; 0 for what the configuration says.
    """

    host: str
    user: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address.

        Raises:
            InputError: It is none, or has a password.

        Example:
            >>> Address.parse("ssh://pi@press-4:2222")
            Address(host='press-4', user='pi', port=2222)
        """
        found = _ADDRESS.fullmatch(text.removeprefix(_SCHEME)) if text.startswith(_SCHEME) else None
        if found is None:
            raise InputError(f"{_shown(text)}: expected {_FORM}, got something else")
        user, host, six, port = found["user"], found["host"] or "", found["six"] or "", found["port"]
        if user is not None and ":" in user:
            raise InputError(
                f"{_SCHEME}…@{host or six}: expected no password in it, got one",
                hint="ssh asks for it; a key is better: ssh-copy-id",
            )
        if user is not None and not _USER.fullmatch(user):
            raise InputError(
                f"{_shown(text)}: expected a user's name of letters, digits, '.', '_', '-', got {user[:80]!r}"
            )
        if not (_SIX.fullmatch(six) if six else _HOST.fullmatch(host)):
            raise InputError(f"{_shown(text)}: expected the name or the address of a board, got {(host or six)[:80]!r}")
        if port is not None and not (port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= 65535):
            raise InputError(f"{_shown(text)}: expected a port from 1 to 65535, got {port[:20]!r}")
        return cls(host or six, user or "", int(port or 0))

    @property
    def options(self) -> tuple[str, ...]:
        """What `ssh` is told of it, ended by `--` and the host."""
        user = ("-l", self.user) if self.user else ()
        port = ("-p", str(self.port)) if self.port else ()
        return (*user, *port, "--", self.host)

    @property
    def typed(self) -> str:
        """What somebody would type to get there, after `ssh `."""
        port = f"-p {self.port} " if self.port else ""
        return port + (f"{self.user}@" if self.user else "") + self.host

    @property
    def known_as(self) -> str:
        """What the file of known hosts calls it."""
        return f"[{self.host}]:{self.port}" if self.port not in (0, 22) else self.host

    def __str__(self) -> str:
        """Return it as it is read."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        return f"{_SCHEME}{user}{host}" + (f":{self.port}" if self.port else "")


def _shown(text: str) -> str:
    """Return a text that fits a message, and has no password."""
    word = text if text.isprintable() else repr(text)
    return re.sub(r"//[^@/]*:[^@/]*@", "//…@", word)[:120]
