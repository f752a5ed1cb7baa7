"""How people and networks reach a board: its Wi-Fi, and who may log in.

- The passphrase of a Wi-Fi stays here: what travels is the key that WPA derives from it for this one network
  (IEEE 802.11-2020, annex J.4: PBKDF2 with SHA-1, 4096 rounds). Whoever has it can join this network, and no more.
- WPA3 alone (SAE) needs the passphrase itself: such networks are not supported, those that take WPA2 too are.
- Login is by key only; a password is never set.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from edge_sdk.errors import InputError

_ROUNDS = 4096
_KEY_BYTES = 32
_DERIVED = re.compile(r"[0-9a-fA-F]{64}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_HOSTNAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_KEY_TYPES = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@")


@dataclass(frozen=True, slots=True)
class Wifi:
    """A network to join.

    Attributes:
        ssid: Its name, at most 32 bytes.
        psk: The key derived for it, 64 hexadecimal digits; empty for an open network.
        country: Where the board is, ISO 3166 in two letters: radios are silent until they know.
        hidden: Whether the network does not show its name.
    """

    ssid: str
    psk: str
    country: str
    hidden: bool = False

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: One is none.
        """
        if not 1 <= len(self.ssid.encode()) <= 32 or not self.ssid.isprintable():
            raise InputError(f"--wifi: expected a name of 1 to 32 bytes, got {self.ssid[:40]!r}")
        if not _COUNTRY.fullmatch(self.country):
            raise InputError(
                f"--wifi-country: expected two capital letters such as DE, got {self.country[:20]!r}",
                hint="radios are silent until they know where they are",
            )
        if self.psk and not _DERIVED.fullmatch(self.psk):
            raise InputError("--wifi: expected a key of 64 hexadecimal digits, got another")

    @classmethod
    def join(cls, ssid: str, passphrase: str, country: str, *, hidden: bool = False) -> Wifi:
        """Return the network with the key for it.

        Args:
            ssid: Its name.
            passphrase: 8 to 63 printable ASCII characters, or the key itself in 64 hexadecimal digits; empty if open.
            country: Two letters.
            hidden: Whether it does not show its name.

        Raises:
            InputError: A value is none.

        Example:
            >>> Wifi.join("IEEE", "password", "DE").psk[:16]  # the standard's own example
            'f42c6fc52df0ebef'
        """
        if passphrase and not _DERIVED.fullmatch(passphrase):
            if not (8 <= len(passphrase) <= 63 and passphrase.isascii() and passphrase.isprintable()):
                raise InputError("--wifi-password-file: expected 8 to 63 printable ASCII characters, got others")
            passphrase = hashlib.pbkdf2_hmac(
                "sha1", passphrase.encode(), ssid.encode(), _ROUNDS, dklen=_KEY_BYTES
            ).hex()
        return cls(ssid, passphrase.lower(), country, hidden)

    def encode(self) -> bytes:
        """Return `wifi.json` of a kit."""
        fields = {"ssid": self.ssid, "psk": self.psk, "country": self.country, "hidden": self.hidden}
        return json.dumps(fields).encode()


@dataclass(frozen=True, slots=True)
class Login:
    """Who may log in over SSH.

    Attributes:
        user: Made if it is not there.
        ssh_keys: Public keys, a line each.
    """

    user: str
    ssh_keys: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: One is none; a private key is said to be one, and not shown.
        """
        if not _USER.fullmatch(self.user):
            raise InputError(f"--user: expected a user's name in lower case, got {self.user[:40]!r}")
        if not self.ssh_keys:
            raise InputError("--ssh-key: expected a public key, got none", hint="~/.ssh/id_ed25519.pub")
        for key in self.ssh_keys:
            if "PRIVATE KEY" in key:
                raise InputError("--ssh-key: expected a public key, got a private one", hint="the file ending in .pub")
            if not key.startswith(_KEY_TYPES) or len(key.split()) < 2 or not key.isprintable():
                raise InputError(f"--ssh-key: expected a public key of OpenSSH, got {key[:20]!r}")

    @classmethod
    def read(cls, user: str, text: str) -> Login:
        """Return the login with the keys of a `.pub` or `authorized_keys` file.

        Raises:
            InputError: There is none, or one is none.
        """
        lines = (line.strip() for line in text.splitlines())
        return cls(user, tuple(line for line in lines if line and not line.startswith("#")))

    def encode(self) -> bytes:
        """Return `login.json` of a kit."""
        return json.dumps({"user": self.user, "ssh_keys": self.ssh_keys}).encode()


def hostname_of(device: str) -> str:
    """Return the name of a device as one that a network takes: lower case, what is not allowed becomes `-`.

    Example:
        >>> hostname_of("Press_4.a")
        'press-4-a'
    """
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")[:63].rstrip("-") or "board"


def check_hostname(name: str) -> None:
    """Check a name that a network is to take (RFC 1123, without dots).

    Raises:
        InputError: It is none.
    """
    if not _HOSTNAME.fullmatch(name):
        raise InputError(f"--hostname: expected letters a to z, digits and '-', at most 63, got {name[:80]!r}")
